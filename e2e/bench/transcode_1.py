"""A ladder of five rungs of a real clip by the engine and by FFmpeg's command lines, interleaved:
wall, CPU, peak memory, and VMAF at the bits the engine took."""

import math
import statistics
import subprocess
import sys

from world.media import CLIP, FFMPEG5, FFMPEG9, SCRATCH, at, engine, fresh, joined, measured, plan_order, video_bits, vmaf

LADDER = [(720, 2800), (540, 1600), (480, 1200), (360, 700), (240, 350)]
SIZE = (1280, 720)
ROUNDS = 5
# (peer, what must not be exceeded)
BARS = {"split 5": ("wall", 0.85), "split 9": ("wall", 1.00), "five 9": ("wall", 0.70)}
MEMORY, QUALITY = 0.75, 0.5


def rate(kbps, crf):
    """The engine's rate control: capped CRF, a buffer of one segment, two seconds a group."""
    cap = ["-crf", crf, "-maxrate", f"{kbps}k", "-bufsize", f"{4 * kbps}k"]
    return ["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", *cap, "-g", 50, "-keyint_min", 50, "-sc_threshold", 0]


def split(ffmpeg, folder, crf=23):
    """One process: one decode, every rung scaled from the source."""
    graph = f"[0:v]split={len(LADDER)}" + "".join(f"[s{h}]" for h, _ in LADDER)
    graph += "".join(f";[s{h}]scale=-2:{h}[v{h}]" for h, _ in LADDER)
    command = [ffmpeg, "-nostdin", "-v", "error", "-y", "-i", CLIP, "-filter_complex", graph]
    for height, kbps in LADDER:
        command += ["-map", f"[v{height}]", *rate(kbps, crf), folder / f"v{height}.mp4"]
    return measured([command + ["-map", "0:a", "-c:a", "aac", "-b:a", "128k", folder / "a.mp4"]])


def five(ffmpeg, folder):
    """A process per rung, side by side; the first makes the sound too."""
    commands = []
    for height, kbps in LADDER:
        command = [ffmpeg, "-nostdin", "-v", "error", "-y", "-i", CLIP, "-map", "0:v", "-vf", f"scale=-2:{height}"]
        commands.append(command + [*rate(kbps, 23), folder / f"v{height}.mp4"])
    commands[0] += ["-map", "0:a", "-c:a", "aac", "-b:a", "128k", folder / "a.mp4"]
    return measured(commands)


def main():
    runs = {
        "engine": lambda: engine(CLIP, plan_order(LADDER), fresh("transcode-1/ours")),
        "split 5": lambda: split(FFMPEG5, fresh("transcode-1/split5")),
        "split 9": lambda: split(FFMPEG9, fresh("transcode-1/split9")),
        "five 9": lambda: five(FFMPEG9, fresh("transcode-1/five9")),
    }
    costs = {name: [] for name in runs}
    for round in range(ROUNDS):
        for name, run in runs.items():
            costs[name].append(run())
            print(f"  round {round + 1} {name:<8} {costs[name][-1]}", flush=True)
    middle = {name: {f: statistics.median(getattr(c, f) for c in cs) for f in ("wall", "cpu", "peak")} for name, cs in costs.items()}
    for name, cost in middle.items():
        print(f"  median  {name:<8} {cost['wall']:6.2f} s wall {cost['cpu']:6.2f} s CPU {cost['peak']:5.0f} MiB")
    worst = quality(SCRATCH / "transcode-1/ours")
    report(middle, worst)


def quality(ours):
    """Least VMAF of a rung less what the split of the same libraries has at the same bits."""
    curves = {h: [] for h, _ in LADDER}
    for crf in (20, 23, 26):
        folder = fresh(f"transcode-1/crf{crf}")
        split(FFMPEG5, folder, crf)
        for height, _ in LADDER:
            path = folder / f"v{height}.mp4"
            curves[height].append((math.log(video_bits(path)), vmaf(path, CLIP, SIZE)))
    differences = []
    for height, _ in LADDER:
        path = joined(ours, f"v{height}")
        bits, score = video_bits(path), vmaf(path, CLIP, SIZE)
        peer = at(sorted(curves[height]), math.log(bits))
        differences.append(score - peer)
        print(f"  {height}: VMAF {score:.2f}, peer {peer:.2f} at {bits / 24_000:.0f} kbit/s, {score - peer:+.2f}", flush=True)
    return min(differences)


def report(middle, worst):
    version = subprocess.run([FFMPEG5, "-version"], capture_output=True, text=True).stdout.split(" Copyright")[0]
    print(f"compared: engine, {version} (same libraries) and FFmpeg 9.0.2, {ROUNDS} interleaved rounds, {CLIP.name}")
    ratios = {name: middle["engine"][field] / middle[name][field] for name, (field, _) in BARS.items()}
    memory = middle["engine"]["peak"] / middle["split 5"]["peak"]
    cpu = middle["engine"]["cpu"] / middle["split 5"]["cpu"]
    wall = ", ".join(f"{ratio:.2f}x {name}" for name, ratio in ratios.items())
    print(f"figure: wall {wall}; CPU {cpu:.2f}x, peak {memory:.2f}x split 5; VMAF {worst:+.2f} at equal bits")
    fast = all(ratios[name] <= bar for name, (_, bar) in BARS.items())
    sys.exit(0 if fast and memory <= MEMORY and worst >= -QUALITY else 1)


if __name__ == "__main__":
    main()
