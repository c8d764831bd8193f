"""Players: FFmpeg, and a strict reading of what a playlist promises."""

import json
import subprocess
import urllib.parse
import urllib.request

from . import Failed


def play(url):
    """Decodes every variant to its end with FFmpeg; frames by height, audio frames under 0."""
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries"]
    command += ["stream=codec_type,height,nb_read_frames", "-of", "json", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0 or done.stderr.strip():
        raise Failed(f"FFmpeg could not play it: {done.stderr.replace(url, 'URL').strip()[:500]}")
    frames = {}
    for stream in json.loads(done.stdout)["streams"]:
        height = stream.get("height", 0) if stream["codec_type"] == "video" else 0
        frames[height] = max(frames.get(height, 0), int(stream["nb_read_frames"]))
    return frames


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as response:
        return response.read()


def lines(url):
    text = fetch(url).decode()
    if not text.startswith("#EXTM3U\n"):
        raise Failed("a playlist must begin with #EXTM3U")
    return text.splitlines()


def variants(master):
    """URLs of every media playlist a master playlist names."""
    found = []
    for line in lines(master):
        if line.startswith("#EXT-X-MEDIA") and 'URI="' in line:
            found.append(line.split('URI="')[1].split('"')[0])
        elif line and not line.startswith("#"):
            found.append(line)
    return [urllib.parse.urljoin(master, name) for name in found]


def segments(playlist):
    """(init URL, [(EXTINF seconds, URL)], ended) of a media playlist."""
    init, found, seconds, ended = None, [], None, False
    for line in lines(playlist):
        if line.startswith("#EXT-X-MAP"):
            init = urllib.parse.urljoin(playlist, line.split('URI="')[1].split('"')[0])
        elif line.startswith("#EXTINF:"):
            seconds = float(line.removeprefix("#EXTINF:").split(",")[0])
        elif line.startswith("#EXT-X-ENDLIST"):
            ended = True
        elif line and not line.startswith("#"):
            found.append((seconds, urllib.parse.urljoin(playlist, line)))
    return init, found, ended
