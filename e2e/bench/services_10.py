"""A rolling restart under load: of every role in pods of its own, and of the one pod of topology Compact."""

import sys
import threading
import time
from http.client import HTTPException

from world import Failed, kube
from world.apart import ROLES, Apart
from world.gate import PART, TUS
from world.player import play
from world.scene import CLIP, NAMESPACE, follow, job_names

from .under_load import Load


def main():
    apart = Apart()
    lost, served = distributed(apart)
    outage = compact(apart.scene)
    print("compared: status of every answer and hash of every segment with those before the restart")
    print(f"figure: Distributed {lost} of {served} requests failed; Compact out for {outage:.1f} s")
    sys.exit(0 if lost == 0 and served > 1_000 and outage <= 10 else 1)


def distributed(apart):
    """Requests lost while every pod of every role is replaced, of how many."""
    content = apart.upload(CLIP)["output"]["content"]
    apart.scene.ticket.mint(apart.scene.holder)
    gate = apart.signed_in(apart.scene.holder)
    creator = apart.signed_in(apart.scene.creator)
    stream = gate.playback(content).must(200, 201).json()["url"]
    before, began = uids(apart), time.monotonic()
    with Load(apart.url, stream, gate.token, creator.token) as load:
        time.sleep(5)
        apart.change({"log": "warn" if apart.log() == "info" else "info"})
        kube.until("an end of all old pods", lambda: not before & uids(apart), 900, 1)
        apart.ready(300)
        # Those on their way out are gone, too.
        time.sleep(15)
    for _, what in load.failed[:8] + load.wrong[:8]:
        print(f"  {what}")
    print(f"  {len(before)} pods replaced in {time.monotonic() - began:.0f} s: {load.served} requests served,"
          f" {len(load.failed)} failed, {len(load.wrong)} wrong", flush=True)
    return len(load.failed) + len(load.wrong), load.served


def uids(apart):
    return {pod["metadata"]["uid"] for role in ROLES for pod in apart.pods(role)}


def compact(scene):
    """Seconds between the last answer of the old pod and the first of the new one, with a job and an upload riding through."""
    job = scene.upload()
    scene.ticket.mint(scene.holder)
    known, upload = job_names(), Upload(scene)
    kube.kubectl("rollout", "restart", "deployment/demo-all", "-n", NAMESPACE)
    began, deadline = None, time.monotonic() + 120
    out = 999.0
    while time.monotonic() < deadline:
        if scene.answers():
            if began is not None:
                out = time.monotonic() - began
                break
        elif began is None:
            began = time.monotonic()
        time.sleep(0.05)
    upload.join()
    second = kube.until("a job of the upload that rode through", lambda: job_names() - known, 60).pop()
    holder = scene.signed_in(scene.holder)
    for name in (job, second):
        content = follow(name)["output"]["content"]
        stream = holder.playback(content).must(200, 201).json()["url"]
        print(f"  {name} plays: {play(stream)}", flush=True)
    print(f"  Compact: out for {out:.1f} s; {upload.tries} requests of the upload had no answer and were sent again", flush=True)
    return out


class Upload(threading.Thread):
    """A slow upload by the protocol: what has no answer is asked for and gone on with."""

    def __init__(self, scene):
        super().__init__(daemon=True)
        self.gate, self.tries = scene.signed_in(scene.creator), 0
        self.data = CLIP.read_bytes()
        self.start()

    def run(self):
        place = self.gate.create(len(self.data), filename=CLIP.name, title="Rode through", rule="ticket")
        piece, offset = min(PART, -(-len(self.data) // 40)), 0
        while offset < len(self.data):
            try:
                offset = self.sent(place, offset, piece)
            except (OSError, HTTPException, Failed):
                self.tries += 1
            time.sleep(0.3)

    def sent(self, place, offset, piece):
        """Where the upload stands after another piece."""
        headers = TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        answer = self.gate.ask("PATCH", place, self.data[offset : offset + piece], headers, timeout=10)
        if answer.status != 204:
            answer = self.gate.ask("HEAD", place, headers=TUS, timeout=10).must(200)
        return int(answer.headers["Upload-Offset"])


if __name__ == "__main__":
    main()
