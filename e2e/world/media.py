"""The engine alone and FFmpeg's command lines as programs that are measured: wall, CPU, memory."""

import json
import os
import shutil
import statistics
import subprocess
import time

from world import FOOTAGE, TARGET, TOOLS, Failed

CLIP = FOOTAGE / "clip-720p25.mp4"
SCRATCH = TARGET / "bench"
ENGINE = TARGET / "release/streamgate-transcoder"
FFMPEG5 = "ffmpeg"
FFMPEG9 = TOOLS / "ffmpeg9/ffmpeg"
PATIENCE = 600


class Cost:
    """What some processes took together: seconds of wall and CPU, MiB of the peaks' sum."""

    def __init__(self, wall, usages):
        self.wall = wall
        self.cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
        self.peak = sum(usage.ru_maxrss for usage in usages) / 1024

    def __str__(self):
        return f"{self.wall:6.2f} s wall {self.cpu:6.2f} s CPU {self.peak:5.0f} MiB"


def fresh(name):
    folder = SCRATCH / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def measured(commands, attend=lambda: None):
    """Runs the commands side by side; `attend` is called while they run."""
    began = time.monotonic()
    running = [subprocess.Popen([str(part) for part in c], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) for c in commands]
    usages = []
    for process in running:
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            attend()
            if time.monotonic() - began > PATIENCE:
                process.kill()
            time.sleep(0.005)
        process.returncode = os.waitstatus_to_exitcode(status)
        usages.append(usage)
    wall = time.monotonic() - began
    for process, command in zip(running, commands):
        errors = process.stderr.read().decode(errors="replace")
        process.stderr.close()
        if process.returncode != 0:
            raise Failed(f"{command[0]} ended with {process.returncode}: {errors[-400:]}")
    return Cost(wall, usages)


def plan_order(ladder, crf=23, grid=None, fitted="Fixed"):
    """The order to plan, and at once encode, a source of one span; ladder: (height, kbit/s)."""
    renditions = [{"height": height, "maxKbps": kbps, "crf": crf} for height, kbps in ladder]
    limits = {"maxSide": 8192, "maxFrameRate": 120, "maxDurationSeconds": 43200, "maxStreams": 64}
    request = {"grid": grid or {}, "renditions": renditions, "ladder": fitted, "audio": {"kbps": 128}, "limits": limits}
    return {"step": "plan", "committed": [], "request": request}


def engine(source, order, folder):
    """The shipped binary in its sandbox and with the environment of its pod, with this as the courier that
    commits at once."""
    shutil.copy(source, folder / "source")
    (folder / "plan.json").write_text(json.dumps(order))
    events = folder / "events.ndjson"

    def commit():
        if events.exists() and '"event":"done"' in events.read_text():
            (folder / "committed").touch()

    return measured([["env", "MALLOC_ARENA_MAX=1", ENGINE, "--work", folder, "--termination", folder / "termination"]], commit)


def joined(folder, track):
    """Init and all segments of a track of the engine in one file."""
    out = folder / "out"
    segments = sorted(out.glob(f"{track}-*.m4s"), key=lambda p: int(p.stem.rsplit("-", 1)[1]))
    path = folder / f"{track}.mp4"
    path.write_bytes(b"".join(p.read_bytes() for p in [out / f"{track}-init.mp4", *segments]))
    return path


def vmaf(distorted, reference, size):
    """Mean VMAF of every fifth frame."""
    return statistics.mean(scores(distorted, reference, size, every=5))


def scores(distorted, reference, size, every=1):
    """VMAF of frames, both at the reference's size, paired by number."""
    log = distorted.with_suffix(".vmaf.json")
    width, height = size
    # The engine tags colours, the clip does not: told the same, FFmpeg compares samples as they are.
    same = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709,settb=1/25,setpts=N"
    graph = (
        f"[0:v]{same},scale={width}:{height}:flags=bicubic[d];[1:v]{same}[r];"
        f"[d][r]libvmaf=n_subsample={every}:n_threads=2:log_fmt=json:log_path={log}"
    )
    command = [FFMPEG9, "-nostdin", "-v", "error", "-i", distorted, "-i", reference, "-lavfi", graph, "-f", "null", "-"]
    subprocess.run([str(part) for part in command], check=True)
    return [frame["metrics"]["vmaf"] for frame in json.loads(log.read_text())["frames"]]


def video_bits(path):
    """Bits of the pictures of a file, boxes aside."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=size", "-of", "csv=p=0", str(path)]
    sizes = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return 8 * sum(int(line.strip(",")) for line in sizes.split())


def at(curve, bits):
    """The value of a curve of (bits, value) at `bits`, by straight lines, also beyond its ends."""
    for (x0, y0), (x1, y1) in zip(curve, curve[1:]):
        if bits <= x1 or (x1, y1) == curve[-1]:
            return y0 if x1 == x0 else y0 + (y1 - y0) * (bits - x0) / (x1 - x0)
    raise ValueError("a curve needs two points")
