"""The sandbox through its production function, the courier against hostile files, and the processes of a
shipped job pod as the kernel sees them."""

import pathlib
import re
import subprocess
import sys

from world import ROOT, kube
from world.kill import pids
from world.scene import NAMESPACE, Scene, follow

WANTED = {"Seccomp": "2", "NoNewPrivs": "1"}
SANDBOX_TEST = ROOT / "dataplane/transcoder/tests/sandbox.rs"


def main():
    held, attempts = sandbox()
    refused, hostile = courier()
    good, looked = pod()
    print("compared: the outcome of each attempt with the outcome listed in the test; /proc/PID/status with Seccomp 2, NoNewPrivs 1")
    print(f"figure: {held} of {attempts} attempts in the process, courier refuses {refused} of {hostile}, {good} of {looked} shipped transcoders confined")
    sys.exit(0 if held == attempts > 20 and refused == hostile > 10 and good == looked > 0 else 1)


def test(*arguments):
    command = ["cargo", "test", "--release", "--workspace", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout


def sandbox():
    """Attempts that ended as listed, and how many are listed."""
    lines = [line for line in test("--test", "sandbox").splitlines() if line.startswith("ok - ")]
    print("\n".join(f"  {line}" for line in lines))
    return len(lines), len(re.findall(r'^    "[^"]+: [^"]+",$', SANDBOX_TEST.read_text(), re.M))


def courier():
    """Hostile files refused, and how many tests of them there are."""
    said = re.findall(r"^test (\S*courier_refuses_\S+) \.\.\. (\w+)", test("--test", "courier", "courier_refuses_"), re.M)
    print("\n".join(f"  {name}: {verdict}" for name, verdict in said))
    sources = (ROOT / "dataplane/tests/courier").rglob("*.rs")
    written = sum(len(re.findall(r"fn courier_refuses_", source.read_text())) for source in sources)
    return sum(verdict == "ok" for _, verdict in said), written


def pod():
    """Transcoders of a running job that the kernel confines, and how many were looked at."""
    scene = Scene()
    job = scene.upload(title="sandbox")
    uid = kube.get("transcodejob", job, NAMESPACE)["metadata"]["uid"]
    selector = f"streamgate.io/step=encode,streamgate.io/transcode-job-uid={uid}"

    def at_work():
        pods = kube.items("pods", NAMESPACE, "-l", selector)
        states = [state for pod in pods for pid in pids(pod, "streamgate-transcoder") if (state := look(pid))]
        return len(states) >= 3 and states

    states = kube.until("three transcoders at work", at_work, 60, 0.1)
    for state in states:
        print(f"  transcoder in a pod: {state}")
    follow(job)
    return sum(state == WANTED for state in states), len(states)


def look(pid):
    """What the kernel says of a process, None when it has ended or has not entered its sandbox yet."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    # The sandbox is entered a moment after exec; nothing of the source is open before.
    if fields.get("State", "").startswith("Z") or opened(pid) is False:
        return None
    return {name: fields[name] for name in WANTED}


def opened(pid):
    """Whether the process has its source open."""
    try:
        return any(str(link.readlink()).endswith("/source") for link in pathlib.Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


if __name__ == "__main__":
    main()
