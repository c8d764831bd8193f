"""A strict reading of an HLS presentation: every seam, every EXTINF, every promise of the playlists."""

from . import Failed, boxes, player

# RFC 8216, 4.3.2.1: players add EXTINF up, so it must be true to well below a frame.
EXTINF_SECONDS = 0.001


def track(playlist):
    """Reads a media playlist and all it names; what was seen, or the first broken promise."""
    init_url, segments, ended = player.segments(playlist)
    init = player.fetch(init_url)
    scale, priming, default = boxes.timescale(init), boxes.priming(init), boxes.default_duration(init)
    end, samples = None, 0
    for number, (seconds, url) in enumerate(segments):
        first, last, count = boxes.span(player.fetch(url), default)
        if end is not None and first != end:
            raise Failed(f"segment {number} begins at {first}, the one before ends at {end}")
        presented = (last - first - (priming if end is None else 0)) / scale
        if abs(presented - seconds) > EXTINF_SECONDS:
            raise Failed(f"segment {number} lasts {presented:.4f} s, EXTINF says {seconds}")
        begin = first if end is None else begin
        end, samples = last, samples + count
    if not ended:
        raise Failed("the playlist has no end")
    return {
        "segments": len(segments),
        "samples": samples,
        "begins": begin / scale,
        "seconds": (end - begin - priming) / scale,
        "frame": default / scale if default else None,
        "media": "audio" if priming else "video",
    }
