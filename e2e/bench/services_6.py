"""Uploads on two replicas, PostgreSQL and S3: tus-js-client, racing writers, kills at random bytes, throughput and
CPU against tusd on the same S3 server, memory under many uploads. SEED=… repeats the random choices."""
import base64
import concurrent.futures
import contextlib
import hashlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time

from bench import apart, serving, uploads
from bench.services_8 import sign_in
from world.evm import CHAIN_ID, Chain

MIB = 1 << 20
RACES, KILLS, KILLERS = int(os.environ.get("RACES", 1000)), int(os.environ.get("KILLS", 200)), 4
# A part: most bytes of one object of the store.
PART = 4 * MIB
ROUNDS, SENDERS, FILE = int(os.environ.get("ROUNDS", 5)), 4, 128 * MIB
MANY, EACH, MEMORY = 200, 6 * MIB, 64 * MIB
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
SCRIPT = serving.ROOT / "e2e/tus/upload.mjs"


def main():
    serving.build()
    print(f"  seed {SEED}")
    with serving.folder() as folder, contextlib.ExitStack() as open_:
        store, database = uploads.Store(folder), uploads.Database(folder)
        open_.callback(store.end)
        open_.callback(database.end)
        chain = Chain("127.0.0.1", serving.free_port())
        chain.up()
        open_.callback(chain.down)
        gate = serving.seed(folder)
        world = World(gate, settings(gate, chain, store, database), store, database, open_)
        world.token = sign_in(world.replica("first").server, chain)
        told = [check(world) for check in (clients, races, kills, against_tusd, memory)]
    print("compared: bytes in the store with those sent; offsets after a kill with what the process had received; "
          "medians of rounds taken in turns; VmHWM of the process of role upload")
    print("figure: " + "; ".join(text for _, text in told))
    return 0 if all(good for good, _ in told) else 1


class World:
    """The servers, and replicas as they are asked for."""

    def __init__(self, gate, config, store, database, open_):
        self.gate, self.config, self.store, self.database, self.open = gate, config, store, database, open_
        self.replicas, self.token = {}, None

    def replica(self, name):
        if name not in self.replicas:
            self.replicas[name] = uploads.Replica(name, self.gate, self.config, self.store)
            self.open.callback(self.replicas[name].end)
        return self.replicas[name]

    def client(self, name):
        return uploads.Client(self.replica(name).address, self.token)


def settings(gate, chain, store, database):
    """The seeded configuration on PostgreSQL and S3, with limits that do not matter here."""
    config = json.loads((gate / "config.yaml").read_text())
    who = chain.accounts()[0]
    (gate / "database").write_text(database.url)
    config["database"] = {"postgres": {"urlFile": str(gate / "database")}}
    config["storage"] = {"s3": {"bucket": uploads.GATE_BUCKET, "region": uploads.REGION, "endpoint": store.url, "forcePathStyle": True}}
    config["chains"] = [{"name": "local", "chainId": CHAIN_ID, "rpcUrls": [chain.url]}]
    config["people"] = {"creators": [who], "admins": []}
    free = {"requestsPerSecond": 1_000_000, "burst": 1_000_000}
    config["limits"] |= {"maxUploadBytes": 4 << 30, "roles": [{"role": role, **free} for role in ("auth", "upload", "metadata")],
                         "uploads": {"openPerWallet": 100_000}}
    return config


def video(length, seed):
    return (uploads.VIDEO + random.Random(seed).randbytes(length))[:length]


def clients(world):
    """tus-js-client, plain, in bodies, in parallel, and of unknown length."""
    file, data = world.gate / "clip.mp4", video(60 * MIB, SEED)
    file.write_bytes(data)
    url = f"http://{world.replica('first').address}/api/v1/uploads"
    exact = []
    for parallel, chunk, later in (("1", "0", ""), ("1", "7000000", ""), ("4", "0", ""), ("1", "9000000", "later")):
        done = subprocess.run(["node", SCRIPT, url, file, world.token, parallel, chunk, later], capture_output=True, text=True)
        keys = world.database.parts().get(done.stdout.strip().rsplit("/", 1)[-1], [])
        exact.append(done.returncode == 0 and world.store.bytes(keys) == data)
        print(f"  tus-js-client, {parallel} at once, bodies of {chunk}{', length later' if later else ''}: {'exact' if exact[-1] else done.stderr[-400:]}")
    return all(exact), f"tus-js-client plain and parallel {sum(exact)} of {len(exact)} exact"


def races(world):
    """Two writers of different bytes at one offset, each on a replica of its own."""
    pair = [world.client("first"), world.client("second")]

    def race(n):
        length = 9 * MIB if n % 20 == 0 else 64 << 10
        path = pair[n % 2].create(length)
        bodies = [video(length, f"{SEED}-{n}-{writer}") for writer in range(2)]
        # Some go on behind a beginning that both agree on.
        begun = length // 3 if n % 3 == 0 else 0
        if begun:
            bodies[1] = bodies[0][:begun] + bodies[1][begun:]
            if pair[0].patch(path, 0, bodies[0][:begun]).status != 204:
                return path, None
        both = threading.Barrier(2)

        def write(writer):
            both.wait()
            return pair[writer].patch(path, begun, bodies[writer][begun:]).status

        with concurrent.futures.ThreadPoolExecutor(2) as writers:
            statuses = list(writers.map(write, range(2)))
        winners = [body for body, status in zip(bodies, statuses) if status == 204]
        losers = [status for status in statuses if status != 204]
        if len(winners) != 1 or losers not in ([409], [404]):
            print(f"  race {n}: {statuses}")
            return path, None
        return path, hashlib.sha256(winners[0]).digest()

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(6) as runners:
        outcomes = list(runners.map(race, range(RACES)))
    parts = world.database.parts()
    single = sum(wanted is not None for _, wanted in outcomes)
    corrupt = sum(hashlib.sha256(world.store.bytes(parts.get(path.rsplit("/", 1)[-1], []))).digest() != wanted
                  for path, wanted in outcomes if wanted)
    strays = len(world.store.objects() - {key for keys in parts.values() for key in keys})
    print(f"  races: {RACES} in {time.monotonic() - began:.0f} s, {single} with one writer, {corrupt} corrupt, {strays} strays")
    return single == RACES and not corrupt, f"races {RACES}: {single} with one writer, {corrupt} corrupt uploads, {strays} strays"


def kills(world):
    """Replicas killed at random bytes; each upload goes on at another replica."""
    length, other, lock = 48 * MIB, world.client("second"), threading.Lock()
    lost, uploaded, wrong = [], [], []

    def killer(number):
        chance, name = random.Random(f"{SEED}-killer-{number}"), f"killed-{number}"
        replica = world.replica(name)
        path = data = None
        for n in range(KILLS // KILLERS):
            if path is None:
                data = video(length, f"{SEED}-{number}-{n}")
                path, offset = other.create(length), 0
            client = world.client(name)
            with client.connect() as connection:
                received = offset + send_some(client, connection, path, offset, data, chance)
                os.kill(replica.process.pid, signal.SIGSTOP)
                received -= uploads.queued(replica.port, connection.getsockname()[1])
                replica.kill()
            replica.start()
            offset = other.offset(path)
            with lock:
                lost.append(max(0, received - offset))
            if offset == length or length - offset < 4 * MIB:
                finish(path, offset, data)
                path = None
        if path:
            finish(path, offset, data)

    def finish(path, offset, data):
        status = 204 if offset == length else other.patch(path, offset, data[offset:]).status
        with lock:
            uploaded.append((path.rsplit("/", 1)[-1], hashlib.sha256(data).digest()))
            wrong.extend([status] if status != 204 else [])

    with concurrent.futures.ThreadPoolExecutor(KILLERS) as killers:
        list(killers.map(killer, range(KILLERS)))
    parts = world.database.parts()
    corrupt = sum(hashlib.sha256(world.store.bytes(parts.get(upload, []))).digest() != wanted for upload, wanted in uploaded)
    print(f"  kills: {len(lost)}, bytes lost of those received: median {statistics.median(lost) / MIB:.1f}, most {max(lost) / MIB:.1f} MiB; "
          f"{len(uploaded)} uploads, {corrupt} corrupt, not finished: {wrong}")
    good = len(lost) == KILLS and max(lost) <= PART and not corrupt and not wrong
    return good, f"{len(lost)} kills: at most {max(lost) / MIB:.1f} MiB of a part of {PART // MIB} MiB lost, {corrupt} of {len(uploaded)} uploads corrupt"


def send_some(client, connection, path, offset, data, chance):
    """Sends a random number of bytes of the rest; how many the kernel took."""
    connection.sendall(client.patching(path, offset, len(data) - offset))
    stop = chance.randrange(1, len(data) - offset)
    sent, end = 0, offset + stop
    with contextlib.suppress(ConnectionError):
        while sent < stop:
            sent += connection.send(data[offset + sent:min(offset + sent + (256 << 10), end)])
    time.sleep(chance.random() * 0.03)
    return sent


def against_tusd(world):
    """Files from page cache over loopback, one request each; checksums on at the gate, tusd has none."""
    tusd = uploads.Tusd(world.store)
    world.open.callback(tusd.end)
    folder = world.gate / "files"
    folder.mkdir()
    files = []
    for n in range(SENDERS):
        data = video(FILE, f"{SEED}-file-{n}")
        (folder / str(n)).write_bytes(data)
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        files.append((os.open(folder / str(n), os.O_RDONLY), f"sha256 {checksum}"))
    gate = world.replica("measured")
    sides = {"gate": (uploads.Client(gate.address, world.token), gate.process.pid, True),
             "tusd": (uploads.Client(tusd.address, path="/files/"), tusd.process.pid, False)}
    taken = {side: [] for side in sides}
    for round_ in range(ROUNDS + 1):
        for side in sorted(sides, reverse=round_ % 2 == 1):
            speed, cpu = measured(*sides[side], files)
            clear(world, side)
            if round_:
                taken[side].append((speed, cpu))
            print(f"  {'round' if round_ else 'warming'} {round_} {side}: {speed:.0f} MB/s, {cpu:.2f} CPU-s per GB")
    speeds = {side: statistics.median(speed for speed, _ in values) for side, values in taken.items()}
    costs = {side: statistics.median(cpu for _, cpu in values) for side, values in taken.items()}
    faster, cheaper = speeds["gate"] / speeds["tusd"], costs["gate"] / costs["tusd"]
    text = (f"{speeds['gate']:.0f} against tusd's {speeds['tusd']:.0f} MB/s ({faster:.2f}x) at {costs['gate']:.2f} against "
            f"{costs['tusd']:.2f} CPU-s/GB ({cheaper:.2f}x), SHA-256 of every body and part checked")
    return faster >= 1.3 and cheaper <= 0.7, text


def measured(client, pid, checked, files):
    """MB/s and CPU seconds per GB of a server that takes every file at once."""
    cpu, began = serving.cpu_of(pid), time.monotonic()

    def send(file):
        path = client.create(FILE)
        return client.send_file(path, file[0], file[1] if checked else None).status

    with concurrent.futures.ThreadPoolExecutor(SENDERS) as senders:
        statuses = list(senders.map(send, files))
    seconds = time.monotonic() - began
    if statuses != [204] * len(files):
        raise SystemExit(f"an upload was answered {statuses}")
    gigabytes = FILE * len(files) / 1e9
    return gigabytes * 1000 / seconds, (serving.cpu_of(pid) - cpu) / gigabytes


def clear(world, side):
    """Makes room; what is written stays in nobody's way."""
    bucket = world.store.data / (uploads.GATE_BUCKET if side == "gate" else uploads.TUSD_BUCKET)
    for path in bucket.rglob("*"):
        if path.is_file() and path.stat().st_size >= MIB:
            path.unlink(missing_ok=True)
    os.sync()


def memory(world):
    """Many uploads at once into a process of role `upload` that has done nothing else."""
    roles = apart.Roles(world.gate, world.config, world.store)
    world.open.callback(roles.end)
    client = roles.client(world.token)
    before = roles.peak()
    data, all_ = video(EACH, f"{SEED}-many"), threading.Barrier(MANY)

    def send(_):
        path = client.create(EACH)
        with client.connect() as connection:
            connection.sendall(client.patching(path, 0, EACH) + data[:1000])
            all_.wait()
            connection.sendall(data[1000:])
            return client.answer(connection).status

    with concurrent.futures.ThreadPoolExecutor(MANY) as senders:
        statuses = list(senders.map(send, range(MANY)))
    peak, done = roles.peak(), statuses.count(204)
    print(f"  memory: {before / MIB:.0f} MiB idle, {peak / MIB:.0f} MiB at most over {MANY} uploads of {EACH // MIB} MiB, {done} finished")
    return done == MANY and peak <= MEMORY, f"{MANY} uploads at once: role upload {peak / MIB:.0f} MiB at most ({before / MIB:.0f} idle), {done} finished"


if __name__ == "__main__":
    sys.exit(main())
