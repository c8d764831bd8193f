"""The chart with Helm 4 and Helm 3: lint, closed schema, uninstall that loses nothing, install --wait,
upgrade; and what the accounts of operator and data plane may not do."""

import os
import subprocess
import sys

from world import kube
from world.install import CHART, CHART_NAMESPACE
from world.scene import NAMESPACE, Scene

RELEASE = "streamgate"
OPERATOR = f"system:serviceaccount:{CHART_NAMESPACE}:streamgate"
DATA_PLANE = f"system:serviceaccount:{NAMESPACE}:demo-dataplane"
KINDS = ("streamgates", "transcodejobs", "alertpolicies")
ANYBODYS_BUSINESS = [
    ("get", "secrets"), ("list", "secrets"), ("watch", "secrets"), ("delete", "secrets"),
    ("create", "pods"), ("create", "pods/exec"), ("create", "pods/attach"), ("get", "nodes"), ("get", "nodes/proxy"),
    ("create", "clusterroles"), ("create", "clusterrolebindings"), ("escalate", "roles"), ("bind", "roles"),
    ("escalate", "clusterroles"), ("impersonate", "users"), ("impersonate", "serviceaccounts"),
    ("create", "serviceaccounts/token"), ("create", "validatingwebhookconfigurations"),
    ("patch", "customresourcedefinitions"), ("create", "namespaces"), ("delete", "streamgates"), ("*", "*"),
]  # fmt: skip
DATA_PLANES_NOT = [
    ("update", "transcodejobs"), ("patch", "transcodejobs"), ("delete", "transcodejobs"), ("patch", "streamgates"),
    ("create", "streamgates"), ("patch", "alertpolicies"), ("create", "secrets"), ("patch", "secrets"),
    ("get", "configmaps"), ("create", "jobs"), ("delete", "jobs"), ("patch", "deployments"), ("create", "deployments"),
    ("create", "roles"), ("create", "rolebindings"), ("delete", "pods"), ("get", "persistentvolumeclaims"),
]  # fmt: skip
HELD = [(OPERATOR, "create", "jobs"), (OPERATOR, "create", "secrets"), (DATA_PLANE, "create", "transcodejobs")]


def main():
    scene = Scene()
    surplus, asked = rights()
    faults = []
    for helm in ("helm", "helm3"):
        faults += schema(helm) + cycle(scene, helm)
    print(f"  faults: {faults or 'none'}")
    print(f"figure: {2 - bool(faults)} of 2 Helm versions without a fault, {len(surplus)} surplus rights of {asked} asked for")
    sys.exit(0 if not faults and not surplus else 1)


def rights():
    """Rights held that must not be held, and how many were asked for; the question must be able to say yes."""
    forbidden = [(OPERATOR, *right) for right in ANYBODYS_BUSINESS]
    forbidden += [(DATA_PLANE, *right) for right in ANYBODYS_BUSINESS + DATA_PLANES_NOT]
    surplus = [row for row in forbidden if can(*row, NAMESPACE)]
    # The data plane's account has nothing outside its namespace.
    elsewhere = [("get", "pods"), ("list", "transcodejobs"), ("create", "transcodejobs"), ("get", "streamgates")]
    surplus += [(DATA_PLANE, *right, "kube-system") for right in elsewhere if can(DATA_PLANE, *right, "kube-system")]
    surplus += [("not held, though needed", *row) for row in HELD if not can(*row, NAMESPACE)]
    asked = len(forbidden) + len(elsewhere)
    print(f"  kubectl auth can-i: {asked} questions, surplus: {surplus or 'none'}", flush=True)
    return surplus, asked


def can(account, verb, resource, namespace):
    command = ["kubectl", "auth", "can-i", verb, resource, f"--as={account}", "-n", namespace]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() == "yes"


def schema(helm):
    """Faults of lint and of the schema: values it does not know or that are of another type are refused."""
    faults = []
    if not succeeds(helm, "lint", CHART):
        faults.append(f"{helm}: lint")
    for wrong in ("typo=1", "image.tga=x", "replicas=many", "crds.keep=perhaps"):
        if succeeds(helm, "template", "x", CHART, "--set", wrong):
            faults.append(f"{helm}: takes {wrong}")
    return faults


def cycle(scene, helm):
    """Uninstall, install and upgrade around a gate with data; faults seen."""
    before, faults = survivors(), []
    kube.run(helm, "uninstall", RELEASE, "-n", CHART_NAMESPACE, "--wait")
    if survivors() != before:
        faults.append(f"{helm}: uninstall changed {survivors()} of {before}")
    if kube.items("deployments", CHART_NAMESPACE):
        faults.append(f"{helm}: the operator outlives uninstall")
    if not scene.answers():
        faults.append(f"{helm}: the gate does not serve without its operator")
    settings = ("--set", f"image.tag={scene.tag}", "--set", f"defaultVersion={scene.tag}", "--wait", "--timeout", "120s")
    kube.run(helm, "install", RELEASE, CHART, "-n", CHART_NAMESPACE, *settings)
    pod = gate_pod()
    kube.run(helm, "upgrade", RELEASE, CHART, "-n", CHART_NAMESPACE, *settings, "--set", "log=debug")
    scene.ready()
    if "debug" not in kube.kubectl("get", "deployments", "-n", CHART_NAMESPACE, "-o", "yaml"):
        faults.append(f"{helm}: upgrade did not reach the operator")
    if gate_pod() != pod:
        faults.append(f"{helm}: upgrading the operator restarted the gate")
    if survivors() != before:
        faults.append(f"{helm}: install and upgrade changed what there was")
    version = kube.run(helm, "version", "--short").strip()
    print(f"  {version}: uninstall, install --wait, upgrade --wait; survived {len(before)} objects; {faults or 'no fault'}", flush=True)
    return faults


def survivors():
    """UIDs of CRDs, custom resources, claims and keys."""
    found = {f"crd/{kind}": uid("crd", f"{kind}.streamgate.io") for kind in KINDS}
    for kind in (*KINDS, "pvc", "secrets"):
        found |= {f"{kind}/{thing['metadata']['name']}": thing["metadata"]["uid"] for thing in kube.items(kind, NAMESPACE)}
    return found


def uid(kind, name):
    return kube.kubectl("get", kind, name, "-o", "jsonpath={.metadata.uid}", check=False).strip()


def gate_pod():
    return [pod["metadata"]["uid"] for pod in kube.items("pods", NAMESPACE, "-l", "app.kubernetes.io/component=all")]


def succeeds(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, env=os.environ).returncode == 0


if __name__ == "__main__":
    main()
