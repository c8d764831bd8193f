"""Two replicas under load: a key goes next, active, retired and is withdrawn; then each replica is restarted. No request is refused or cut.
What it withdraws is refused."""
import contextlib
import subprocess
import threading
import time
import urllib.request

from . import serving

# Longest time until a replica has taken over a changed file, with a margin.
TAKEN_OVER = 8
RATE = 400


class Load:
    """Requests at a rate, in the background, until `result` is asked for."""

    def __init__(self, address, paths, seconds):
        self.told, stub = None, type("Stub", (), {"address": address, "certificate": None, "cpu": lambda: 0.0})
        options = {"connections": 32, "seconds": seconds, "rate": RATE}
        self.thread = threading.Thread(target=lambda: setattr(self, "told", serving.ask(stub, paths, core=None, **options)))
        self.thread.start()

    def result(self):
        self.thread.join()
        return self.told


def key(path, name):
    """A new key: private and public PEM."""
    private = path / f"{name}.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    public = subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], check=True, capture_output=True, text=True).stdout
    return private.read_text(), public


def put(path, name, text):
    """As kubelet does: the new file in one step."""
    (path / "keys/.new").write_text(text)
    (path / "keys/.new").rename(path / "keys" / name)


def rotation(path, replicas):
    """Loads of every stage, with handles of the key that may sign then; and what is refused in the end."""
    keys = path / "keys"
    old_public = (keys / "playback.pub.pem").read_text()
    new, new_public = key(path, "next")
    subprocess.run([serving.LOAD, "handles", path, path / "next.pem", path / "of-next.txt"], check=True)
    of_old, of_new = path / "gate-65536.txt", path / "of-next.txt"
    listed = endpoints(path, replicas)
    stages = []

    def stage(name, paths):
        stages.append((name, Load(f"@{listed}", paths, 6).result()))

    stage("active", of_old)
    during = Load(f"@{listed}", of_old, 3 * TAKEN_OVER + 12)
    # As the operator does it: one private key, and public ones of all that verify.
    put(path, "playback.pub.pem", old_public + new_public)
    time.sleep(TAKEN_OVER)
    known = [jwks(replica) for replica in replicas]
    put(path, "playback.pub.pem", new_public + old_public)
    put(path, "playback.pem", new)
    time.sleep(TAKEN_OVER)
    stage("new key", of_new)
    stages.append(("old key meanwhile", during.result()))
    # Withdrawn: in an emergency at once, else when the last handle of it has ended.
    put(path, "playback.pub.pem", new_public)
    time.sleep(TAKEN_OVER)
    stage("new key alone", of_new)
    refused = Load(f"@{listed}", of_old, 2).result()
    return stages, refused, known


def jwks(replica):
    with urllib.request.urlopen(f"http://{replica.address}/.well-known/jwks.json", timeout=5) as answer:
        return answer.read().count(b'"kid"')


def endpoints(path, replicas):
    listed = path / "endpoints"
    (path / "endpoints.new").write_text("".join(f"{replica.address}\n" for replica in replicas))
    (path / "endpoints.new").rename(listed)
    return listed


def restarts(path, replicas, stack):
    """Each replica is told to end, leaves the list when it says it is not ready, ends, and a new one joins."""
    listed = endpoints(path, replicas)
    load = Load(f"@{listed}", path / "of-next.txt", 30)
    for at in range(2):
        time.sleep(2)
        leaving = replicas[at]
        leaving.process.terminate()
        while answers(leaving):
            time.sleep(0.05)
        endpoints(path, [replicas[1 - at]])
        leaving.process.wait(30)
        replicas[at] = stack.enter_context(serving.gate(path, core=None, audit=f"again-{at}"))
        endpoints(path, replicas)
    return load.result()


def answers(server):
    with contextlib.suppress(OSError):
        with urllib.request.urlopen(f"http://{server.admin}/readyz", timeout=1):
            return True
    return False


def shown(name, told):
    print(f"  {name}: {told['requests']} served, wrong {told['wrong'] or 'none'}, asked again on a new connection {told['again']}", flush=True)
    return sum(told["wrong"].values())


def main():
    serving.build()
    with serving.folder() as path, contextlib.ExitStack() as stack:
        path = serving.seed(path)
        replicas = [stack.enter_context(serving.gate(path, core=None, audit=f"audit-{n}")) for n in range(2)]
        stages, refused, known = rotation(path, replicas)
        rotated = sum(shown(name, told) for name, told in stages)
        withdrawn = set(refused["wrong"]) == {"HTTP/1.1 401 Unauthorized"} and refused["requests"] == 0
        print(f"  the key withdrawn: {refused['requests']} served, {refused['wrong']}; keys published while it was next: {known}")
        told = restarts(path, replicas, stack)
        restarted = shown("two restarts", told)
    served = sum(told["requests"] for _, told in stages) + told["requests"]
    print("compared: status and length of every answer with what was promised, by clients that ask for whole segments")
    print(f"figure: {rotated + restarted} of {served} refused or cut over a rotation and 2 restarts; the withdrawn key "
          + ("is refused" if withdrawn else "STILL SERVES"))
    return 0 if rotated + restarted == 0 and withdrawn and min(known) >= 3 and served > 10_000 else 1


if __name__ == "__main__":
    raise SystemExit(main())
