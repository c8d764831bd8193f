"""The stream of a finished job in FFmpeg and in a strict parser: every frame, seam and EXTINF."""

import sys

from world import Failed, player, strict
from world.scene import CLIP, Scene, follow

FRAMES = 600
CLIP_SECONDS = 24.0
AUDIO_FRAME_SECONDS = 1024 / 48_000


def main():
    scene = Scene()
    scene.ticket.mint(scene.holder)
    job = scene.upload()
    content = follow(job)["output"]["content"]
    stream = scene.signed_in(scene.holder).playback(content).must(200, 201).json()["url"]
    faults, exact = [], 0
    for url in player.variants(stream):
        try:
            track = strict.track(url)
        except Failed as fault:
            faults.append(str(fault))
            continue
        print(f"  {track}")
        over = track["seconds"] - CLIP_SECONDS
        if track["media"] == "audio" and not 0 <= over < AUDIO_FRAME_SECONDS:
            faults.append(f"audio is {over:+.4f} s over at its tail")
        if track["media"] == "video":
            exact += track["samples"] == FRAMES
            if track["begins"] != 0 or abs(over) > 1e-6:
                faults.append(f"video begins at {track['begins']} and is {over:+.4f} s off")
    frames = player.play(stream)
    print(f"  FFmpeg decodes: {frames}")
    rungs = [count for height, count in frames.items() if height]
    faults += [f"FFmpeg saw {count} of {FRAMES} frames" for count in rungs if count != FRAMES]
    print(f"compared: {CLIP.name}, {FRAMES} frames, with {len(rungs)} rungs in FFmpeg and {exact} in the parser")
    print(f"faults: {faults or 'none'}")
    print(f"figure: {min(rungs, default=0)} of {FRAMES} frames on {len(rungs)} rungs, {len(faults)} faults")
    sys.exit(0 if not faults and exact == len(rungs) and rungs else 1)


if __name__ == "__main__":
    main()
