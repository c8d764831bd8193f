"""Mutated media through the shipped binary in its sandbox, and the same files as jobs on a cluster."""

import collections
import pathlib
import re
import shutil
import sys
import tempfile

from world import cargo, kube, volume
from world.scene import NAMESPACE, Scene

INPUTS = 500
# Jobs at once: what a node of two cores has room for.
BATCH = 20
# A job of a clip of a second that takes longer hangs.
PATIENCE = 300
# What may end a job of bad media; never a crash and never the memory.
UNTYPED = {"InternalError", "OutOfMemory", "BackoffLimitExceeded", None}


def main():
    with tempfile.TemporaryDirectory() as kept:
        _, failed, output = cargo.engine("hostile", STREAMGATE_MUTATIONS=str(INPUTS), STREAMGATE_MUTATIONS_KEEP=kept)
        print(output)
        inputs = sorted(pathlib.Path(kept).iterdir())
        ends, hung, restarts = on_the_cluster(inputs)
    print(f"  on the cluster: {dict(ends.most_common())}")
    print(f"  hung: {hung or 'none'}; restarts of operator, gate and couriers: {restarts}")
    print("compared: end of every run and of every job with the list of reasons; peak of every run with 80 % of 2 GiB")
    untyped = sum(count for reason, count in ends.items() if reason in UNTYPED)
    seen = re.search(r"\d+ inputs, peak \d+ MiB", output)
    print(
        f"figure: {seen.group() if seen else 'nothing seen'}, {len(failed)} tests failed; as jobs: {ends.total()} of {INPUTS} ended, "
        f"{len(hung)} hung, {untyped} without a typed reason, {restarts} restarts of operator, gate and couriers"
    )
    sys.exit(0 if seen and not failed and ends.total() == INPUTS and not hung and not untyped and not restarts else 1)


def on_the_cluster(inputs):
    """(how often each reason ended a job, jobs that did not end, restarts of parts that must not fall)."""
    scene = Scene()
    folder = volume.folder(scene)
    before, ends, hung, couriers = restarts(), collections.Counter(), [], 0
    for at in range(0, len(inputs), BATCH):
        batch = inputs[at : at + BATCH]
        for path in batch:
            shutil.copy(path, folder / path.name)
            (folder / path.name).chmod(0o644)
        names = [f"mutated-{path.stem}" for path in batch]
        volume.apply([volume.manifest(name, path.name, backoffLimitPerIndex=1) for name, path in zip(names, batch)])
        done, late = ended(names)
        ends.update(done.values())
        hung += late
        couriers += restarted("streamgate.io/step")
        volume.remove(names)
        for path in batch:
            (folder / path.name).unlink()
        print(f"  {at + len(batch)} jobs: {dict(ends)}", flush=True)
    volume.let_go()
    return ends, hung, restarts() - before + couriers


def ended(names):
    """({job: reason} of those that ended, names of those that did not in time)."""
    done = {}

    def look():
        for job in kube.items("transcodejobs", NAMESPACE):
            status = job.get("status", {})
            if job["metadata"]["name"] in names and status.get("phase") in ("Succeeded", "Failed"):
                done[job["metadata"]["name"]] = status.get("reason")
        return len(done) == len(names)

    try:
        kube.until("the end of every job", look, PATIENCE, 1)
    except kube.Failed:
        pass
    return done, sorted(set(names) - done.keys())


def restarts():
    """Restarts of the operator's and the gate's containers."""
    pods = kube.items("pods", "streamgate-system") + kube.items("pods", NAMESPACE, "-l", "app.kubernetes.io/component=all")
    return sum(state["restartCount"] for pod in pods for state in pod["status"].get("containerStatuses", []))


def restarted(label):
    """Restarts of the couriers, which are sidecars of job pods."""
    pods = kube.items("pods", NAMESPACE, "-l", label)
    return sum(state["restartCount"] for pod in pods for state in pod["status"].get("initContainerStatuses", []))


if __name__ == "__main__":
    main()
