"""Players that send neither headers nor an inherited query, through a title many times as long as a lease that is made while they
watch: FFmpeg, a plain client as native players are, hls.js, Shaka. All play to the end; when their sessions are ended in the middle,
none shows what was made afterwards."""
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from world.browser import Browser
from world.stage import Stage

LEASE = 2
# Segments there are at first, and seconds until the next: players stay ahead, and ask again and again.
FIRST, PACE = 3, 3.0
WAYS = [("hls.js", "master.m3u8"), ("shaka", "master.m3u8"), ("shaka", "manifest.mpd")]


def ffmpeg(url):
    """Frames that FFmpeg shows."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-live_start_index", "0", "-i", url, "-map", "0:v:0", "-f", "framecrc", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return sum(not line.startswith("#") for line in done.stdout.splitlines())


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


def plain(url):
    """Segments that a client plays which knows nothing but the URLs it is given."""
    lines = fetch(url).decode().splitlines()
    variant = next(lines[at + 1] for at, line in enumerate(lines) if line.startswith("#EXT-X-STREAM-INF"))
    playlist, played = urllib.parse.urljoin(url, variant), set()
    try:
        for _ in range(60):
            text = fetch(playlist).decode()
            for line in text.splitlines():
                if line and line[0] != "#" and line not in played:
                    assert fetch(urllib.parse.urljoin(playlist, line))
                    played.add(line)
            if "#EXT-X-ENDLIST" in text:
                break
            time.sleep(1)
    except urllib.error.HTTPError as error:
        assert error.code in (401, 403), error
    return len(played)


def started(work, url):
    """Runs in the background; what is returned waits for its outcome."""
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(work(url)))
    thread.start()
    return lambda: (thread.join(), outcome[0] if outcome else None)[1]


def watch(browser, revoked):
    """What each player saw: seconds of the title. Sessions end after the first segments when `revoked`."""
    with Stage(lease=LEASE) as stage:
        length = max(track["starts"][-1] / track["timescale"] for track in stage.made["tracks"])
        segments = stage.made["segments"]
        for _ in range(FIRST):
            stage.grow()
        views = [(f"{name} {page}", browser.view(name, stage.play().replace("master.m3u8", page), length * 2 + 15)) for name, page in WAYS]
        frames, taken = started(ffmpeg, stage.play()), started(plain, stage.play())
        time.sleep(PACE)
        if revoked:
            stage.end()
            time.sleep(1)
        for _ in range(segments - FIRST):
            stage.grow()
            time.sleep(PACE)
        seen = {"FFmpeg": frames() / 25, "plain client": taken() * length / segments}
        for name, view in views:
            view = view()
            seen[name] = view.get("at", 0)
            if not revoked:
                assert view["ended"], f"{name}: {view['errors']}"
        return seen, length, FIRST * length / segments


def main():
    wrong = []
    with Browser() as browser:
        for revoked in (False, True):
            seen, length, had = watch(browser, revoked)
            for name, at in seen.items():
                good = at <= had + 0.5 if revoked else abs(at - length) <= 0.2
                print(f"  {'revoked' if revoked else 'through':<8} {name:<20} {at:5.1f} s of {length:.1f}" + ("" if good else "  WRONG"), flush=True)
                wrong += [] if good else [name]
    print(f"compared: what each player showed with the title of {length:.0f} s, {length / LEASE:.0f} leases long; and with the {had:.0f} s there were when its session ended")
    print(f"figure: {len(seen)} players to the end of a title of {length / LEASE:.0f} leases, stopped when revoked; {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
