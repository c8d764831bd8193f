"""The cluster: kubectl, helm, and waiting for what it says."""

import json
import os
import subprocess
import time

from . import ROOT, TARGET, Failed

CLUSTER = TARGET / "tools/bin/cluster"
FOLDER = TARGET / "cluster"


def run(*command, stdin=None, check=True, **options):
    """Output of a command; a failure says what it printed."""
    command = [str(part) for part in command]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=ROOT, **options)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(command[:4])} … ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def show(*command):
    """Runs a command whose output people see."""
    if subprocess.run([str(part) for part in command], cwd=ROOT).returncode != 0:
        raise Failed(f"{' '.join(str(part) for part in command[:4])} failed; see above")


def use():
    """Makes kubectl and helm talk to the cluster that CLUSTER names."""
    os.environ["KUBECONFIG"] = run(CLUSTER, "kubeconfig", "--dir", FOLDER).strip()


def kubectl(*arguments, stdin=None, check=True):
    return run("kubectl", *arguments, stdin=stdin, check=check)


def apply(manifest):
    return kubectl("apply", "-f", "-", stdin=manifest)


def get(kind, name, namespace):
    """An object, None when it does not exist."""
    text = kubectl("get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found")
    return json.loads(text) if text.strip() else None


def items(kind, namespace, *options):
    return json.loads(kubectl("get", kind, "-n", namespace, "-o", "json", *options))["items"]


def condition(thing, kind):
    """The condition of this type, {} when it says nothing."""
    conditions = (thing or {}).get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), {})


def until(what, look, seconds, every=0.5):
    """Waits until `look()` is truthy and gives it."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise Failed(f"{what} did not happen within {seconds} s")
        time.sleep(every)


def node_address():
    """Address under which pods reach this machine."""
    nodes = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    addresses = [a["address"] for n in nodes for a in n["status"]["addresses"] if a["type"] == "InternalIP"]
    return addresses[0]
