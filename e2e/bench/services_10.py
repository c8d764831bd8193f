"""A rolling restart under load: of every role in pods of its own, and of the one pod of topology Compact."""

import sys
import time

from world import kube
from world.apart import ROLES, Apart
from world.player import play
from world.scene import CLIP, NAMESPACE, follow

from .under_load import Load


def main():
    apart = Apart()
    lost, served = distributed(apart)
    outage = compact(apart.scene)
    print("compared: status and hash of every answer with those before the restart")
    print(f"figure: Distributed {lost} of {served} requests failed; Compact out for {outage:.1f} s")
    sys.exit(0 if lost == 0 and served > 1_000 and outage <= 10 else 1)


def distributed(apart):
    """Requests lost while every pod of every role is replaced, of how many."""
    content = apart.upload(CLIP)["output"]["content"]
    apart.scene.ticket.mint(apart.scene.holder)
    gate = apart.signed_in(apart.scene.holder)
    stream = gate.playback(content).must(200, 201).json()["url"]
    before = {pod["metadata"]["uid"] for role in ROLES for pod in apart.pods(role)}
    with Load(apart.url, stream, gate.token) as load:
        time.sleep(3)
        apart.change({"log": "warn" if time.time() % 2 < 1 else "info"})
        time.sleep(2)
        apart.ready(600)
        time.sleep(5)
    after = {pod["metadata"]["uid"] for role in ROLES for pod in apart.pods(role)}
    stayed = len(before & after)
    for _, what in load.failed[:5] + load.wrong[:5]:
        print(f"  {what}")
    print(f"  {len(before)} pods replaced, {stayed} stayed; {load.served} served, {len(load.failed)} failed, {len(load.wrong)} wrong", flush=True)
    return len(load.failed) + len(load.wrong) + stayed, load.served


def compact(scene):
    """Seconds between the last answer of the old pod and the first of the new one, with an upload riding through."""
    job = scene.upload()
    scene.ticket.mint(scene.holder)
    kube.kubectl("rollout", "restart", "deployment/demo-all", "-n", NAMESPACE)
    out, began = 0.0, None
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if scene.answers():
            if began is not None:
                out = max(out, time.monotonic() - began)
                break
        elif began is None:
            began = time.monotonic()
        time.sleep(0.05)
    content = follow(job)["output"]["content"]
    stream = scene.signed_in(scene.holder).playback(content).must(200, 201).json()["url"]
    print(f"  Compact: out for {out:.1f} s; the job that ran meanwhile plays: {play(stream)}", flush=True)
    return out if began is not None else 999.0


if __name__ == "__main__":
    main()
