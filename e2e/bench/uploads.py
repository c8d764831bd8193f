"""What uploads are measured on: replicas of the gate on one PostgreSQL and one S3 server, tusd on the same S3
server, and a client on plain sockets that costs less than any of them. Everything on loopback."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from bench import serving

TOOLS = serving.ROOT / "target/tools/bin"
KEY, SECRET, REGION = "tester", "only-for-tests", "us-east-1"
GATE_BUCKET, TUSD_BUCKET = "gate", "tusd"
TUS = "Tus-Resumable: 1.0.0\r\n"
VIDEO = b"\0\0\0\x18ftypisom"


def answers(port, process, what):
    for _ in range(400):
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"{what} does not answer")


def end(process, how=signal.SIGTERM):
    process.send_signal(how)
    process.wait(30)


class Store:
    """Versity's gateway over a folder: an object is a file."""

    def __init__(self, folder):
        self.data, self.credentials, self.port = folder / "s3", folder / "credentials", serving.free_port()
        for bucket in (GATE_BUCKET, TUSD_BUCKET):
            (self.data / bucket).mkdir(parents=True)
        self.credentials.mkdir()
        (self.credentials / "accessKeyId").write_text(KEY)
        (self.credentials / "secretAccessKey").write_text(SECRET)
        self.url = f"http://127.0.0.1:{self.port}"
        command = [TOOLS / "versitygw", "--port", f"127.0.0.1:{self.port}", "--region", REGION, "--quiet", "posix", self.data]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, env={**os.environ, "ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}, **quiet)
        answers(self.port, self.process, "versitygw")

    def bytes(self, keys):
        return b"".join((self.data / GATE_BUCKET / key).read_bytes() for key in keys)

    def objects(self):
        root = self.data / GATE_BUCKET
        return {str(path.relative_to(root)) for path in (root / "uploads").rglob("*") if path.is_file()}

    def end(self):
        end(self.process)


class Database:
    """Debian's PostgreSQL in a folder of its own; it refuses to run as root."""

    def __init__(self, folder):
        self.port = serving.free_port()
        data, programs = folder / "postgres", max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        self.programs = programs
        self.drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
        data.mkdir()
        data.chmod(0o777)
        for parent in [folder, *folder.parents][:8]:
            with contextlib.suppress(OSError):
                parent.chmod(parent.stat().st_mode | 0o011)
        make = ["initdb", "--no-sync", "-A", "trust", "-U", "tester", "-E", "UTF8", "--locale=C.UTF-8", "-D", data / "data"]
        subprocess.run([*self.drop, programs / make[0], *make[1:]], check=True, stdout=subprocess.DEVNULL)
        run = ["-h", "127.0.0.1", "-p", str(self.port), "-c", "unix_socket_directories=", "-c", "max_connections=200", "-D", data / "data"]
        self.process = subprocess.Popen([*self.drop, programs / "postgres", *run], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"postgresql://tester@127.0.0.1:{self.port}/postgres"
        for _ in range(200):
            if subprocess.run([programs / "pg_isready", "-q", "-d", self.url]).returncode == 0:
                return
            time.sleep(0.1)
        raise SystemExit("PostgreSQL does not answer")

    def rows(self, sql):
        command = [self.programs / "psql", "-X", "-A", "-t", "-F", "\t", "-d", self.url, "-c", sql]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return [line.split("\t") for line in done.stdout.splitlines() if line]

    def parts(self):
        """Keys of the objects of each upload, in order."""
        found = {}
        for upload, key in self.rows("SELECT upload, key FROM upload_parts ORDER BY upload, part"):
            found.setdefault(upload, []).append(key)
        return found

    def end(self):
        end(self.process, signal.SIGINT)


class Replica:
    """The product's own program; every replica has the same configuration and keys."""

    def __init__(self, name, gate, config, store):
        self.name, self.gate, self.store = name, gate, store
        self.config = gate / "distributed.yaml"
        self.config.write_text(json.dumps(config))
        self.start()

    def start(self):
        ports = [serving.free_port() for _ in range(3)]
        public, internal, admin = (f"127.0.0.1:{port}" for port in ports)
        audit = self.gate / f"audit-{self.name}"
        audit.mkdir(exist_ok=True)
        command = [serving.GATE, "all", "--config", self.config, "--keys", self.gate / "keys", "--audit", audit,
                   "--s3-credentials", self.store.credentials, "--public", public, "--internal", internal, "--admin", admin]
        log = self.gate / f"{self.name}.log"
        with open(log, "w") as out:
            self.process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=out,
                                            env={**os.environ, "KUBECONFIG": str(self.gate / "kubeconfig")})
        self.server = serving.Server(self.name, self.process, public, admin=admin)
        self.address, self.port = public, ports[0]
        serving.ready(self.server, f"http://{admin}/readyz", log)

    def peak(self):
        """Most bytes that were resident."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            self.kill()


class Tusd:
    """The reference server of tus on the same S3 server, with its own settings."""

    def __init__(self, store):
        self.port = serving.free_port()
        command = [TOOLS / "tusd", "-host", "127.0.0.1", "-port", str(self.port), "-base-path", "/files/", "-s3-bucket", TUSD_BUCKET,
                   "-s3-endpoint", store.url]
        keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(list(map(str, command)), env={**os.environ, **keys}, **quiet)
        self.address = f"127.0.0.1:{self.port}"
        answers(self.port, self.process, "tusd")

    def end(self):
        end(self.process)


class Answer:
    def __init__(self, status, headers):
        self.status, self.headers = status, headers


class Client:
    """tus over one socket per request."""

    def __init__(self, address, token=None, path="/api/v1/uploads"):
        self.host, port = address.split(":")
        self.port, self.path = int(port), path
        self.head = f"Host: {address}\r\n{TUS}" + (f"Authorization: Bearer {token}\r\n" if token else "")

    def connect(self):
        connection = socket.create_connection((self.host, self.port), timeout=120)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def request(self, method, path, headers):
        return f"{method} {path} HTTP/1.1\r\n{self.head}Connection: close\r\n{headers}\r\n".encode()

    def answer(self, connection):
        """The answer that follows interim ones."""
        text = b""
        while b"\r\n\r\n" not in text:
            chunk = connection.recv(65536)
            if not chunk:
                raise ConnectionError("no answer")
            text += chunk
        lines = text.split(b"\r\n\r\n")[0].decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        return Answer(int(lines[0].split()[1]), headers)

    def ask(self, method, path, headers=""):
        with self.connect() as connection:
            connection.sendall(self.request(method, path, headers + "Content-Length: 0\r\n"))
            return self.answer(connection)

    def create(self, length):
        answer = self.ask("POST", self.path, f"Upload-Length: {length}\r\n")
        if answer.status != 201:
            raise SystemExit(f"creation was answered {answer.status}")
        location = answer.headers["location"]
        return "/" + location.split("://")[-1].split("/", 1)[1] if "://" in location else location

    def offset(self, path):
        answer = self.ask("HEAD", path)
        if answer.status != 200:
            raise SystemExit(f"HEAD was answered {answer.status}")
        return int(answer.headers["upload-offset"])

    def patching(self, path, offset, length, checksum=None):
        """The head of a PATCH of `length` bytes."""
        checksum = f"Upload-Checksum: {checksum}\r\n" if checksum else ""
        return self.request("PATCH", path, f"Upload-Offset: {offset}\r\nContent-Type: application/offset+octet-stream\r\n"
                                           f"Content-Length: {length}\r\n{checksum}")

    def patch(self, path, offset, body, checksum=None):
        with self.connect() as connection:
            with contextlib.suppress(ConnectionError):
                # A server that refuses may close before all is sent: its answer counts.
                connection.sendall(self.patching(path, offset, len(body), checksum) + body)
            return self.answer(connection)

    def send_file(self, path, file, checksum=None):
        """All of a file, from page cache to socket."""
        with self.connect() as connection:
            connection.sendall(self.patching(path, 0, os.fstat(file).st_size, checksum))
            with os.fdopen(os.dup(file), "rb") as bytes_of_it:
                connection.sendfile(bytes_of_it)
            return self.answer(connection)


def queued(port, peer):
    """Bytes of a connection to `port` from `peer` that the kernel holds: sent, and read by nobody."""
    waiting = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = (int(address.split(":")[1], 16) for address in fields[1:3])
        sending, received = (int(bytes, 16) for bytes in fields[4].split(":"))
        if (local, remote) == (port, peer):
            waiting += received
        if (local, remote) == (peer, port):
            waiting += sending
    return waiting
