"""How soon after the last byte of a short clip its first segment plays."""

import json
import sys
import time

from world import Failed, catalog, kube, player
from world.gate import Gate
from world.scene import CLIP, NAMESPACE, Scene, follow, job_names
from world.watch import Watch

ROUNDS = 3


def main():
    scene = Scene()
    scene.ticket.mint(scene.holder)
    viewer = scene.signed_in(scene.holder)
    grid = kube.get("streamgate", "demo", NAMESPACE)["spec"]["transcode"]["grid"]
    # The default grid: a clip of one span is done by Plan's pod, rungs interleaved.
    patch(scene, "null")
    try:
        waits = sorted(first_segment(scene, viewer) for _ in range(ROUNDS))
    finally:
        patch(scene, json.dumps(grid))
    middle = waits[ROUNDS // 2]
    print("missing: encoding while the upload runs")
    print(f"compared: the moment every playlist has a segment that can be fetched with the upload's last answer, {CLIP.name}, less the pod's start")
    print(f"figure: first segment {middle:.1f} s after the last byte (pod start not counted), median of {ROUNDS}; no overlap with the upload yet")
    sys.exit(1)


def patch(scene, grid):
    kube.kubectl("patch", "streamgates", "demo", "-n", NAMESPACE, "--type=merge", "-p", '{"spec":{"transcode":{"grid":%s}}}' % grid)
    time.sleep(5)
    kube.kubectl("rollout", "status", "deployment/demo-all", "-n", NAMESPACE, "--timeout=120s")
    scene.ready()


def first_segment(scene, viewer):
    """Seconds from the last byte to a first segment in every track, less the time a pod takes to start."""
    known, pods = job_names(), Watch("pods", NAMESPACE)
    scene.signed_in(scene.creator).upload(CLIP, filename=CLIP.name, title="Soon", rule="ticket")
    last_byte = time.time()
    job = kube.until("a TranscodeJob", lambda: job_names() - known, 30, 0.05).pop()
    uid = kube.get("transcodejob", job, NAMESPACE)["metadata"]["uid"]
    content = kube.until("an output", lambda: catalog.query("SELECT content FROM outputs WHERE job LIKE ?", uid + "%"), 60, 0.05)[0][0]
    stream = viewer.playback(content).must(200, 201).json()["url"]
    kube.until("a first segment", lambda: plays(stream), 60, 0.05)
    whole = time.time() - last_byte
    pods.stop()
    start = pod_start(pods, uid)
    print(f"  {whole:.1f} s to the first segment, of it {start:.1f} s pod start", flush=True)
    follow(job)
    return whole - start


def plays(stream):
    """Every track has a segment, and the first can be fetched."""
    try:
        heads = [player.segments(url)[1] for url in player.variants(stream)]
    except (OSError, Failed):
        return False
    return bool(heads) and all(heads) and all(Gate("").ask("GET", found[0][1]).status == 200 for found in heads)


def pod_start(watch, uid):
    """From the first sight of Plan's pod to its transcoder running."""
    seen = [(at, pod) for at, pod in watch.samples if pod["metadata"]["labels"].get("streamgate.io/transcode-job-uid") == uid]
    running = lambda pod: any("waiting" not in s["state"] for s in pod["status"].get("containerStatuses", []) if s["name"] == "transcoder")
    return next(at for at, pod in seen if running(pod)) - seen[0][0]


if __name__ == "__main__":
    main()
