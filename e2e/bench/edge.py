"""The edge of the page on playback, exactly as it stands there: a real nginx in front of a gate. Segments are kept once for all
viewers; each is asked for at the gate first, so whoever it refuses gets nothing, however often others were served."""
import contextlib
import hashlib
import http.client
import re
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from . import serving

PAGE = serving.ROOT / "docs/src/how-to/playback.md"
SIZE, COLD = 65536, 1 << 20
READ = 'streamgate_streaming_segment_bytes_total{media="video"}'
# Longest time until a gate has taken over a file of keys, with a margin; and until it knows a revocation.
TAKEN_OVER, REVOKED = 8, 2
WRAPPED = """user root; daemon off; worker_processes 1; pid {work}/nginx.pid; error_log {work}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {work}/a; proxy_temp_path {work}/b; fastcgi_temp_path {work}/c; uwsgi_temp_path {work}/d; scgi_temp_path {work}/e;
{documented}
}}
"""


def documented():
    """The configuration of the page."""
    return re.search(r"```nginx\n(.*?)```", PAGE.read_text(), re.S).group(1)


@contextlib.contextmanager
def edge(path, gate):
    """nginx with that configuration; nothing in it is replaced but addresses and the folder."""
    work = path / "edge"
    work.mkdir()
    port, text = serving.free_port(), documented()
    for there, here in [("gate.example:80", gate.address), ("listen 8080", f"listen 127.0.0.1:{port}"), ("/var/cache/streamgate", f"{work}/cache")]:
        assert text.count(there) == 1, there
        text = text.replace(there, here)
    (work / "nginx.conf").write_text(WRAPPED.format(work=work, documented=text))
    process = subprocess.Popen(["nginx", "-p", work, "-c", work / "nginx.conf"], stderr=subprocess.DEVNULL)
    server = serving.Server("edge", process, f"127.0.0.1:{port}")
    try:
        serving.ready(server, f"http://{server.address}/.well-known/jwks.json", work / "error.log")
        yield server
    finally:
        server.end()


def ask(server, path, method="GET", **headers):
    """Status, headers and body."""
    connection = http.client.HTTPConnection(server.address, timeout=20)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


class Checks:
    def __init__(self):
        self.failed, self.passed = [], 0

    def __call__(self, what, good, seen=""):
        print(f"  {'ok    ' if good else 'FAILED'} {what}{'' if good else f': {seen}'}", flush=True)
        self.failed += [] if good else [what]
        self.passed += good


def shared(check, gate, edge, segments):
    """Viewers of one content are served one copy."""
    first, *others = segments
    before = gate.metrics()[READ]
    status, headers, body = ask(edge, first)
    tag = headers.get("etag")
    check("a segment comes whole, by the tag it is known by", (status, len(body), tag) == (200, SIZE, f'"{hashlib.sha256(body).hexdigest()}"'), (status, tag))
    check("the gate read it once", gate.metrics()[READ] - before == SIZE)
    told = [ask(edge, path) for path in [first, *others]]
    check("other viewers of the content get the same bytes", all(t[0] == 200 and t[2] == body for t in told), [t[0] for t in told])
    check("from the edge: the gate read nothing more", gate.metrics()[READ] - before == SIZE)
    status, headers, part = ask(edge, others[0], Range="bytes=100-199")
    check("a range is cut at the edge", (status, part) == (206, body[100:200]) and headers["content-range"] == f"bytes 100-199/{SIZE}", status)
    check("a copy the viewer has is not sent again", ask(edge, others[0], If_None_Match=tag)[0] == 304)
    check("HEAD says the length", ask(edge, others[0], "HEAD")[1].get("content-length") == str(SIZE))
    check("still nothing more was read", gate.metrics()[READ] - before == SIZE)


def at_once(check, gate, edge, paths):
    """Viewers who ask for the same cold segment together."""
    before = gate.metrics()[READ]
    with ThreadPoolExecutor(len(paths)) as pool:
        told = list(pool.map(lambda path: ask(edge, path), paths))
    check(f"{len(paths)} viewers at once get a cold segment", all(t[0] == 200 and len(t[2]) == COLD for t in told), [t[0] for t in told])
    read = gate.metrics()[READ] - before
    check("and the gate reads it once", read == COLD, read / COLD)


def refused(check, edge, first, elsewhere):
    """What is kept is no use to those whom the gate does not admit."""
    handle, file = first.split("/", 3)[2:]
    other = elsewhere.split("/")[2]
    status, headers, _ = ask(edge, f"/v/{other}/{file}")
    check("a handle of another content opens nothing", status in (403, 404), status)
    check("the gate says why", headers.get("content-type") == "application/problem+json", headers)
    forged = handle[:-2] + ("AA" if handle[-2:] != "AA" else "BB")
    status, headers, _ = ask(edge, f"/v/{forged}/{file}")
    check("a forged handle is refused, by the gate's own words", status == 401 and headers.get("content-type") == "application/problem+json", (status, headers))
    check("the question of the edge cannot be asked from outside", ask(edge, "/admit")[0] == 404)


def revoke(path, session):
    """As signing out does."""
    with contextlib.closing(sqlite3.connect(path / "catalog.db", timeout=10)) as catalog, catalog:
        catalog.execute("INSERT INTO revoked_sessions VALUES (?)", (session,))
        catalog.execute("UPDATE epoch SET number = number + 1")


def withdraw(path):
    """Another key verifies handles from now on, as after a withdrawal."""
    private, keys = path / "next.pem", path / "keys"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", keys / ".new"], check=True)
    (keys / ".new").rename(keys / "playback.pub.pem")


def main():
    serving.build()
    check = Checks()
    with serving.folder() as path, contextlib.ExitStack() as stack:
        path = serving.seed(path)
        # Viewer n watches content n modulo 256.
        listed = [line.split()[0] for line in (path / "live.txt").read_text().splitlines()]
        segments, playlist = [listed[0], listed[256], listed[512]], listed[len(listed) // 2]
        cold = [line.split()[0] for line in (path / "cold.txt").read_text().splitlines()][:32]
        gate = stack.enter_context(serving.gate(path, core=None))
        front = stack.enter_context(edge(path, gate))
        shared(check, gate, front, segments)
        at_once(check, gate, front, cold)
        refused(check, front, segments[0], listed[1])
        status, headers, text = ask(front, playlist)
        check("playlists pass through", status == 200 and b"#EXTM3U" in text and "no-cache" in headers["cache-control"], status)

        revoke(path, "session-256")
        time.sleep(REVOKED)
        status, headers, _ = ask(front, segments[1])
        check("who signed out is refused a segment the edge has", status in (401, 403), status)
        check("and nobody else is", [ask(front, segments[n])[0] for n in (0, 2)] == [200, 200])

        withdraw(path)
        time.sleep(TAKEN_OVER)
        told = [ask(front, segments[n])[0] for n in (0, 2)]
        check("when the key is withdrawn, nobody is served from the edge", told == [401, 401], told)
    print("compared: status and bytes of answers through the edge, and what the gate read for them, with what the page promises")
    print(f"figure: {check.passed} of {check.passed + len(check.failed)} promises of the documented edge hold")
    return 1 if check.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
