"""A fitted ladder against the fixed one: bits, VMAF of every rung, and what the analysis costs."""

import json
import statistics
import subprocess
import sys

from world import FOOTAGE
from world.media import CLIP, FFMPEG9, SCRATCH, engine, fresh, joined, plan_order, video_bits, vmaf

LECTURE = FOOTAGE / "lecture-720p25.mp4"
EXPLAINER = FOOTAGE / "explainer-720p30.mp4"
LADDER = [(1080, 5000), (720, 2800), (540, 1600), (360, 700), (240, 350)]
SIZE = (1280, 720)
# Slides with a small moving picture, drawings that move, and a room with the noise of a bad sensor.
CLIPS = {"easy": (LECTURE, None), "mixed": (EXPLAINER, None), "hard": (CLIP, "noise=alls=12:allf=t")}
SAVED, QUALITY, ANALYSIS = 0.20, 0.5, 0.15
ROUNDS = 3


def clip(name, source, filters):
    if filters is None:
        return source
    path = SCRATCH / f"transcode-6-{name}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        command = [FFMPEG9, "-nostdin", "-v", "error", "-y", "-i", source, "-vf", filters, "-c:a", "copy", "-c:v", "libx264"]
        subprocess.run([str(part) for part in [*command, "-preset", "veryfast", "-crf", 12, "-g", 50, path]], check=True)
    return path


def rungs(folder):
    plan = json.loads((folder / "out/plan.json").read_text())
    return [track["id"] for track in plan["tracks"] if track["media"]["kind"] == "video"]


def seconds(source):
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=duration", "-of", "csv=p=0", str(source)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(","))


def busiest(folder, rung):
    """kbit/s of the largest segment, of four seconds."""
    return max(path.stat().st_size for path in (folder / "out").glob(f"{rung}-*.m4s")) * 8 / 4_000


def made(source, name, ladder, fitted):
    """(folder, median of CPU-seconds) of a ladder."""
    costs = []
    for _ in range(ROUNDS):
        folder = fresh(f"transcode-6/{name}")
        costs.append(engine(source, plan_order(ladder, fitted=fitted), folder).cpu)
    return folder, statistics.median(costs)


def compared(name, source):
    """(share of bits saved, largest loss of VMAF of a kept rung, whether the top is kept and the lowest goes
    through the slowest line of the fixed ladder, share of CPU for the analysis)."""
    fixed, whole = made(source, f"{name}-fixed", LADDER, "Fixed")
    fitted, cpu = made(source, f"{name}-fitted", LADDER, "Auto")
    kept = rungs(fitted)
    same = [(height, kbps) for height, kbps in LADDER if f"v{height}" in kept]
    _, alone = made(source, f"{name}-same", same, "Fixed")
    sizes = {rung: video_bits(joined(fixed, rung)) for rung in rungs(fixed)}
    bits = sum(video_bits(joined(fitted, rung)) for rung in kept)
    length, losses = seconds(source), []
    for rung in sizes:
        before = vmaf(fixed / f"{rung}.mp4", source, SIZE)
        after = vmaf(fitted / f"{rung}.mp4", source, SIZE) if rung in kept else None
        losses += [before - after] if after is not None else []
        print(f"  {name:<5} {rung:<5} {sizes[rung] / length / 1_000:5.0f} kbit/s, {busiest(fixed, rung):5.0f} in the busiest segment, VMAF {before:5.1f} {'left out' if after is None else f'kept {after:5.1f}'}", flush=True)
    saved, analysis = 1 - bits / sum(sizes.values()), (cpu - alone) / whole
    print(f"  {name:<5} bits {-saved:+.1%}, analysis {cpu - alone:.2f} of {whole:.2f} CPU-s", flush=True)
    served = busiest(fitted, kept[-1]) <= LADDER[-1][1]
    return saved, max(losses), rungs(fixed)[0] in kept and served, analysis


def main():
    seen = {name: compared(name, clip(name, *made_of)) for name, made_of in CLIPS.items()}
    easy, hard = seen["easy"], seen["hard"]
    losses = max(row[1] for row in seen.values())
    analysis = max(row[3] for row in seen.values())
    reach = all(row[2] for row in seen.values())
    print("compared: bits of all rungs of the fitted ladder with those of the fixed one, each kept rung's VMAF with its own there, by FFmpeg 9; CPU with that of the kept rungs alone")
    print(
        f"figure: {easy[0]:.1%} fewer bits on the easy clip, {seen['mixed'][0]:.1%} on the mixed, {hard[0]:.1%} on the hard one; "
        f"largest loss of a kept rung {losses:.2f} VMAF, top rung and slowest line {'kept' if reach else 'lost'}, analysis at most {analysis:.1%} of the encode's CPU"
    )
    met = easy[0] >= SAVED and losses <= QUALITY and reach and hard[1] <= QUALITY and analysis <= ANALYSIS
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
