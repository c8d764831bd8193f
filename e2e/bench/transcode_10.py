"""A viewer who starts at the first segment of a stream that is still being made."""

import sys
import threading

from world import Failed, player
from world.browser import Browser, played
from world.stage import Stage

WAYS = [("hls.js", "master.m3u8"), ("shaka", "master.m3u8"), ("shaka", "manifest.mpd")]
# Seconds between segments of 4 s: an encode that is faster than playing, and one that is slower.
FAST, SLOW = 3, 6


def main():
    wrong = runs = 0
    for pace in (FAST, SLOW):
        with Stage() as stage, Browser() as browser:
            for way, faults, text in growing(stage, browser, pace):
                runs, wrong = runs + 1, wrong + bool(faults)
                print(f"  {way[0]:<7} {way[1]:<13} a segment every {pace} s: {'; '.join(faults) or 'to the end'}; {text}")
    print("compared: frames shown and errors of each player with the whole stream; nobody loaded anything anew")
    print(f"figure: {runs - wrong} of {runs} viewers from the first segment to the end, HLS and DASH, encodes faster and slower than playing")
    sys.exit(1 if wrong else 0)


def growing(stage, browser, pace):
    """Viewers in every way who begin when the first segment is there."""
    segments = stage.grow()
    duration = max(track["starts"][-1] / track["timescale"] for track in stage.made["tracks"])
    patience = stage.made["segments"] * max(pace, 4) + 40
    views = []
    for name, page in WAYS:
        url = stage.play().replace("master.m3u8", page)
        # HLS says itself where to start; DASH has no word for it.
        start = {"start": 0} if page.endswith("mpd") else {}
        views.append(((name, page), browser.view(name, url, patience, text=stage.made["text"][0]["language"], **start)))
    stop = threading.Event()
    while segments < stage.made["segments"] and not stop.wait(pace):
        segments = stage.grow()
    for way, view in views:
        seen = view()
        language, playlist = next(iter(player.texts(stage.play()).items()))
        expected = player.words(player.cues(playlist))
        # A viewer at the edge of what is made has to wait for it, which players tell as an error.
        waits = ("stall", "error bufferStalledError")
        faults = [fault for fault in played(seen, duration) if not fault.startswith(waits)]
        first = seen["runs"][0]["from"] if seen["runs"] else None
        if first is None or first > 0.1:
            faults.append(f"the first frame shown is at {first} s")
        shown = player.words((cue["start"], cue["end"], cue["text"]) for cue in seen.get("cues", []))
        if shown != expected:
            faults.append(f"of the text in {language} {shown} was shown, not {expected}")
        yield way, faults, f"{seen.get('frames', 0)} frames, {len(seen['stalls'])} waits"


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"{failed}")
