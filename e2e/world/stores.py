"""A real PostgreSQL and a real S3 server on this machine, where pods reach them."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from . import STATE, TOOLS, Failed
from .evm import command_of

BUCKET, REGION = "videos", "us-east-1"
ID, SECRET = "gate", "only-for-tests"


class Stores:
    """Both servers on the address of the node."""

    def __init__(self, host):
        self.host, self.folder = host, STATE / "stores"
        self.database = f"postgresql://gate:{SECRET}@{host}:15432/postgres"
        self.endpoint = f"http://{host}:17070"

    def up(self):
        """Starts what does not answer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o777)
        if not self.ready():
            self.postgres()
        if not self.serves():
            self.s3()

    def down(self):
        """Ends what this folder started, and removes what it kept."""
        for name in ("postgres", "versitygw"):
            file = self.folder / f"{name}.pid"
            if file.exists() and name in command_of(int(file.read_text())):
                os.kill(int(file.read_text()), signal.SIGINT)
                time.sleep(2)
        shutil.rmtree(self.folder, ignore_errors=True)

    def postgres(self):
        newest = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        data, password = self.folder / "data", self.folder / "password"
        if not data.exists():
            password.write_text(SECRET)
            password.chmod(0o644)
            run = unprivileged(newest / "initdb", "--no-sync", "-U", "gate", "-A", "scram-sha-256", "--pwfile", password, "-D", data)
            if subprocess.run(run, stdout=subprocess.DEVNULL).returncode != 0:
                raise Failed("initdb failed")
            with open(data / "pg_hba.conf", "a") as rules:
                rules.write("host all all 0.0.0.0/0 scram-sha-256\n")
        settings = ("-c", "unix_socket_directories=", "-c", "max_connections=200")
        command = unprivileged(newest / "postgres", "-h", f"127.0.0.1,{self.host}", "-p", "15432", *settings, "-D", data)
        self.begin("postgres", command)
        self.wait("PostgreSQL", self.ready)

    def s3(self):
        (self.folder / "objects" / BUCKET).mkdir(parents=True, exist_ok=True)
        program = TOOLS / "bin/versitygw"
        command = [program, "--port", f"{self.host}:17070", "--region", REGION, "--quiet", "posix", self.folder / "objects"]
        self.begin("versitygw", command, {**os.environ, "ROOT_ACCESS_KEY": ID, "ROOT_SECRET_KEY": SECRET})
        self.wait("the S3 server", self.serves)

    def begin(self, name, command, env=None):
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, env=env, start_new_session=True)
        (self.folder / f"{name}.pid").write_text(str(process.pid))

    def wait(self, what, look):
        for _ in range(100):
            if look():
                return
            time.sleep(0.2)
        raise Failed(f"{what} did not start; see {self.folder}")

    def ready(self):
        newest = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        asked = subprocess.run([newest / "pg_isready", "-h", self.host, "-p", "15432"], stdout=subprocess.DEVNULL)
        return asked.returncode == 0

    def serves(self):
        with contextlib.suppress(OSError):
            try:
                urllib.request.urlopen(self.endpoint, timeout=1)
            except urllib.error.HTTPError:
                pass
            return True
        return False


def unprivileged(*command):
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
