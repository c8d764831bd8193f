#!/usr/bin/env python3
"""The engine's part of the main job, by hand: plans a real clip, encodes every span in a sandboxed
process of its own (all at once, as job pods will), joins the segments and lets FFmpeg play them.

This script stands where the courier stands in a job pod: it lays down order and source, follows the
events and says when everything is taken over.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENGINE = ROOT / "target/release/streamgate-transcoder"
CLIP = ROOT / "target/footage/clip-720p25.mp4"
DEMO = ROOT / "target/demo"
LADDER = [(720, 2800), (540, 1600), (360, 700), (240, 350)]
REQUEST = {
    "grid": {"segmentsPerChunk": 1, "chunksPerSpan": 2},
    "renditions": [{"height": height, "maxKbps": kbps} for height, kbps in LADDER],
    "audio": {"kbps": 128},
    "limits": {"maxSide": 8192, "maxFrameRate": 120, "maxDurationSeconds": 3600, "maxStreams": 64},
}


class Pod:
    """One engine process on a folder of its own."""

    def __init__(self, name, order, ranges=None):
        self.name, self.folder = name, DEMO / name
        self.folder.mkdir(parents=True)
        lay_down_source(self.folder / "source", ranges)
        part = self.folder / "order.part"
        part.write_text(json.dumps(order))
        part.rename(self.folder / "plan.json")
        command = [ENGINE, "--work", self.folder, "--termination", self.folder / "termination"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def events(self):
        path = self.folder / "events.ndjson"
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    def poll(self):
        """True when the process has ended well; what is done is taken over before."""
        events = self.events()
        if any(event["event"] == "done" for event in events):
            (self.folder / "committed").touch()
        code = self.process.poll()
        if code:
            sys.exit(f"{self.name} ended with {code}: {(self.folder / 'termination').read_text()}")
        return code == 0


def lay_down_source(path, ranges):
    """The source, sparse: only the bytes this span needs are there."""
    clip = CLIP.read_bytes()
    ranges = ranges or [{"start": 0, "end": len(clip)}]
    with path.open("wb") as file:
        file.truncate(len(clip))
        for bytes_ in ranges:
            file.seek(bytes_["start"])
            file.write(clip[bytes_["start"] : bytes_["end"]])


def wait(pods, of):
    """Waits for all pods and shows the segments that are there."""
    began, shown = time.monotonic(), -1
    while not all([pod.poll() for pod in pods]):
        made = sum(event["event"] == "segment" for pod in pods for event in pod.events())
        if made != shown:
            print(f"  {made:>2}/{of} segments, {time.monotonic() - began:4.1f} s", flush=True)
        shown = made
        time.sleep(0.1)
    print(f"  done after {time.monotonic() - began:.1f} s")


def join(plan):
    """Init segment and media segments of each track, in a row."""
    out = {}
    for track in plan["tracks"]:
        numbers = range(len(track["starts"]) - 1)
        names = [f"{track['id']}-init.mp4"] + [f"{track['id']}-{n}.m4s" for n in numbers]
        path = DEMO / f"{track['id']}.mp4"
        with path.open("wb") as file:
            for name in names:
                file.write(next(DEMO.glob(f"*/out/{name}")).read_bytes())
        out[track["id"]] = path
    return out


def play(path):
    """Decodes to the end; frames seen, or the end of the demo at the first error."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", path, "-f", "null", "-"]
    if subprocess.run(command).returncode != 0:
        sys.exit(f"{path.name} does not play")
    count = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames"]
    return subprocess.check_output(count + ["-of", "csv=p=0", path], text=True).strip()


def main():
    shutil.rmtree(DEMO, ignore_errors=True)
    print(f"planning {CLIP.relative_to(ROOT)}")
    planner = Pod("plan", {"step": "plan", "request": REQUEST, "committed": []})
    wait([planner], 0)
    plan = json.loads((planner.folder / "out/plan.json").read_text())
    segments = sum(len(track["starts"]) - 1 for track in plan["tracks"])
    frames = plan["source"]["video"]["frames"]
    print(f"  {frames} frames, {len(plan['tracks'])} tracks, {segments} segments, {len(plan['spans'])} spans")

    print("encoding every span in a sandboxed process of its own")
    order = lambda span: {"step": "encode", "plan": plan, "work": span["work"], "bytes": span["bytes"], "committed": []}
    wait([Pod(f"span-{i}", order(span), span["bytes"]) for i, span in enumerate(plan["spans"])], segments)

    print("playing every track to its end with FFmpeg")
    for track, path in join(plan).items():
        kilobytes = os.path.getsize(path) // 1024
        print(f"  {track:<10} {play(path):>5} frames {kilobytes:>6} KiB  {path.relative_to(ROOT)}")
    print("try next: ffplay target/demo/v720.mp4 · make claims · make test")


if __name__ == "__main__":
    main()
