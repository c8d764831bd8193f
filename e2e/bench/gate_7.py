"""What a handle costs inside, the first time (its signature) and later; playlists of a title of two hours with segments of 4 s per second
of one core, sent compressed, each viewer with a handle of their own."""
import json
import subprocess

from . import serving

FIRST, CACHED, PLAYLISTS = 60.0, 5.0, 25_000
ROUNDS = 5


def handles(path):
    """Medians in microseconds over rounds: verified the first time, found again, and with the question for a lease."""
    told = []
    for _ in range(ROUNDS):
        done = subprocess.run(serving.pinned(serving.SERVER_CORE, [serving.LOAD, "time", path]), check=True, capture_output=True, text=True)
        told.append(json.loads(done.stdout))
    return [serving.median(t[name][0] for t in told) for name in ("verified_us", "cached_us", "first_us")]


def playlists(path):
    """Playlists per CPU-second of the server, and bytes of one."""
    rates, size = [], 0
    with serving.gate(path) as server:
        serving.ask(server, path / "playlists.txt", once=True, connections=16, seconds=60, gzip=True)
        for _ in range(ROUNDS):
            told = serving.ask(server, path / "playlists.txt", connections=64, seconds=4, gzip=True)
            assert not told["wrong"], told["wrong"]
            rates.append(told["requests"] / told["cpu"])
            size = told["bytes"] / told["requests"]
    return rates, size


def main():
    serving.build()
    with serving.folder() as path:
        path = serving.seed(path, "--long")
        verified, cached, leased = handles(path)
        print(f"  a handle: {verified:.1f} us verified the first time, {cached:.2f} us found again; {leased:.0f} us with the lease that the "
              "rules are asked for once in ten minutes", flush=True)
        rates, size = playlists(path)
    print(f"  playlists of 1,800 segments, {size / 1024:.1f} KiB compressed: {serving.spread(rates)} per CPU-second")
    print("compared: medians of rounds on one core; CPU seconds of the server's process, the client on the other core")
    print(f"figure: {cached:.2f} us cached, {verified:.1f} us first; {serving.median(rates):.0f} playlists/s/core, compressed")
    return 0 if verified <= FIRST and cached <= CACHED and serving.median(rates) >= PLAYLISTS else 1


if __name__ == "__main__":
    raise SystemExit(main())
