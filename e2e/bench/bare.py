"""A fresh clone of what is committed, with caches of its own, so that everything is fetched and built anew."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from world import ROOT, Failed

CACHES = {"CARGO_HOME": "cargo", "GOPATH": "go", "GOCACHE": "go-build", "npm_config_cache": "npm"}


class Bare:
    """The clone; ended with everything in it. With `cluster`, no other cluster runs meanwhile."""

    def __init__(self, cluster):
        self.cluster = cluster

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="streamgate-bare-"))
        self.tree = self.folder / "tree"
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, self.tree], check=True)
        self.environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        # The tools of this tree do not stand in for those of the clone.
        self.environment["PATH"] = ":".join(part for part in os.environ["PATH"].split(":") if not part.startswith(str(ROOT)))
        self._keep_settings()
        for variable, name in CACHES.items():
            self.environment[variable] = str(self.folder / name)
        if self.cluster and (ROOT / "target/tools/bin/cluster").exists():
            subprocess.run(["make", "-s", "down"], cwd=ROOT, check=True)
        return self

    def _keep_settings(self):
        """Where packages come from is a setting of the machine, not a cache."""
        home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
        for name in ("config.toml", "config"):
            if (home / name).exists():
                (self.folder / "cargo").mkdir(exist_ok=True)
                shutil.copy(home / name, self.folder / "cargo" / name)

    def __exit__(self, *_):
        if self.cluster and (self.tree / "target/tools/bin/cluster").exists():
            subprocess.run(["make", "-s", "down"], cwd=self.tree, env=self.environment, stdout=subprocess.DEVNULL)
        # Go keeps its modules read-only.
        subprocess.run(["chmod", "-R", "u+w", self.folder])
        shutil.rmtree(self.folder)

    def run(self, *command):
        """Seconds and output of a command in the clone; shown while it runs."""
        began, lines = time.monotonic(), []
        with subprocess.Popen(command, cwd=self.tree, env=self.environment, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                lines.append(line)
                if line.startswith("=="):
                    print(f"  {line}", end="", flush=True)
        if process.returncode != 0:
            raise Failed(f"{' '.join(command)} ended with {process.returncode}: {''.join(lines[-20:])}")
        return time.monotonic() - began, "".join(lines)

    def make(self, target):
        return self.run("make", target)

    def table(self, said):
        """The last table of steps in an output."""
        rows = [line for line in said.splitlines() if line.startswith("  ") and line.endswith(" min")]
        last = max((i for i, row in enumerate(rows[:-1]) if row.split()[0] == "all"), default=-1)
        return "\n".join(rows[last + 1 :])

    def snapshot(self):
        return subprocess.run(["e2e/cluster/snapshot.sh"], cwd=self.tree, capture_output=True, text=True, check=True).stdout.splitlines()

    def difference(self, before, after):
        return [f"- {line}" for line in before if line not in after] + [f"+ {line}" for line in after if line not in before]
