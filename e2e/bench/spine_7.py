"""Bad input: each case gets a typed reason in status and an Event, and is not tried for ever."""

import json
import pathlib
import shutil
import subprocess
import sys
import time

from world import FOOTAGE, Failed, kube, volume
from world.scene import NAMESPACE, Scene, status

QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: no-jobs}
spec: {hard: {pods: "0"}}
"""
# name: (file, claim, gate, reason, whether it is given up for good)
SOURCES = {
    "not-a-video": ("not-a-video.mp4", "NotAVideo"),
    "truncated": ("truncated.mp4", "SourceTruncated"),
    "no-media-stream": ("subtitles-only.mkv", "NoMediaStream"),
    "zero-length": ("empty.mp4", "SourceEmpty"),
    "unsupported-codec": ("huffyuv.mkv", "UnsupportedCodec"),
    "source-missing": ("nowhere.mp4", "SourceNotFound"),
}


class Cases:
    """What was seen of each case."""

    def __init__(self):
        self.good, self.all = 0, 0

    def judge(self, name, wanted, seen, event, quiet):
        good = seen == wanted and event and quiet
        self.good, self.all = self.good + bool(good), self.all + 1
        verdict = "ok   " if good else "WRONG"
        print(f"  {verdict} {name:<24} {seen} (wanted {wanted}), Event {'yes' if event else 'no'}, {quiet or 'still retried'}", flush=True)


def apply_job(name, path, namespace=NAMESPACE, **words):
    volume.apply([volume.manifest(name, path, backoffLimitPerIndex=1, **words)], namespace)


def reason(name, namespace=NAMESPACE):
    return (kube.get("transcodejob", name, namespace) or {}).get("status", {}).get("reason")


def event(name, wanted, namespace=NAMESPACE):
    return any(e["involvedObject"]["name"] == name and e["reason"] == wanted for e in kube.items("events", namespace))


def pods(name, namespace):
    uid = kube.get("transcodejob", name, namespace)["metadata"]["uid"]
    return len(kube.items("pods", namespace, "-l", f"streamgate.io/transcode-job-uid={uid}"))


def observe(cases, name, wanted, patience=90, namespace=NAMESPACE):
    """Waits for the reason, then looks for the Event and for quiet."""
    try:
        kube.until(wanted, lambda: reason(name, namespace) == wanted, patience)
    except Failed:
        pass
    time.sleep(1)
    before = pods(name, namespace)
    time.sleep(5)
    after = pods(name, namespace)
    phase = (kube.get("transcodejob", name, namespace) or {}).get("status", {}).get("phase")
    quiet = f"{phase}, {after} pods" if after <= max(before, 1) else None
    cases.judge(name, wanted, reason(name, namespace), event(name, wanted, namespace), quiet)


def footage(scene):
    """A bound claim with the bad files in it."""
    folder = volume.folder(scene)
    for file, _ in SOURCES.values():
        if (FOOTAGE / file).exists():
            shutil.copy(FOOTAGE / file, folder / file)
    shutil.copy(FOOTAGE / "clip-720p25.mp4", folder / "good.mp4")


def patched(resources):
    """The gate with other resources for job pods."""
    patch = '{"spec":{"transcode":{"resources":%s}}}' % resources
    kube.kubectl("patch", "streamgates", "demo", "-n", NAMESPACE, "--type=merge", "-p", patch)
    time.sleep(3)


def main():
    scene, cases = Scene(), Cases()
    footage(scene)
    for name, (file, wanted) in SOURCES.items():
        apply_job(f"bad-{name}", file)
    for name, (_, wanted) in SOURCES.items():
        observe(cases, f"bad-{name}", wanted)
    apply_job("bad-claim-missing", "good.mp4", claim="nowhere")
    observe(cases, "bad-claim-missing", "PersistentVolumeClaimNotFound")
    apply_job("bad-gate-missing", "good.mp4", gate={"name": "nowhere"})
    observe(cases, "bad-gate-missing", "StreamGateNotFound")
    elsewhere(cases)
    patched('{"requests":{"cpu":"999"}}')
    apply_job("bad-unschedulable", "good.mp4")
    observe(cases, "bad-unschedulable", "Unschedulable")
    patched('{"requests":{"cpu":"250m"}}')
    image(scene, cases)
    full(cases)
    clean()
    print(f"figure: {cases.good} of {cases.all} with a typed reason, an Event and an end")
    sys.exit(0 if cases.good == cases.all == 13 else 1)


def elsewhere(cases):
    """A namespace the gate does not allow, and one whose quota is used up."""
    kube.kubectl("create", "namespace", "elsewhere", check=False)
    apply_job("bad-namespace", "good.mp4", gate={"name": "demo", "namespace": "demo"}, namespace="elsewhere")
    observe(cases, "bad-namespace", "NamespaceNotAllowed", namespace="elsewhere")
    kube.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=QUOTA)
    apply_job("bad-quota", "good.mp4")
    observe(cases, "bad-quota", "QuotaExceeded")
    kube.kubectl("delete", "resourcequota", "no-jobs", "-n", NAMESPACE)


def image(scene, cases):
    """The image of the transcoder that the gate names is not on the node."""
    images = kube.run("ctr", "-a", kube.FOLDER / "containerd/containerd.sock", "-n", "k8s.io", "images", "ls", "-q", check=False)
    name = next((i for i in images.split() if i.endswith(f"streamgate-transcoder:{scene.tag}")), None)
    if name is None:
        return cases.judge("bad-image", "ImageUnavailable", "no containerd of ours", False, None)
    version = name.rsplit(":", 1)[1]
    kube.run("ctr", "-a", kube.FOLDER / "containerd/containerd.sock", "-n", "k8s.io", "images", "rm", name)
    try:
        apply_job("bad-image", "good.mp4")
        observe(cases, "bad-image", "ImageUnavailable")
    finally:
        archive = kube.TARGET / f"images/{version}/transcoder.tar"
        kube.show(kube.CLUSTER, "load-image", "--dir", kube.FOLDER, archive)


def full(cases):
    """The gate's volume has no room: a file fills what a small file system over it leaves."""
    claim = kube.get("pvc", "demo-data", NAMESPACE)
    folder = kube.get("pv", claim["spec"]["volumeName"], NAMESPACE)["spec"]["hostPath"]["path"]
    objects = pathlib.Path(folder) / "objects"
    # The node's mounts are its own; the next pod sees what is mounted there.
    kubelet = str(json.loads((kube.FOLDER / "run/kubelet.json").read_text())["pid"])
    inside = ["nsenter", "--target", kubelet, "--mount"]
    subprocess.run([*inside, "mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "tmpfs", objects], check=True)
    try:
        restart()
        apply_job("bad-volume-full", "good.mp4")
        observe(cases, "bad-volume-full", "VolumeFull", patience=300)
    finally:
        kube.kubectl("delete", "pod", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=all", "--wait=true")
        subprocess.run([*inside, "umount", "-l", objects], check=True)
        restart()


def restart():
    kube.kubectl("delete", "pod", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=all", "--wait=true")
    kube.kubectl("rollout", "status", "deployment/demo-all", "-n", NAMESPACE, "--timeout=120s")


def clean():
    for job in kube.items("transcodejobs", NAMESPACE):
        if job["metadata"]["name"].startswith("bad-"):
            kube.kubectl("delete", "transcodejob", job["metadata"]["name"], "-n", NAMESPACE)
    kube.kubectl("delete", "namespace", "elsewhere", "--wait=false")
    volume.let_go()


if __name__ == "__main__":
    main()
