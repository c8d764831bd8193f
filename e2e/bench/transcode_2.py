"""Pods: the same job on 1, 2 and 4 workers of a fixed share of a core each; what of the workers' time is work."""

import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import threading
import time

from world import kube, volume
from world.media import CLIP, SCRATCH
from world.scene import NAMESPACE, Scene, follow
from world.watch import Watch

WORKERS, ROUNDS = (1, 2, 4), 3
# Cores of a worker, so that four leave room for the cluster on a machine of two.
SHARE = "350m"
LOOPS = 6
# A chunk of one segment, spans of two: 18 spans and the sound.
GRID = {"gopMilliseconds": 2000, "gopsPerSegment": 2, "segmentsPerChunk": 1, "chunksPerSpan": 2}
RESOURCES = '{"requests":{"cpu":"%s","memory":"256Mi"},"limits":{"cpu":"%s","memory":"2Gi"}}'
USUAL = '{"requests":{"cpu":"250m","memory":"256Mi"},"limits":{"cpu":null,"memory":"2Gi"}}'
GROUPS = pathlib.Path("/sys/fs/cgroup")


def main():
    scene = Scene()
    folder, name = volume.folder(scene), "long.mp4"
    shutil.copy(long_clip(), folder / name)
    resources(RESOURCES % (SHARE, SHARE))
    try:
        runs = {workers: [] for workers in WORKERS}
        for turn in range(ROUNDS):
            for workers in WORKERS:
                runs[workers].append(run(f"pods-{workers}-{turn}", name, workers))
    finally:
        resources(USUAL)
        volume.let_go()
    walls = {workers: statistics.median(wall for wall, *_ in seen) for workers, seen in runs.items()}
    efficiency = {workers: walls[1] / (workers * walls[workers]) for workers in WORKERS}
    for workers in WORKERS:
        throttled = statistics.median(throttled for _, throttled, _ in runs[workers])
        print(f"  {workers} workers: median {walls[workers]:.1f} s of {[f'{wall:.1f}' for wall, *_ in runs[workers]]}, efficiency {efficiency[workers]:.2f}, throttled {throttled:.1f} s")
    changes = [change for seen in runs.values() for _, _, found in seen for change in found]
    parts = {part: statistics.median(change[part] for change in changes) for part in changes[0]}
    print("from a span's end to the next pod's first frame: " + ", ".join(f"{part} {seconds:.2f} s" for part, seconds in parts.items()))
    print(f"compared: wall of one worker with {list(WORKERS)} times that of so many, from created to Succeeded, pod starts, Plan and Publish included")
    print(f"figure: efficiency {efficiency[2]:.2f} at 2 and {efficiency[4]:.2f} at 4 workers of {SHARE}, {LOOPS * 24} s of media")
    sys.exit(0 if efficiency[4] >= 0.90 else 1)


def long_clip():
    """The real clip six times over, copied as it is."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    path = SCRATCH / "long.mp4"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-stream_loop", str(LOOPS - 1), "-i", CLIP, "-map", "0:v", "-map", "0:a", "-c", "copy", "-movflags", "+faststart", path]
    subprocess.run([str(part) for part in command], check=True)
    return path


def resources(words):
    patch = '{"spec":{"transcode":{"resources":%s}}}' % words
    kube.kubectl("patch", "streamgates", "demo", "-n", NAMESPACE, "--type=merge", "-p", patch)
    time.sleep(3)


def run(job, path, workers):
    """(wall, seconds the job's pods were throttled, changes of pods) of one job."""
    watch = Watch("pods", NAMESPACE)
    began = time.monotonic()
    volume.apply([volume.manifest(job, path, parallelism=workers, grid=GRID)])
    uid = kube.get("transcodejob", job, NAMESPACE)["metadata"]["uid"]
    with Throttle(watch, uid) as throttle, Frames(watch, uid) as frames:
        follow(job)
        wall = time.monotonic() - began
    watch.stop()
    print(f"  {job}: {wall:.1f} s, throttled {throttle.seconds():.1f} s", flush=True)
    return wall, throttle.seconds(), changes(encoders(watch, uid), frames.first, workers)


def encoders(watch, uid):
    """{pod: {what: when}} of the pods of Encode."""
    pods = {}
    for at, pod in watch.samples:
        labels = pod["metadata"]["labels"]
        if labels.get("streamgate.io/transcode-job-uid") != uid or labels["streamgate.io/step"] != "encode":
            continue
        seen = pods.setdefault(pod["metadata"]["uid"], {"created": at})
        states = {state["name"]: state["state"] for state in pod["status"].get("containerStatuses", [])}
        couriers = {state["name"]: state["state"] for state in pod["status"].get("initContainerStatuses", [])}
        if "running" in couriers.get("courier", {}):
            seen.setdefault("courier", at)
        if "running" in states.get("transcoder", {}):
            seen.setdefault("transcoder", at)
        if "terminated" in states.get("transcoder", {}):
            seen.setdefault("ended", at)
    return pods


def changes(pods, frames, workers):
    """The parts of each change from a pod that ended to the one that took its place."""
    ends = sorted(seen["ended"] for seen in pods.values() if "ended" in seen)
    later = sorted((seen for seen in pods.values()), key=lambda seen: seen["created"])[workers:]
    first = {id(pods[uid]): at for uid, at in frames.items() if uid in pods}
    found = []
    for end, seen in zip(ends, later):
        if {"courier", "transcoder"} <= seen.keys() and id(seen) in first:
            steps = [end, seen["created"], seen["courier"], seen["transcoder"], first[id(seen)]]
            names = ["pod created", "courier runs", "transcoder runs", "first frame"]
            found.append({name: b - a for name, a, b in zip(names, steps, steps[1:])} | {"together": steps[-1] - end})
    return found


class Sampler:
    """Looks at every pod of a job again and again."""

    def __init__(self, watch, uid):
        self.watch, self.uid, self.going = watch, uid, True
        self.thread = threading.Thread(target=self._go, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        self.thread.join()

    def _go(self):
        while self.going:
            pods = [pod["metadata"] for _, pod in list(self.watch.samples)]
            for pod in {pod["uid"] for pod in pods if pod["labels"].get("streamgate.io/transcode-job-uid") == self.uid}:
                self.look(pod)
            time.sleep(self.every)


class Throttle(Sampler):
    """Seconds the kernel held pods back, read from their control groups while they live."""

    every = 0.5

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.found, self.groups = {}, {}

    def look(self, pod):
        for group in self._groups(pod):
            try:
                words = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
            except OSError:
                continue
            # Version 1 counts nanoseconds, version 2 microseconds.
            nanoseconds = int(words["throttled_time"]) if "throttled_time" in words else int(words.get("throttled_usec", 0)) * 1000
            self.found[group] = max(self.found.get(group, 0), nanoseconds)

    def _groups(self, pod):
        """Control groups of a pod's containers; the one of the pod itself counts them once more."""
        if len(self.groups.get(pod, [])) < 2:
            found = (path.parent for path in GROUPS.glob(f"cpu*/**/*{pod}/*/cpu.stat"))
            self.groups[pod] = list(found) or [path.parent for path in GROUPS.glob(f"**/*{pod}/*/cpu.stat")]
        return self.groups[pod]

    def seconds(self):
        return sum(self.found.values()) / 1e9


class Frames(Sampler):
    """When a pod's first frame was encoded, from the events in its shared folder."""

    every = 0.05

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.first = {}

    def look(self, pod):
        if pod in self.first:
            return
        path = kube.FOLDER / f"kubelet/pods/{pod}/volumes/kubernetes.io~empty-dir/work/events.ndjson"
        try:
            lines = path.read_text().splitlines()
        except OSError:
            return
        if any(json.loads(line).get("frames", 0) > 0 for line in lines):
            self.first[pod] = time.time()


if __name__ == "__main__":
    main()
