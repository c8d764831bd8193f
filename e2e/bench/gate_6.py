"""Guarded segments against a plain file server: the gate with handle, entitlement, limits, metrics and audit on, nginx 1.22 with
sendfile, open_file_cache and no gate. One core for the server, the other for the client, in turns, on loopback; both are asked at the
same rate, well below what either can do, so that neither waits for the client; what counts is the server's own CPU time."""
import argparse
import contextlib

from . import serving

BARS = {size: 1.2 for size in serving.SIZES[:-1]}
LARGEST = serving.SIZES[-1]
# Share of the slower one's best rate at which both are asked.
SHARE = 0.7
BUSY = 0.9


def checked(told):
    """Every answer had the right status and length (the client held them), and the client was not the limit."""
    assert not told["wrong"], told["wrong"]
    assert told["requests"] > 0
    return told


def best(server, path, size):
    """Requests per second when asked as fast as client and server can, after one round that warms both."""
    paths = path / f"{'gate' if server.name == 'gate' else 'www'}-{size}.txt"
    checked(serving.ask(server, paths, once=True, connections=16, seconds=60))
    told = checked(serving.ask(server, paths, connections=connections(size), seconds=2))
    return told["requests"] / told["seconds"], paths


def connections(size):
    return 64 if size < 1 << 20 else 16


def compare(servers, path, size, rounds, seconds):
    """Requests per CPU-second of each server, and how busy the client was."""
    rates = [best(server, path, size) for server in servers]
    rate = SHARE * min(rate for rate, _ in rates)
    per_cpu, busy = [[], []], 0
    for n in range(rounds):
        order = [0, 1] if n % 2 == 0 else [1, 0]
        for at in order:
            told = checked(serving.ask(servers[at], rates[at][1], connections=connections(size), seconds=seconds, rate=rate))
            per_cpu[at].append(told["requests"] / told["cpu"])
            busy = max(busy, told["busy"])
    return per_cpu, busy, rate


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--seconds", type=float, default=4)
    arguments.add_argument("--sizes", default=",".join(map(str, serving.SIZES)))
    arguments.add_argument("--modes", default="plain,tls")
    options = arguments.parse_args()
    serving.build()
    short, told = [], {}
    with serving.folder() as path:
        path = serving.seed(path)
        for mode in options.modes.split(","):
            for size in map(int, options.sizes.split(",")):
                with contextlib.ExitStack() as stack:
                    tls = mode == "tls"
                    servers = [stack.enter_context(server(path, tls=tls)) for server in (serving.gate, serving.nginx)]
                    (ours, theirs), busy, rate = compare(servers, path, size, options.rounds, options.seconds)
                ratio = serving.median(ours) / serving.median(theirs)
                told.setdefault(mode, []).append(ratio)
                # At the largest size CPU per gigabyte is what counts, the reciprocal.
                good = 1 / ratio <= 1.1 if size == LARGEST else ratio >= BARS[size]
                print(f"  {mode:<5} {size >> 10:>5} KiB at {rate:>6.0f}/s: gate {serving.spread(ours)} requests per CPU-second, "
                      f"nginx {serving.spread(theirs)}, {ratio:.2f}x; client busy {busy:.0%}", flush=True)
                if not good or busy >= BUSY:
                    short.append(f"{mode} {size >> 10} KiB {ratio:.2f}x" + (f", client {busy:.0%} busy" if busy >= BUSY else ""))
    print("compared: requests per CPU-second of the server, medians of rounds in turns; status and length of every answer held")
    shown = "; ".join(f"{mode} {min(r):.2f}x .. {max(r):.2f}x" for mode, r in told.items())
    print(f"figure: {shown} nginx from {int(options.sizes.split(',')[0]) >> 10} KiB to {int(options.sizes.split(',')[-1]) >> 10} KiB"
          + (f"; short: {', '.join(short)}" if short else ""))
    return 1 if short else 0


if __name__ == "__main__":
    raise SystemExit(main())
