"""A StreamGate becomes Ready; every field changes a child or a condition; volume and keys stay or go."""

import pathlib
import re
import subprocess
import sys
import time

from world import ROOT, kube
from world.scene import NAMESPACE_MANIFEST, Scene

NAMESPACE = "spine-2"
GATE = """
apiVersion: streamgate.io/v1alpha1
kind: StreamGate
metadata: {name: NAME}
spec:
  version: "VERSION"
  volume: {size: 1Gi}
  dataPolicy: POLICY
"""


def main():
    fields, rows, failed = table()
    print(f"  table: {fields} fields in the schema, {rows} rows pass, {failed} fail")
    scene = Scene()
    kube.apply(NAMESPACE_MANIFEST % NAMESPACE)
    faults = [fault for policy in ("Retain", "Delete") for fault in life(scene, policy)]
    kube.kubectl("delete", "namespace", NAMESPACE, "--wait=true", "--timeout=120s")
    print(f"  faults: {faults or 'none'}")
    print(f"figure: {rows} of {fields} fields have a row, {failed} rows fail, {2 - len(faults)} of 2 data policies kept")
    sys.exit(0 if rows == fields and fields and not failed and not faults else 1)


def table():
    """Fields, rows that pass and rows that fail, of the generated table."""
    command = ["cargo", "test", "--release", "--workspace", "every_field_", "--", "--nocapture"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    held = re.search(r"(\d+) fields: (\d+) rows pass", done.stdout)
    found = held and "every_field_has_a_row_and_every_row_a_field ... ok" in done.stdout
    if done.returncode != 0 or not found:
        print(done.stdout[-2000:])
        return 0, 0, 1
    return int(held[1]), int(held[2]), 0


def life(scene, policy):
    """Applies a gate, waits for Ready, deletes it, and looks at what is left."""
    name = policy.lower()
    text = GATE.replace("NAME", name).replace("VERSION", scene.tag).replace("POLICY", policy)
    kube.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=text)
    began = time.monotonic()
    kube.kubectl("wait", "-n", NAMESPACE, "--for=condition=Ready", f"streamgates/{name}", "--timeout=120s")
    ready = time.monotonic() - began
    volume = kube.get("pvc", f"{name}-data", NAMESPACE)["spec"]["volumeName"]
    folder = pathlib.Path(kube.get("pv", volume, NAMESPACE)["spec"]["hostPath"]["path"])
    kube.kubectl("delete", "streamgates", name, "-n", NAMESPACE, "--wait=true", "--timeout=60s")
    kube.until("the end of the pod", lambda: kube.get("deployment", f"{name}-all", NAMESPACE) is None, 60)
    wanted = policy == "Retain"
    if not wanted:
        kube.until("the end of the data", lambda: not folder.exists(), 90)
    kept = {"claim": kube.get("pvc", f"{name}-data", NAMESPACE), "keys": kube.get("secret", f"{name}-keys", NAMESPACE)}
    seen = {what: thing is not None for what, thing in kept.items()} | {"catalog": bool(list(folder.rglob("*.db")))}
    print(f"  {policy}: Ready after {ready:.1f} s; after deletion there are {seen}", flush=True)
    return [] if all(there == wanted for there in seen.values()) else [f"{policy}: {seen}"]


if __name__ == "__main__":
    main()
