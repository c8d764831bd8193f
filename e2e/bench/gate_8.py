"""Ten thousand viewers at once, each with a connection and a handle of their own, asking in turn for a segment of 64 KiB and a playlist;
then a thousand at the same moment for a segment that is not in memory."""
import argparse
import resource
import threading
import time

from . import serving

VIEWERS, RATE, PAGE_P99, COLD = 10_000, 2_500, 50_000, 1_000
# Bytes per minute that a slope may show, for what an allocator keeps and gives back.
FLAT = 256 << 10


def watch(server, samples, stop):
    while not stop.wait(2):
        samples.append((time.monotonic(), server.memory()))


def slope(samples):
    """Least squares, bytes per minute."""
    times = [t for t, _ in samples]
    middle, mean = sum(times) / len(times), sum(m for _, m in samples) / len(samples)
    rise = sum((t - middle) * (m - mean) for t, m in samples)
    return 60 * rise / sum((t - middle) ** 2 for t in times)


def live(path, seconds):
    samples, stop = [], threading.Event()
    with serving.gate(path) as server:
        watcher = threading.Thread(target=watch, args=(server, samples, stop))
        watcher.start()
        told = serving.ask(server, path / "live.txt", connections=VIEWERS, seconds=seconds, rate=RATE, own=True, ramp=10)
        stop.set()
        watcher.join()
    # The second half: everything that is filled once is full by then.
    begin = samples[0][0]
    steady = [sample for sample in samples if sample[0] - begin > seconds / 2]
    return told, slope(steady), max(m for _, m in samples)


def cold(path):
    """Reads of the store for a thousand who ask at once."""
    misses = 'streamgate_streaming_cache_requests_total{result="miss"}'
    with serving.gate(path, audit="audit-cold") as server:
        before = server.metrics()[misses]
        told = serving.ask(server, path / "cold.txt", connections=COLD, seconds=60, own=True, once=True)
        return told, server.metrics()[misses] - before


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=float, default=300)
    options = arguments.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most == resource.RLIM_INFINITY or most > VIEWERS + 1_000, f"{most} open files are too few; raise the hard limit"
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    serving.build()
    with serving.folder() as path:
        path = serving.seed(path, "--viewers", str(VIEWERS))
        told, rise, most = live(path, options.seconds)
        pages = told["pages"]
        print(f"  {VIEWERS} connections, {told['requests'] / told['seconds']:.0f} requests/s for {told['seconds']:.0f} s: wrong {told['wrong'] or 'none'}; "
              f"playlists p99 {(pages['p99_us'] or 0) / 1000:.1f} ms, segments p99 {(told['files']['p99_us'] or 0) / 1000:.1f} ms; "
              f"memory at most {most >> 20} MiB, slope {rise / 1024:+.0f} KiB/min over the second half", flush=True)
        at_once, reads = cold(path)
        print(f"  {at_once['requests']} readers at once of a cold segment: {reads:.0f} reads of the store, wrong {at_once['wrong'] or 'none'}")
    good = (not told["wrong"] and pages["p99_us"] <= PAGE_P99 and rise <= FLAT and told["requests"] >= 0.95 * RATE * options.seconds
            and reads == 1 and at_once["requests"] == COLD and not at_once["wrong"])
    print("compared: every status and length with what was promised; resident memory by time; reads of the store with 1")
    print(f"figure: {sum(told['wrong'].values())} errors, playlist p99 {pages['p99_us'] / 1000:.1f} ms, slope {rise / 1024:+.0f} KiB/min, "
          f"{reads:.0f} store read for {at_once['requests']} readers")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
