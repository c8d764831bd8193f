"""A bound PersistentVolumeClaim with files in it, as somebody brings his own footage, and jobs on it."""

import json
import pathlib
import shutil

from . import kube
from .scene import NAMESPACE

NAME = "footage"
CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: footage}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
"""
HOLDER = """
apiVersion: v1
kind: Pod
metadata: {name: footage-holder}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: hold
      image: IMAGE
      command: [/usr/local/bin/streamgate-dataplane, --version]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: footage, mountPath: /footage}]
  restartPolicy: Never
  volumes: [{name: footage, persistentVolumeClaim: {claimName: footage}}]
"""


def folder(scene):
    """Where the claim's files lie on this machine. A pod mounts it once, so that it is bound."""
    kube.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=CLAIM)
    pod = HOLDER.replace("IMAGE", f"streamgate-dataplane:{scene.tag}")
    let_go()
    kube.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=pod)
    bound = lambda: (kube.get("pvc", NAME, NAMESPACE) or {}).get("spec", {}).get("volumeName")
    volume = kube.until("the claim is bound", bound, 60)
    return pathlib.Path(kube.get("pv", volume, NAMESPACE)["spec"]["hostPath"]["path"])


def put(scene, *paths):
    """Lays files into the claim under their names."""
    into = folder(scene)
    for path in paths:
        shutil.copy(path, into / path.name)


def let_go():
    kube.kubectl("delete", "pod", "footage-holder", "-n", NAMESPACE, "--ignore-not-found")


def manifest(name, path, claim=NAME, gate=None, **spec):
    """A TranscodeJob of a file of the claim."""
    source = {"persistentVolumeClaim": {"claimName": claim, "path": path}}
    gate = {"name": "demo"} if gate is None else gate
    spec = {"streamGateRef": gate, "source": source, "content": {"id": name, "title": name}} | spec
    return {"apiVersion": "streamgate.io/v1alpha1", "kind": "TranscodeJob", "metadata": {"name": name}, "spec": spec}


def apply(jobs, namespace=NAMESPACE):
    """Makes these TranscodeJobs anew."""
    remove([job["metadata"]["name"] for job in jobs], namespace)
    things = {"apiVersion": "v1", "kind": "List", "items": jobs}
    kube.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(things))


def remove(names, namespace=NAMESPACE):
    kube.kubectl("delete", "transcodejob", "-n", namespace, "--ignore-not-found", "--wait=true", *names)
