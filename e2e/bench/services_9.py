"""Overload: segments of 4 MiB asked for at ten times the rate at which the gate can send them, on one core, by a client on the other;
then ten thousand slow connections beside good traffic. Everything on loopback."""
import argparse
import json
import resource
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

from . import serving

MIB = 1 << 20
# What is asked for in the overload, and beside the slow connections.
LARGE, GOOD = 4 * MIB, 64 << 10
TIMES, CONNECTIONS, SLOW = 10, 1_000, 10_000
# Share of the peak at which nobody waits for anybody.
UNLOADED = 0.1
# Seconds between two rounds.
REST = 3
# Seconds within which slow ones must be closed, with the time of one that dribbles in the last moment.
DEADLINES = {"silent": 10, "head": 10, "body": 10, "reader": 30}
GRACE = 3
# What noise may do to the good traffic.
UNCHANGED = 1.2


class Health(threading.Thread):
    """Asks for the process's health all the time, and how much memory it takes."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.asked, self.failed, self.memory, self.over = server, 0, 0, [], threading.Event()

    def run(self):
        while not self.over.wait(0.1):
            for path in ("livez", "readyz"):
                self.asked += 1
                try:
                    with urllib.request.urlopen(f"http://{self.server.admin}/{path}", timeout=1) as answer:
                        self.failed += answer.status != 200
                except OSError:
                    self.failed += 1
            self.memory.append((time.monotonic(), self.server.memory()))

    def end(self):
        self.over.set()
        self.join()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most == resource.RLIM_INFINITY or most > SLOW + 2_000, f"{most} open files are too few; raise the hard limit"
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    serving.build()
    with serving.folder() as path:
        path = serving.seed(path)
        config = json.loads((path / "config.yaml").read_text())
        config["limits"]["requestTimeoutSeconds"] = DEADLINES["body"]
        with serving.gate(path, config=config) as server:
            health = Health(server)
            health.start()
            told = [overload(server, path, options.rounds, health), slow(server, path)]
            health.end()
    print(f"  health asked {health.asked} times, {health.failed} failed")
    print("compared: answers of the right status and length per second with the gate's peak in the same round; their p99 with that at a "
          "tenth of the peak; resident memory of the first and the last round; times until slow connections were closed with the deadlines")
    print("figure: " + "; ".join(text for _, text in told) + f"; health {health.asked} times, {health.failed} failed")
    return 0 if all(good for good, _ in told) and not health.failed else 1


def overload(server, path, rounds, health):
    """Peak, hardly any load and ten times the peak, in turns."""
    paths, taken = path / f"gate-{LARGE}.txt", []
    ask = lambda **how: checked(serving.ask(server, paths, **how))
    ask(once=True, connections=8, seconds=60)
    before, memory = 0, []
    for number in range(rounds):
        # What the gate has learned in the round before is past.
        time.sleep(REST)
        peak = ask(connections=8, seconds=4)
        peak = peak["requests"] / peak["seconds"]
        idle = ask(connections=16, seconds=6, rate=UNLOADED * peak)
        before = len(health.memory)
        over = ask(connections=CONNECTIONS, seconds=8, skip=2, rate=TIMES * peak, shed=True)
        memory.append(max(bytes for _, bytes in health.memory[before:]))
        good, offered = over["requests"] / over["seconds"], (over["requests"] + over["shed"]) / over["seconds"]
        taken.append((good / peak, over["files"]["p99_us"] / idle["files"]["p99_us"], offered / peak))
        print(f"  round {number + 1}: peak {peak:.0f}/s; p99 {idle['files']['p99_us'] / 1000:.2f} ms at a tenth; at {offered / peak:.1f} times the peak "
              f"{good:.0f}/s ({taken[-1][0]:.0%}), p99 {over['files']['p99_us'] / 1000:.2f} ms ({taken[-1][1]:.2f}x), refused {over['shed'] / over['seconds']:.0f}/s, "
              f"client busy {over['busy']:.0%}, {memory[-1] >> 20} MiB", flush=True)
    goodput, late, offered = (statistics.median(values) for values in zip(*taken))
    grown = memory[-1] / memory[0]
    text = f"at {offered:.1f} times the peak of 4 MiB segments goodput {goodput:.0%}, p99 of admitted {late:.2f}x, memory {grown:.2f}x the first round's"
    return goodput >= 0.9 and late <= 2 and offered >= 0.95 * TIMES and grown <= 1.05, text


def checked(told):
    assert not told["wrong"], told["wrong"]
    return told


def slow(server, path):
    """Good traffic at a quarter of what the gate can do: alone, beside the slow ones, and alone again."""
    paths = path / f"gate-{GOOD}.txt"
    asked = lambda seconds, **how: checked(serving.ask(server, paths, connections=32, seconds=seconds, shed=True, **how))
    # What the gate has learned under the load before is past.
    time.sleep(REST)
    # As many at once as keep it busy: more of them would wait for one another, and be refused.
    best = checked(serving.ask(server, paths, connections=8, seconds=3))
    rate = best["requests"] / best["seconds"] / 4
    alone = [asked(10, rate=rate)]
    reader = (path / f"gate-{LARGE}.txt").read_text().split()[0]
    command = serving.pinned(serving.CLIENT_CORE, [sys.executable, "-m", "bench.slow", server.address, reader, "60"])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=serving.ROOT / "e2e") as others:
        try:
            time.sleep(6)
            connections = server.metrics()['streamgate_connections_active{listener="public"}']
            beside = [asked(10, rate=rate)]
            kinds = json.loads(others.communicate(timeout=120)[0])
        finally:
            others.kill()
    alone.append(asked(10, rate=rate))
    good = True
    for kind, found in kinds.items():
        good &= found["closed"] == found["opened"] and found["latest"] <= DEADLINES[kind] + GRACE
        print(f"  {kind}: {found['closed']} of {found['opened']} closed, the last after {found['latest']:.1f} s")
    late = lambda rounds: statistics.mean(told["files"]["p99_us"] for told in rounds)
    many = lambda rounds: statistics.mean(told["requests"] / told["seconds"] for told in rounds)
    refused = sum(told["shed"] for told in alone + beside)
    ratio, share = late(beside) / late(alone), many(beside) / many(alone)
    opened, closed = (sum(found[which] for found in kinds.values()) for which in ("opened", "closed"))
    print(f"  {connections:.0f} connections at once; good traffic {many(alone):.0f}/s, p99 {late(alone) / 1000:.2f} ms; beside them {many(beside):.0f}/s, "
          f"p99 {late(beside) / 1000:.2f} ms", flush=True)
    text = f"{closed} of {opened} slow connections closed on their deadlines; good traffic beside them {share:.0%}, p99 {ratio:.2f}x, {refused} refused"
    return good and not refused and opened == SLOW and share >= 0.99 and ratio <= UNCHANGED, text


if __name__ == "__main__":
    raise SystemExit(main())
