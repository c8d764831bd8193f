"""Uploads cut and killed: the server's own test on both stores, then one upload through a gate in the
cluster, cut 100 times at random bytes while the gate is killed 20 times. `SEED=…` repeats a run."""

import base64
import hashlib
import os
import random
import re
import socket
import subprocess
import sys
import urllib.parse

from world import ROOT, Failed, catalog, kube
from world.gate import TUS, Gate
from world.kill import kill
from world.scene import CLIP, NAMESPACE, Scene, follow, job_names

CUTS, KILLS = 100, 20
GATE_PODS = ("-l", "app.kubernetes.io/component=all")


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"  seed {seed}")
    stores = server_test()
    print("".join(f"  {line}\n" for line in stores), end="", flush=True)
    scene, dice = Scene(), random.Random(seed)
    jobs, contents = job_names(), {row[0] for row in catalog.query("SELECT id FROM contents")}
    upload, cuts, kills = through_storms(scene, dice)
    new_job = kube.until("a TranscodeJob", lambda: job_names() - jobs, 60).pop()
    status = follow(new_job)
    jobs = job_names() - jobs
    contents = {row[0] for row in catalog.query("SELECT id FROM contents")} - contents
    same = stored(upload) == hashlib.sha256(CLIP.read_bytes()).hexdigest()
    print(f"  {cuts} cuts, {kills} kills; {len(contents)} content, {len(jobs)} job ({status['phase']}); stored bytes {'equal' if same else 'DIFFER FROM'} {CLIP.name}")
    exact = sum("hashes=exact" in line for line in stores)
    print(f"figure: hash exact {exact + same} of 3, {len(contents)} content, {len(jobs)} job after {cuts} cuts and {kills} kills")
    sys.exit(0 if exact == 2 and same and len(contents) == len(jobs) == 1 and (cuts, kills) == (CUTS, KILLS) else 1)


def server_test():
    """What the test of the server says of each store."""
    command = ["cargo", "test", "--release", "--workspace", "--test", "upload", "survive", "--", "--nocapture"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return re.findall(r"store=\w+ cuts=.*", done.stdout)


def through_storms(scene, dice):
    """One upload; its id, how often it was cut and the gate was killed."""
    data, gate = CLIP.read_bytes(), scene.signed_in(scene.creator)
    pairs = {"filename": CLIP.name, "title": "storms", "rule": "ticket"}
    encoded = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in pairs.items())
    created = gate.ask("POST", "/api/v1/uploads", b"", TUS | {"Upload-Length": str(len(data)), "Upload-Metadata": encoded}).must(201)
    path = created.headers["Location"]
    path = path[path.index("/api/") :]
    kills = 0
    for cut in range(CUTS):
        offset = standing(gate, path)
        most = 2 * (len(data) - offset) // (CUTS - cut + 1)
        send_part(gate, path, offset, data, dice.randrange(most + 1))
        if cut % (CUTS // KILLS) == 0:
            kills += kill_gate(scene)
    offset = standing(gate, path)
    headers = TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    gate.ask("PATCH", path, data[offset:], headers).must(204)
    return path.rsplit("/", 1)[1], CUTS, kills


def standing(gate, path):
    """The offset the server stands at, as soon as a server answers."""

    def ask():
        try:
            answer = gate.ask("HEAD", path, headers=TUS, timeout=10)
        except OSError:
            return None
        return answer if answer.status in (200, 204) else None

    return int(kube.until("the gate answers", ask, 90, 0.2).headers["Upload-Offset"])


def send_part(gate, path, offset, data, stop):
    """A PATCH that announces everything and is cut after `stop` bytes."""
    where = urllib.parse.urlsplit(gate.url)
    head = (
        f"PATCH {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {gate.token}\r\nTus-Resumable: 1.0.0\r\n"
        f"Upload-Offset: {offset}\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: {len(data) - offset}\r\n\r\n"
    )
    try:
        with socket.create_connection((where.hostname, where.port), 10) as connection:
            connection.sendall(head.encode() + data[offset : offset + stop])
    except OSError:
        pass  # A gate that is just being killed cuts the connection itself.


def kill_gate(scene):
    """SIGKILLs the gate. Its dead pod is taken away, since kubelet would wait longer every time."""
    pods = kube.items("pods", NAMESPACE, *GATE_PODS)
    killed = sum(kill(pod, "streamgate-dataplane") for pod in pods)
    if not killed:
        raise Failed("there was no gate to kill")
    for pod in pods:
        kube.kubectl("delete", "pod", pod["metadata"]["name"], "-n", NAMESPACE, "--force", "--grace-period=0", "--wait=true")
    kube.kubectl("rollout", "status", "deployment/demo-all", "-n", NAMESPACE, "--timeout=120s")
    return 1


def stored(upload):
    """SHA-256 of what the gate's volume holds of an upload, in the order of its parts."""
    digest = hashlib.sha256()
    root = catalog.path().parent / "objects"
    for (key,) in catalog.query("SELECT key FROM upload_parts WHERE upload = ? ORDER BY part", upload):
        digest.update((root / key).read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
