"""Seams: a real clip in chunks of one segment against one encode without seams by FFmpeg's command line of the same libraries, rates and
groups, at equal bits; then what a viewer is told of the peak against what the segments are."""

import math
import re
import statistics
import sys
import urllib.parse

from world import boxes, player
from world.media import CLIP, FFMPEG5, at, engine, fresh, joined, measured, plan_order, scores, video_bits
from world.stage import Stage

LADDER = [(720, 2800), (360, 700)]
SIZE, FRAMES, RATE = (1280, 720), 600, 25
GRID = {"gopMilliseconds": 2000, "gopsPerSegment": 2, "segmentsPerChunk": 1, "chunksPerSpan": 6}
CRFS = (20, 22, 24, 26)
MEAN, WORST = -0.3, -1.0


def main():
    ours = fresh("transcode-4/ours")
    engine(CLIP, plan_order(LADDER, grid=GRID), ours)
    differences, inexact = [], 0
    for height, kbps in LADDER:
        path = joined(ours, f"v{height}")
        inexact += not exact(ours, f"v{height}")
        curves = whole(height, kbps)
        bits, (mean, worst) = math.log(video_bits(path)), judged(path)
        peers = [at(curve, bits) for curve in curves]
        differences.append((mean - peers[0], worst - peers[1]))
        print(f"  {height}: mean VMAF {mean:.2f}, without seams {peers[0]:.2f}; worst 1 % {worst:.2f}, without seams {peers[1]:.2f}", flush=True)
    over = beyond()
    mean, worst = (min(d[field] for d in differences) for field in (0, 1))
    print(f"compared: every frame of {CLIP.name} in chunks of one segment with one encode of {CRFS} as CRF, interpolated at equal bits; segments with BANDWIDTH")
    print(f"figure: VMAF mean {mean:+.2f}, worst 1 % {worst:+.2f} over {len(LADDER)} rungs and 5 seams; {len(over)} peaks over BANDWIDTH; {inexact} tracks with a wrong frame")
    sys.exit(0 if mean >= MEAN and worst >= WORST and not over and not inexact else 1)


def whole(height, kbps):
    """Curves (log bits, VMAF) of the mean and of the worst 1 % of encodes without a seam but those of groups."""
    folder, means, worsts = fresh(f"transcode-4/whole{height}"), [], []
    for crf in CRFS:
        path = folder / f"{crf}.mp4"
        rate = ["-preset", "veryfast", "-profile:v", "high", "-crf", crf, "-maxrate", f"{kbps}k", "-bufsize", f"{4 * kbps}k"]
        command = [FFMPEG5, "-nostdin", "-v", "error", "-y", "-i", CLIP, "-map", "0:v", "-vf", f"scale=-2:{height}", "-c:v", "libx264", *rate]
        measured([command + ["-g", 50, "-keyint_min", 50, "-sc_threshold", 0, path]])
        bits, (mean, worst) = math.log(video_bits(path)), judged(path)
        means.append((bits, mean))
        worsts.append((bits, worst))
    return sorted(means), sorted(worsts)


def judged(path):
    """Mean VMAF and that of the worst frame in a hundred."""
    seen = sorted(scores(path, CLIP, SIZE))
    return statistics.mean(seen), seen[len(seen) // 100]


def exact(folder, track):
    """Whether every frame of the clip is there once, at its time, by what the segments' boxes say."""
    out = folder / "out"
    init = (out / f"{track}-init.mp4").read_bytes()
    scale, default = boxes.timescale(init), boxes.default_duration(init)
    paths = sorted(out.glob(f"{track}-*.m4s"), key=lambda p: int(p.stem.rsplit("-", 1)[1]))
    spans = [boxes.span(path.read_bytes(), default) for path in paths]
    begins = [first for first, _, _ in spans] == [number * 4 * scale for number in range(len(spans))]
    ends = spans[-1][1] == FRAMES * scale // RATE and all(a[1] == b[0] for a, b in zip(spans, spans[1:]))
    good = begins and ends and sum(count for _, _, count in spans) == FRAMES
    print(f"  {track}: {sum(count for _, _, count in spans)} frames" + ("" if good else f" NOT those of the clip: {spans}"))
    return good


def beyond():
    """Rungs of which some segment, with the sound beside it, has more bits than BANDWIDTH declares."""
    over = []
    with Stage() as stage:
        stage.whole()
        master = stage.play()
        lines = player.fetch(master).decode().splitlines()
        audio = rates(urllib.parse.urljoin(master, next(line for line in lines if "TYPE=AUDIO" in line).split('URI="')[1].split('"')[0]))
        for line, name in zip(lines, lines[1:]):
            if not line.startswith("#EXT-X-STREAM-INF"):
                continue
            declared = int(re.search(r"[:,]BANDWIDTH=(\d+)", line)[1])
            seen = max(video + sound for video, sound in zip(rates(urllib.parse.urljoin(master, name)), audio))
            print(f"  {name}: peak {seen / 1000:.0f} kbit/s, BANDWIDTH {declared / 1000:.0f}")
            over += [name] if seen > declared else []
    return over


def rates(playlist):
    """Bits per second of each segment."""
    _, segments, _ = player.segments(playlist)
    return [8 * len(player.fetch(url)) / seconds for seconds, url in segments]


if __name__ == "__main__":
    main()
