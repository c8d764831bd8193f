"""How soon after the last byte of a short clip its first segment plays, and what encoding while the upload runs saves."""

import http.client
import json
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

from world import Failed, catalog, kube, player
from world.gate import TUS, Gate
from world.scene import CLIP, NAMESPACE, Scene, follow, job_names
from world.watch import Watch

ROUNDS = 3
SECONDS = 2.0
TIMES = 2.0
# Bytes sent at once by an upload that is held to a rate.
PIECE = 16 << 10


def main():
    scene = Scene()
    scene.ticket.mint(scene.holder)
    viewer = scene.signed_in(scene.holder)
    grid = kube.get("streamgate", "demo", NAMESPACE)["spec"]["transcode"]["grid"]
    # The default grid: a clip of one span is done by Plan's pod, rungs interleaved.
    patch(scene, grid=None)
    try:
        with tempfile.TemporaryDirectory() as folder:
            clips = Clips(Path(folder))
            soon = first_segments(scene, viewer, clips)
            apart, ahead = overlap(scene, viewer, clips)
    finally:
        patch(scene, grid=grid, whileUploading=False)
    sys.exit(0 if soon and ahead * TIMES <= apart else 1)


def first_segments(scene, viewer, clips):
    waits = sorted(first_segment(scene, viewer, clips.one(CLIP, 0)) for _ in range(ROUNDS))
    middle = waits[ROUNDS // 2]
    print(f"compared: the moment every playlist has a segment that can be fetched with the upload's last answer, {CLIP.name}, less the pod's start")
    print(f"figure: first segment {middle:.1f} s after the last byte (pod start not counted), median of {ROUNDS}")
    return middle <= SECONDS


def overlap(scene, viewer, clips):
    """Medians of the time from first byte to a video that plays to its end: one after the other, and side by side."""
    clip = lambda: clips.one(CLIP, 1)
    once = run(scene, viewer, clip(), None)
    encode = once.whole - once.began
    size = clip().stat().st_size
    rate = size / encode
    print(f"  a clip of {size / 1e6:.1f} MB takes {encode:.1f} s from the start of its transcoder to its last segment: uploaded at {rate / 1e3:.0f} kB/s", flush=True)
    apart = [run(scene, viewer, clip(), rate) for _ in range(ROUNDS)]
    patch(scene, whileUploading=True)
    ahead = [run(scene, viewer, clip(), rate) for _ in range(ROUNDS)]
    for name, runs in (("one after the other", apart), ("side by side", ahead)):
        for it in runs:
            print(f"  {name}: upload {it.upload:.1f} s, plays whole after {it.whole:.1f} s, job succeeded after {it.succeeded:.1f} s", flush=True)
    if any(not it.early for it in ahead) or any(it.early for it in apart):
        raise Failed("a job was made early, or late, that should not have been")
    middle = lambda runs, what: sorted(getattr(it, what) for it in runs)[ROUNDS // 2]
    both = middle(apart, "whole"), middle(ahead, "whole")
    done = middle(apart, "succeeded"), middle(ahead, "succeeded")
    print("compared: the time from the upload's first byte until every segment of every playlist can be had, of the same gate with and without whileUploading, at an upload as slow as the encode")
    print(f"figure: {both[0]:.1f} s one after the other, {both[1]:.1f} s side by side: {both[0] / both[1]:.2f}x shorter (to the job's end {done[0]:.1f} s and {done[1]:.1f} s: {done[0] / done[1]:.2f}x), medians of {ROUNDS}")
    return both


class Clips:
    """Files of the same media that differ in a word of their index, so that no output is taken over from another."""

    def __init__(self, folder):
        self.folder, self.made = folder, 0

    def one(self, source, more):
        """A file with its index in front, repeated `more` times."""
        self.made += 1
        target = self.folder / f"clip-{self.made}.mp4"
        command = ["ffmpeg", "-nostdin", "-v", "error", "-stream_loop", str(more), "-i", str(source), "-c", "copy"]
        command += ["-metadata", f"comment={time.time_ns()}", "-movflags", "+faststart", str(target)]
        subprocess.run(command, check=True)
        return target


class Run:
    """Seconds from the first byte to what came of an upload."""

    def __init__(self, upload, began, whole, succeeded, early):
        self.upload, self.began, self.whole, self.succeeded, self.early = upload, began, whole, succeeded, early


def run(scene, viewer, clip, rate):
    known, pods = job_names(), Watch("pods", NAMESPACE)
    creator, begun = scene.signed_in(scene.creator), time.time()
    send(creator, clip, rate)
    last_byte = time.time()
    job = kube.until("a TranscodeJob", lambda: job_names() - known, 30, 0.05).pop()
    uid, stream = watched(viewer, job)
    length = float(subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(clip)], check=True, capture_output=True, text=True).stdout)
    kube.until("every segment", lambda: plays(stream, length), 300, 0.05)
    whole = time.time()
    follow(job, every=0.1)
    succeeded = time.time()
    pods.stop()
    return Run(last_byte - begun, running(pods, uid) - begun, whole - begun, succeeded - begun, job.startswith("early-"))


def send(gate, clip, rate):
    """tus: one request, its bytes at a rate."""
    data = clip.read_bytes()
    location = gate.create(len(data), filename=clip.name, title="Soon", rule="ticket")
    url = urllib.parse.urlsplit(gate.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=120)
    headers = TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "Content-Length": str(len(data))}
    headers["Authorization"] = f"Bearer {gate.token}"
    connection.request("PATCH", location, paced(data, rate), headers)
    answer = connection.getresponse()
    if answer.status != 204 or int(answer.headers["Upload-Offset"]) != len(data):
        raise Failed(f"the upload was answered with {answer.status}")
    connection.close()


def paced(data, rate):
    begun = time.time()
    for at in range(0, len(data), PIECE):
        piece = data[at : at + PIECE]
        yield piece
        if rate:
            time.sleep(max(0.0, begun + (at + len(piece)) / rate - time.time()))


def patch(scene, **changes):
    kube.kubectl("patch", "streamgates", "demo", "-n", NAMESPACE, "--type=merge", "-p", json.dumps({"spec": {"transcode": changes}}))
    time.sleep(5)
    kube.kubectl("rollout", "status", "deployment/demo-all", "-n", NAMESPACE, "--timeout=120s")
    scene.ready()


def first_segment(scene, viewer, clip):
    """Seconds from the last byte to a first segment in every track, less the time a pod takes to start."""
    known, pods = job_names(), Watch("pods", NAMESPACE)
    send(scene.signed_in(scene.creator), clip, None)
    last_byte = time.time()
    job = kube.until("a TranscodeJob", lambda: job_names() - known, 30, 0.05).pop()
    uid, stream = watched(viewer, job)
    kube.until("a first segment", lambda: plays(stream), 60, 0.05)
    whole = time.time() - last_byte
    pods.stop()
    start = pod_start(pods, uid)
    print(f"  {whole:.1f} s to the first segment, of it {start:.1f} s pod start", flush=True)
    follow(job)
    return whole - start


def watched(viewer, job):
    """UID of a job, and where its output can be watched."""
    uid = kube.get("transcodejob", job, NAMESPACE)["metadata"]["uid"]
    content = kube.until("an output", lambda: catalog.query("SELECT content FROM outputs WHERE job LIKE ?", uid + "%"), 60, 0.05)[0][0]
    return uid, viewer.playback(content).must(200, 201).json()["url"]


def plays(stream, length=None):
    """Every track has a segment, and the first can be fetched; with a length, segments up to it, and the last."""
    try:
        tracks = [player.segments(url)[1] for url in player.variants(stream)]
    except (OSError, Failed):
        return False
    if not tracks or not all(tracks):
        return False
    if length and any(sum(seconds for seconds, _ in track) < length - 0.1 for track in tracks):
        return False
    which = -1 if length else 0
    return all(Gate("").ask("GET", track[which][1]).status == 200 for track in tracks)


def pod_start(watch, uid):
    """From the first sight of Plan's pod to its transcoder running."""
    return running(watch, uid) - seen(watch, uid)[0][0]


def running(watch, uid):
    """When a job's first transcoder was running."""
    runs = lambda pod: any("waiting" not in s["state"] for s in pod["status"].get("containerStatuses", []) if s["name"] == "transcoder")
    return next(at for at, pod in seen(watch, uid) if runs(pod))


def seen(watch, uid):
    return [(at, pod) for at, pod in watch.samples if pod["metadata"]["labels"].get("streamgate.io/transcode-job-uid") == uid]


if __name__ == "__main__":
    main()
