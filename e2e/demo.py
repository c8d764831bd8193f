#!/usr/bin/env python3
"""The main job, from an installed chart to a played stream, on a real Kubernetes:

demo.py up     expects programs and cluster of `make demo`
demo.py down   ends what `up` started outside the cluster, and inside one that stays
"""

import json
import os
import sys
import time

from world import STATE, Failed, apart, evm, kube
from world.install import CHART_NAMESPACE
from world.player import play
from world.scene import CLIP, NAMESPACE, Scene, follow
from world.stores import Stores


class Story:
    """Prints each part with the time it took."""

    def __init__(self):
        self.began, self.parts = time.monotonic(), []

    def __call__(self, title, part, *arguments):
        print(f"== {title}", flush=True)
        began = time.monotonic()
        result = part(*arguments)
        self.parts.append((title, time.monotonic() - began))
        print(f"   {self.parts[-1][1]:.1f} s", flush=True)
        return result

    def table(self):
        for title, seconds in self.parts:
            print(f"  {seconds:7.1f} s  {title}")
        print(f"  {time.monotonic() - self.began:7.1f} s  all")


def show(line):
    print(f"   {line}", flush=True)


def up():
    story = Story()
    scene = Scene(story)
    show(f"{scene.url}, token {scene.ticket.mint(scene.holder)} of {scene.ticket.address} minted for {scene.holder}")
    job = story(f"upload {CLIP.name}", scene.upload)
    content = story(f"TranscodeJob {job}", follow, job, show)["output"]["content"]
    stream = scene.signed_in(scene.holder).playback(content).must(200, 201).json()["url"]
    frames = story("the holder plays the stream to its end", play, stream)
    show("frames: " + ", ".join(f"{height or 'audio'}: {n}" for height, n in sorted(frames.items(), reverse=True)))
    story("the stranger is refused", refuse, scene, content)
    for kind in ("streamgates", "transcodejobs", "alertpolicies", "pods"):
        print(f"\nkubectl get {kind} -n {NAMESPACE}\n{kube.kubectl('get', kind, '-n', NAMESPACE)}", end="")
    print()
    story.table()
    (STATE / "times.json").write_text(json.dumps(story.parts, indent=1))
    print(f"\ngate    {scene.url}\nstream  {stream}\ntry next:\n  export KUBECONFIG={os.environ['KUBECONFIG']}")
    print(f"  ffplay '{stream}'\n  kubectl describe transcodejob {job} -n {NAMESPACE}\n  make claims\n  make down")


def refuse(scene, content):
    refusal = scene.signed_in(scene.stranger).playback(content)
    if refusal.status != 403:
        raise Failed(f"the stranger was answered {refusal.status}")
    show(json.dumps(refusal.json()))


def down():
    evm.Chain("127.0.0.1").down()
    Stores("127.0.0.1").down()
    (STATE / "ticket").unlink(missing_ok=True)
    if os.environ.get("CLUSTER") == "current":
        kube.use()
        kube.run("kubectl", "delete", "namespace", NAMESPACE, apart.NAMESPACE, "--ignore-not-found")
        kube.run("helm", "uninstall", "streamgate", "-n", CHART_NAMESPACE, "--ignore-not-found")


if __name__ == "__main__":
    try:
        {"up": up, "down": down}[sys.argv[1]]()
    except Failed as failure:
        sys.exit(f"demo: {failure}")
