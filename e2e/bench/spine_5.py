"""Only holders play: every refusal on playlists, init and every segment of a real stream; the lease
outlasted by a viewing; the end of it after a transfer; a chain that does not answer."""

import sys
import time
import urllib.parse

from world import FOOTAGE, kube, player
from world.gate import Gate
from world.scene import NAMESPACE, Scene, follow

LEASE_SECONDS = 10


class Table:
    """What was asked, what was expected, what was seen."""

    def __init__(self):
        self.rows, self.wrong = 0, 0

    def expect(self, what, answer, status, *words):
        body = answer.body.decode(errors="replace")
        problem = answer.headers.get("Content-Type", "").startswith("application/problem+json")
        good = answer.status == status and all(word in body for word in words) and (status < 400 or problem)
        self.rows, self.wrong = self.rows + 1, self.wrong + (not good)
        if not good:
            print(f"  WRONG {what}: {answer.status}, expected {status} {words}: {body[:200]}")

    def say(self, text):
        print(f"  {text}: {self.rows} answers so far, {self.wrong} wrong", flush=True)


def paths(stream):
    """Every path of a stream: master, playlists, init and media segments."""
    found = [stream]
    for playlist in player.variants(stream):
        init, segments, _ = player.segments(playlist)
        found += [playlist, init] + [url for _, url in segments]
    return [urllib.parse.urlsplit(url).path for url in found]


def with_handle(path, handle):
    _, v, _, rest = path.split("/", 3)
    return f"/{v}/{handle}/{rest}"


def forge(handle):
    """The same handle with one character of its signature changed."""
    head, signature = handle.rsplit(".", 1)
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def get(gate, path):
    return gate.ask("GET", path)


def main():
    scene, table = Scene(), Table()
    nobody = Gate(scene.url)
    token = scene.ticket.mint(scene.holder)
    first = follow(scene.upload())["output"]["content"]
    # Another picture: the same one would be the same bytes, and so the same names.
    second = follow(scene.upload(FOOTAGE / "open-gop-2997.mp4"))["output"]["content"]
    holder, stranger = scene.signed_in(scene.holder), scene.signed_in(scene.stranger)
    stream = holder.playback(first).must(200, 201).json()["url"]
    other = holder.playback(second).must(200, 201).json()["url"]
    all_ = paths(stream)
    handle = all_[0].split("/")[2]
    for path in all_:
        table.expect("holder", get(nobody, path), 200)
        table.expect("forged handle", get(nobody, with_handle(path, forge(handle))), 401)
        table.expect("no handle", get(nobody, with_handle(path, "none")), 401)
    table.say(f"{len(all_)} paths as holder, with a forged and without a handle")
    for path in paths(other):
        if path.endswith((".m4s", ".mp4")):
            table.expect("handle of another content", get(nobody, with_handle(path, handle)), 403, "reason")
    table.say("objects of another content")
    table.expect("nobody asks", nobody.playback(first), 401)
    table.expect("stranger asks", stranger.playback(first), 403, "TokenRequired", "required", scene.ticket.address.lower()[2:10])
    outlast(table, nobody, all_)
    revoke(scene, table, nobody, all_, token)
    silence(scene, table, nobody)
    expire(scene, table, first)
    print(f"figure: {table.rows - table.wrong} of {table.rows} answers as they must be")
    sys.exit(0 if table.wrong == 0 else 1)


def outlast(table, gate, all_):
    """A viewing of more than three leases goes on without a new sign-in."""
    begin = time.monotonic()
    while time.monotonic() - begin < 3.2 * LEASE_SECONDS:
        for path in all_[:4]:
            table.expect("viewing beyond its lease", get(gate, path), 200)
        time.sleep(1)
    table.say("a viewing of more than three leases")


def revoke(scene, table, gate, all_, token):
    """All tokens of the holder go: the running viewing ends within a lease."""
    for number in range(1, token + 1):
        try:
            scene.ticket.transfer(number, scene.holder, scene.others[0])
        except Exception:
            continue  # it went in an earlier run
    begin = time.monotonic()
    while get(gate, all_[0]).status == 200 and time.monotonic() - begin < 2 * LEASE_SECONDS:
        time.sleep(0.5)
    print(f"  the viewing ended {time.monotonic() - begin:.1f} s after the transfer (lease {LEASE_SECONDS} s)")
    for path in all_:
        table.expect("after the transfer", get(gate, path), 403, "TokenRequired", "required")
    table.say("after the transfer")
    scene.ticket.mint(scene.holder)


def silence(scene, table, gate):
    """The chain does not answer: refused with a reason, and served again once it does."""
    holder = scene.signed_in(scene.holder)
    content = holder.ask("GET", "/api/v1/contents").json()["contents"][0]["id"]
    time.sleep(2 * LEASE_SECONDS)
    scene.chain.pause()
    try:
        table.expect("chain down", holder.playback(content), 503, "reason")
    finally:
        scene.chain.resume()
    kube.until("an answer after the chain is back", lambda: holder.playback(content).status in (200, 201), 30)
    table.say("chain down and back")


def expire(scene, table, content):
    """A handle past its end: with no pause allowance, the clip's own length after it was made."""
    patch = lambda seconds: kube.kubectl("patch", "streamgates", "demo", "-n", NAMESPACE, "--type=merge", "-p", '{"spec":{"auth":{"pauseAllowanceSeconds":%d}}}' % seconds)
    patch(0)
    rolled(scene)
    stream = scene.signed_in(scene.holder).playback(content).must(200, 201).json()["url"]
    all_ = paths(stream)
    time.sleep(27)
    for path in all_:
        table.expect("expired handle", get(Gate(scene.url), path), 401)
    table.say("expired handle")
    patch(14400)
    rolled(scene)


def rolled(scene):
    """Waits until a change of the StreamGate is out and serves."""
    time.sleep(2)
    kube.kubectl("rollout", "status", "deployment/demo-all", "-n", NAMESPACE, "--timeout=120s")
    scene.ready()


if __name__ == "__main__":
    main()
