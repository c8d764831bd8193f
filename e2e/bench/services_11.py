"""Topology Distributed on the real cluster: the main job from upload to stream, and each role killed once under load."""

import sys
import time

from world import kube
from world.apart import ROLES, Apart
from world.player import play
from world.scene import CLIP

from .under_load import Load


def main():
    apart = Apart()
    content, gate, stream = path(apart)
    worst, lost = 0.0, 0
    creator = apart.signed_in(apart.scene.creator)
    with Load(apart.url, stream, gate.token, creator.token) as load:
        time.sleep(3)
        for role in ROLES:
            failed, recovery = killed(apart, role, load)
            worst, lost = max(worst, recovery), lost + failed
    wrong = len(load.wrong)
    for _, what in load.wrong[:5]:
        print(f"  WRONG {what}")
    refused = apart.signed_in(apart.scene.stranger).playback(content).status == 403
    print("compared: hash of every segment with that before, where each upload stands with what was sent, refusals with what is right")
    print(f"figure: {wrong} wrong of {load.served + lost + wrong} answers, {lost} failed, recovery at most {worst:.1f} s")
    sys.exit(0 if wrong == 0 and refused and worst <= 10 and load.served > 1_000 else 1)


def path(apart):
    """The main job: upload, encode, sign in, play, refuse."""
    content = apart.upload(CLIP)["output"]["content"]
    apart.scene.ticket.mint(apart.scene.holder)
    gate = apart.signed_in(apart.scene.holder)
    stream = gate.playback(content).must(200, 201).json()["url"]
    print(f"  frames {play(stream)}")
    apart.signed_in(apart.scene.stranger).playback(content).must(403)
    return content, gate, stream


def killed(apart, role, load):
    """Requests that failed after a pod of the role was killed, and seconds until all is well."""
    begin = time.monotonic()
    processes = apart.kill(role)
    kube.until(f"recovery of {role}", apart.answers, 60, 0.1)
    well = time.monotonic() - begin
    time.sleep(5)
    failed, last = load.since(begin)
    recovery = max(well, last)
    print(f"  {role:<9} {processes} killed: {failed} requests failed, all well after {recovery:.1f} s", flush=True)
    return failed, recovery if processes else 999.0


if __name__ == "__main__":
    main()
