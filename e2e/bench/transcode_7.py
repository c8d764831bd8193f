"""Every rendition and every switch in real players, every file in readers of others."""

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from world import ROOT, Failed, player
from world.browser import PLAYERS, Browser, played, switches
from world.stage import Stage

WAYS = [("hls.js", "master.m3u8"), ("shaka", "master.m3u8"), ("shaka", "manifest.mpd")]
# Who can play what is encrypted.
SCHEMES = {"AES-128": WAYS[:2], "cbcs": WAYS[1:], "cenc": WAYS[2:]}
# Viewings at once: they share this machine's cores with each other and the server.
AT_ONCE = 3


def main():
    with Stage() as stage, Browser() as browser:
        stage.whole()
        print(f"Chromium {browser.version}, rungs {stage.heights}")
        clear = {track["id"]: pictures(stage, track["id"]) for track in stage.made["tracks"]}
        counts = [
            renditions(stage, browser),
            all_switches(stage, browser),
            texts(stage, browser),
            files(stage),
            decoded(stage.play()),
        ]
        counts.append(encrypted(browser, clear))
    wrong = sum(wrong for _, wrong in counts)
    plays, switched, worded, read, clean, opened = (right for right, _ in counts)
    print("compared: what viewers saw, frame by frame, with what was asked of the player")
    print(
        f"figure: {plays} renditions to the end and {switched} switches in 3 ways without a stall, {worded} of text read; {read} files read by "
        f"Shaka Packager and mp4box, {clean} renditions decoded clean; {opened} encrypted ones played; {wrong} wrong"
    )
    sys.exit(1 if wrong else 0)


def duration(stage):
    return max(track["starts"][-1] / track["timescale"] for track in stage.made["tracks"])


def seen(stage, browser, paths, ways=WAYS, **more):
    """(way, path, what was seen) of a viewing of every path in every way, a few at once."""
    wanted = [(way, path) for path in paths for way in ways]
    for first in range(0, len(wanted), AT_ONCE):
        views = []
        for (name, page), path in wanted[first : first + AT_ONCE]:
            master = stage.play()
            url, keys = (master.replace("master.m3u8", file) for file in (page, "keys"))
            drm = {"servers": {"org.w3.clearkey": keys}} if stage.scheme in ("cbcs", "cenc") else None
            view = browser.view(name, url, duration(stage) * 2 + 20, path=path, drm=drm, **more)
            views.append(((name, page), path, view))
        for way, path, view in views:
            yield way, path, view()


def tell(way, path, faults, more=""):
    verdict = "; ".join(faults) or "ok"
    print(f"  {way[0]:<7} {way[1]:<13} {'>'.join(map(str, path)):<28} {verdict} {more}")


def renditions(stage, browser):
    """Each rung alone, from its first segment to its end."""
    right = wrong = 0
    for way, path, view in seen(stage, browser, [[height] for height in stage.heights]):
        faults = played(view, duration(stage))
        if {run["height"] for run in view["runs"]} != set(path):
            faults.append(f"showed {[run['height'] for run in view['runs']]}")
        tell(way, path, faults, f"{view.get('frames', 0)} frames, largest step {view.get('largestStep', 0) * 1000:.0f} ms")
        right, wrong = right + (not faults), wrong + bool(faults)
    return right, wrong


def circuit(heights):
    """Heights in a row that have every ordered pair as neighbours once (Hierholzer's algorithm)."""
    left = {a: [b for b in heights if b != a] for a in heights}
    path, stack = [], [heights[0]]
    while stack:
        if left[stack[-1]]:
            stack.append(left[stack[-1]].pop())
        else:
            path.append(stack.pop())
    return path[::-1]


def parts(path, length):
    """The path in pieces of at most `length` that share their ends."""
    return [path[at : at + length] for at in range(0, len(path) - 1, length - 1)]


def texts(stage, browser):
    """Each track of text chosen in every way: the player lists it, and each of its cues is seen when it should be."""
    right = wrong = 0
    playlists = player.texts(stage.play())
    labels = {track["language"]: track["label"] for track in stage.made["text"]}
    for language, playlist in playlists.items():
        expected = player.words(player.cues(playlist))
        for way, _, view in seen(stage, browser, [[stage.heights[-1]]], text=language):
            faults = played(view, duration(stage))
            if {text["language"]: text["label"] for text in view["texts"]} != labels:
                faults.append(f"lists {view['texts']}")
            shown = player.words((cue["start"], cue["end"], cue["text"]) for cue in view["cues"])
            if shown != expected:
                faults.append(f"showed {shown}, not {expected}")
            tell(way, [language], faults, f"{len(shown)} cues")
            right, wrong = right + (not faults), wrong + bool(faults)
    return right, wrong


def all_switches(stage, browser):
    """Every ordered pair of rungs, one switch at each seam of segments."""
    pairs = {(a, b) for a in stage.heights for b in stage.heights if a != b}
    shown, wrong = {way: set() for way in WAYS}, 0
    for way, path, view in seen(stage, browser, parts(circuit(stage.heights), stage.made["segments"])):
        faults = played(view, duration(stage))
        tell(way, path, faults, f"showed {'>'.join(str(run['height']) for run in view['runs'])}")
        wrong += bool(faults)
        if not faults:
            shown[way] |= set(switches(view))
    for way, found in shown.items():
        for missing in sorted(pairs - found):
            print(f"  {way[0]} {way[1]}: never switched {missing[0]}>{missing[1]}")
            wrong += 1
    return sum(len(found & pairs) for found in shown.values()), wrong


def pictures(stage, track):
    """Hashes of everything a track decodes to; what is encrypted is opened by Shaka Packager."""
    below = stage.play().rsplit("/", 1)[0]
    names = ["init.mp4"] + [f"{number:06}.m4s" for number in range(stage.made["segments"])]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "track.mp4"
        path.write_bytes(b"".join(player.fetch(f"{below}/{track}/{name}") for name in names))
        if stage.scheme in ("cbcs", "cenc"):
            (jwk,) = json.loads(player.fetch(f"{below}/keys"))["keys"]
            kid, key = (base64.urlsafe_b64decode(jwk[name] + "==").hex() for name in ("kid", "k"))
            fault = packager(path, "--enable_raw_key_decryption", "--keys", f"label=:key_id={kid}:key={key}")
            if fault:
                return fault
            path = path.with_suffix(".out.mp4")
        command = ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-f", "framemd5", "-"]
        done = subprocess.run(command, capture_output=True, text=True)
        return [line.split()[-1] for line in done.stdout.splitlines() if not line.startswith("#")]


def encrypted(browser, clear):
    """Encrypted streams with keys from the gate: from the tallest rung to the shortest and back; and what
    they decode to against what the clear stream does."""
    right = wrong = 0
    for scheme, ways in SCHEMES.items():
        with Stage(scheme) as stage:
            stage.whole()
            path = [stage.heights[0], stage.heights[-1], stage.heights[0]]
            for way, _, view in seen(stage, browser, [path], ways):
                faults = played(view, duration(stage))
                if [run["height"] for run in view["runs"]] != path:
                    faults.append(f"showed {[run['height'] for run in view['runs']]}")
                tell(way, path, faults, scheme)
                right, wrong = right + (not faults), wrong + bool(faults)
            for track in clear if scheme != "AES-128" else ():
                if pictures(stage, track) != clear[track]:
                    print(f"  {scheme} {track} does not decode to what the clear stream does")
                    wrong += 1
    return right, wrong


def files(stage):
    """Every file through Shaka Packager and mp4box: each segment behind its init segment. Shaka Packager reads no text
    in MP4, not even its own."""
    right = wrong = 0
    both = (packager, mp4box)
    lists = [(*player.segments(playlist)[:2], both) for playlist in player.variants(stage.play())]
    below = stage.play().rsplit("/", 1)[0]
    for track in (text["id"] for text in stage.made["text"]):
        names = (f"{number:06}.m4s" for number in range(stage.made["segments"]))
        lists.append((f"{below}/{track}/init.mp4", [(None, f"{below}/{track}/{name}") for name in names], both[1:]))
    with tempfile.TemporaryDirectory() as folder:
        for init, segments, readers in lists:
            head = player.fetch(init)
            for _, url in segments:
                path = Path(folder) / "file.mp4"
                path.write_bytes(head + player.fetch(url))
                faults = 0
                for reader in readers:
                    fault = reader(path)
                    faults += bool(fault)
                    if fault:
                        print(f"  {reader.__name__} {'/'.join(url.split('/')[-2:])}: {fault}")
                right, wrong = right + (not faults), wrong + faults
    return right, wrong


def packager(path, *options):
    """What Shaka Packager says against remuxing a file; nothing when it does it."""
    output = path.with_suffix(".out.mp4")
    command = [PLAYERS / "packager", f"in={path},stream=0,output={output}", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    said = done.stderr.strip().splitlines()
    return f"ended with {done.returncode}: {said[-1:]}" if done.returncode or not output.stat().st_size else ""


def mp4box(path):
    done = subprocess.run(["node", ROOT / "e2e/players/boxes.mjs", PLAYERS, path], capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()[:300] if done.returncode else ""


def decoded(master):
    """Every rung through FFmpeg, which must complain of nothing."""
    right = wrong = 0
    for playlist in player.variants(master):
        command = ["ffmpeg", "-nostdin", "-v", "warning", "-xerror", "-i", playlist, "-f", "null", "-"]
        done = subprocess.run(command, capture_output=True, text=True)
        clean = done.returncode == 0 and not done.stderr.strip()
        right, wrong = right + clean, wrong + (not clean)
        if not clean:
            print(f"  FFmpeg {playlist.rsplit('/')[-1]}: {done.stderr.replace(master.rsplit('/', 1)[0], '').strip()[:300]}")
    return right, wrong


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"{failed}")
