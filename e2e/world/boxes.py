"""Reads what a CMAF segment says of itself. Source: ISO/IEC 14496-12, boxes moof, tfdt, tfhd, trun, mdhd."""

import struct

CONTAINERS = {b"moov", b"trak", b"mdia", b"moof", b"traf", b"mvex", b"edts", b"minf", b"stbl"}


def boxes(data, start=0, end=None):
    """(kind, body start, body end) of every box, depth first."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1:
            size, header = struct.unpack_from(">Q", data, start + 8)[0], 16
        size = size or end - start
        yield kind, start + header, start + size
        if kind in CONTAINERS:
            yield from boxes(data, start + header, start + size)
        start += size


def timescale(init):
    """Ticks per second of an init segment's track."""
    for kind, body, _ in boxes(init):
        if kind == b"mdhd":
            return struct.unpack_from(">I", init, body + (20 if init[body] == 1 else 12))[0]
    raise ValueError("no mdhd box")


def priming(init):
    """Media time at which presentation begins: first entry of the edit list, 0 without one."""
    for kind, body, _ in boxes(init):
        if kind == b"elst":
            version = init[body]
            return struct.unpack_from(">q" if version == 1 else ">i", init, body + (16 if version == 1 else 12))[0]
    return 0


def default_duration(init):
    for kind, body, _ in boxes(init):
        if kind == b"trex":
            return struct.unpack_from(">I", init, body + 12)[0]
    return 0


def span(segment, default):
    """(first decode time, end decode time, samples) of a segment, in ticks; gaps inside it fail."""
    first, clock, samples = None, None, 0
    duration = default
    for kind, body, _ in boxes(segment):
        flags = int.from_bytes(segment[body + 1 : body + 4])
        if kind == b"tfhd":
            duration, at = default, body + 8
            at += 8 * bool(flags & 0x1) + 4 * bool(flags & 0x2)
            if flags & 0x8:
                duration = struct.unpack_from(">I", segment, at)[0]
        elif kind == b"tfdt":
            time = struct.unpack_from(">Q" if segment[body] == 1 else ">I", segment, body + 4)[0]
            if clock is not None and time != clock:
                raise ValueError(f"a fragment begins at {time}, not at {clock}")
            first, clock = time if first is None else first, time
        elif kind == b"trun":
            count, lengths = durations(segment, body, flags, duration)
            samples, clock = samples + count, clock + lengths
    return first, clock, samples


def durations(segment, body, flags, default):
    """Samples of a trun and the sum of their durations."""
    count = struct.unpack_from(">I", segment, body + 4)[0]
    if not flags & 0x100:
        return count, count * default
    at = body + 8 + 4 * bool(flags & 0x1) + 4 * bool(flags & 0x4)
    row = 4 * sum(bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800))
    return count, sum(struct.unpack_from(">I", segment, at + row * i)[0] for i in range(count))
