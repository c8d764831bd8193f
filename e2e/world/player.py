"""Players: FFmpeg, and a strict reading of what a playlist promises."""

import html
import json
import re
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
    """URLs of every media playlist of pictures and sound a master playlist names."""
    found = []
    for line in lines(master):
        if line.startswith("#EXT-X-MEDIA:TYPE=AUDIO") and 'URI="' in line:
            found.append(line.split('URI="')[1].split('"')[0])
        elif line and not line.startswith("#"):
            found.append(line)
    return [urllib.parse.urljoin(master, name) for name in found]


def texts(master):
    """{language: URL} of every media playlist of subtitles a master playlist names."""
    found = {}
    for line in lines(master):
        if line.startswith("#EXT-X-MEDIA:TYPE=SUBTITLES"):
            language, name = (line.split(f'{what}="')[1].split('"')[0] for what in ("LANGUAGE", "URI"))
            found[language] = urllib.parse.urljoin(master, name)
    return found


def cues(playlist):
    """{(start, end, text)} of a playlist of WebVTT, each segment read strictly: its head, and no cue that it need not have."""
    found, at = set(), 0.0
    for seconds, url in segments(playlist)[1]:
        head, *blocks = fetch(url).decode().rstrip("\n").split("\n\n")
        if head != "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000":
            raise Failed(f"a segment of text begins with {head!r}")
        for block in blocks:
            times, *text = block.split("\n")
            start, end = (_seconds(time.split(" ")[0]) for time in times.split(" --> "))
            if not text or end <= at or start >= at + seconds:
                raise Failed(f"cue {times} in the segment from {at} s on")
            found.add((start, end, "\n".join(text)))
        at += seconds
    return found


def words(cues):
    """{(start, end): words} of cues, whichever way a player keeps their tags and times. In MP4 a cue that crosses a
    seam is one in each segment: pieces that follow each other are one."""
    found = {}
    for start, end, text in sorted(cues):
        words = html.unescape(re.sub("<[^>]*>", "", text)).strip()
        start, end = round(start, 2), round(end, 2)
        before = next((times for times, said in found.items() if times[1] == start and said == words), None)
        if before:
            del found[before]
        found[(before[0] if before else start, end)] = words
    return found


def _seconds(time):
    hours, minutes, seconds = time.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


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
