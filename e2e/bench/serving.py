"""Servers and load for the claims on streaming: a gate out of a folder that was seeded, nginx over the same
bytes, and a client on the other core. Everything on loopback, everything ended by its own process."""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SIZES = (4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20)
SERVER_CORE, CLIENT_CORE = 0, 1
TICKS = os.sysconf("SC_CLK_TCK")
LOAD = TARGET / "release/examples/load"
GATE = TARGET / "release/streamgate-dataplane"


def build():
    subprocess.run(["cargo", "build", "-q", "--release", "--workspace", "--bins", "--examples"], cwd=ROOT, check=True)


@contextlib.contextmanager
def folder():
    """A folder that is removed afterwards, on a disk: objects and catalog are written durably."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="streamgate-serving-", dir=TARGET))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def seed(path, *options):
    """A gate's folder with contents, handles and a certificate."""
    gate = path / "gate"
    subprocess.run([LOAD, "seed", gate, *options], check=True)
    tls = gate / "tls"
    tls.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE",
                    "-keyout", tls / "tls.key", "-out", tls / "tls.crt"], check=True, stderr=subprocess.DEVNULL)
    # The Kubernetes API has no part in streaming; nobody listens there.
    (gate / "kubeconfig").write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "none",
        "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "none", "user": {}}],
        "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}]}))
    return gate


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A running server: its address, its certificate if it speaks TLS, the processes whose CPU counts."""

    def __init__(self, name, process, address, certificate=None, admin=None):
        self.name, self.process, self.address, self.certificate, self.admin = name, process, address, certificate, admin

    def pids(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def cpu(self):
        """CPU seconds so far."""
        return sum(cpu_of(pid) for pid in self.pids())

    def memory(self):
        """Bytes resident."""
        pages = int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def metrics(self):
        """Values by series, as the admin port tells them."""
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line and line[0] != "#"}

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def pinned(core, command):
    return ["taskset", "-c", str(core), *map(str, command)]


@contextlib.contextmanager
def gate(path, tls=False, core=SERVER_CORE, audit="audit", config=None):
    """The product's own program, with everything on that is on in a pod; `config` in the place of the seeded one."""
    name = f"{audit}-{int(tls)}"
    config = config or json.loads((path / "config.yaml").read_text())
    (path / f"{name}.yaml").write_text(json.dumps(config | {"serveTls": tls}))
    public, internal, admin = (f"127.0.0.1:{free_port()}" for _ in range(3))
    (path / name).mkdir(exist_ok=True)
    command = [GATE, "all", "--config", path / f"{name}.yaml", "--keys", path / "keys", "--audit", path / name, "--tls", path / "tls",
               "--public", public, "--internal", internal, "--admin", admin]
    with open(path / f"{name}.log", "w") as log:
        process = subprocess.Popen(pinned(core, command) if core is not None else command, stderr=log,
                                   env={**os.environ, "KUBECONFIG": str(path / "kubeconfig")})
    server = Server("gate", process, public, path / "tls/tls.crt" if tls else None, admin)
    try:
        ready(server, f"http://{admin}/readyz", path / f"{name}.log")
        yield server
    finally:
        server.end()


def ready(server, url, log):
    for _ in range(300):
        if server.process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url, timeout=1):
                return
        time.sleep(0.1)
    raise SystemExit(f"{server.name} does not come up:\n{log.read_text()[-2000:]}")


NGINX = """
user root; daemon off; worker_processes 1; pid {work}/nginx.pid; error_log {work}/error.log;
events {{ worker_connections 16384; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_timeout 65; keepalive_requests 1000000000;
  open_file_cache max=10000 inactive=600s; open_file_cache_valid 600s; types {{ video/mp4 m4s; }}
  client_body_temp_path {work}/a; proxy_temp_path {work}/b; fastcgi_temp_path {work}/c; uwsgi_temp_path {work}/d; scgi_temp_path {work}/e;
  server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl; root {gate}/www;
    ssl_certificate {gate}/tls/tls.crt; ssl_certificate_key {gate}/tls/tls.key; ssl_protocols TLSv1.2 TLSv1.3; }}
}}
"""


@contextlib.contextmanager
def nginx(path, tls=False, core=SERVER_CORE):
    """Debian's nginx as it serves files best."""
    work = path / "nginx"
    work.mkdir(exist_ok=True)
    plain, secure = free_port(), free_port()
    (work / "nginx.conf").write_text(NGINX.format(work=work, gate=path, plain=plain, tls=secure))
    process = subprocess.Popen(pinned(core, ["nginx", "-p", work, "-c", work / "nginx.conf"]), stderr=subprocess.DEVNULL)
    server = Server("nginx", process, f"127.0.0.1:{secure if tls else plain}", path / "tls/tls.crt" if tls else None)
    try:
        ready(server, f"http://127.0.0.1:{plain}/4096/0.m4s", work / "error.log")
        yield server
    finally:
        server.end()


def ask(server, paths, core=CLIENT_CORE, **options):
    """What a round of requests came to, with the server's CPU seconds."""
    command = [LOAD, "ask", server.address, paths]
    if server.certificate:
        command += ["--certificate", server.certificate]
    for name, value in options.items():
        command += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    before = server.cpu()
    done = subprocess.run(pinned(core, command) if core is not None else command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    told["cpu"] = server.cpu() - before
    return told


def median(values):
    return statistics.median(values)


def spread(values):
    """Median and the half of the values around it, as text."""
    low, _, high = statistics.quantiles(values, n=4)
    return f"{median(values):.0f} ({low:.0f} .. {high:.0f})"
