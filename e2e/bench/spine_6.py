"""Kills of every part while spans are encoded: the job completes, every segment is committed once, all
bytes equal an undisturbed run's, and a kill costs at most one chunk of work."""

import json
import os
import pathlib
import sys
import time
import urllib.request

from world import Failed, catalog, kube
from world.kill import kill, pids
from world.scene import NAMESPACE, Scene, follow, status

# The grid of the demo: a chunk is one segment on each of four rungs.
CHUNK_SEGMENTS = 4
DOWN_SECONDS = 600
JOBS = "streamgate.io/step=encode,streamgate.io/transcode-job-uid="


def main():
    scene = Scene()
    reference = committed(follow(scene.upload())["output"]["id"])
    print(f"  undisturbed: {len(reference)} segments")
    faults = []
    for name, (disturb, pods) in DISTURBANCES.items():
        fault = survive(scene, reference, name, disturb, pods)
        faults += [f"{name}: {fault}"] if fault else []
    twice = catalog.query("SELECT output, track, number FROM segments GROUP BY output, track, number HAVING count(*) > 1")
    print("compared: every object's SHA-256 with the undisturbed run's; commits asked for again with the segments of a chunk")
    print(f"figure: {len(DISTURBANCES) - len(faults)} of {len(DISTURBANCES)} disturbances survived, {len(twice)} committed twice; faults: {faults or 'none'}")
    sys.exit(0 if not faults and not twice else 1)


def survive(scene, reference, name, disturb, pods):
    """Runs a job through a disturbance that interrupts so many pods; what is wrong with the outcome, None when nothing is."""
    before = repeated()
    job = scene.upload(title=name)
    kube.until("encoding", lambda: (status(job).get("progress") or {}).get("percent", 0) > 0, 120, 0.2)
    note = disturb(scene, job)
    print(f"  {name}: {note}", flush=True)
    try:
        seen = follow(job)
    except Failed as failure:
        return str(failure)
    objects = committed(seen["output"]["id"])
    differing = [key for key in reference if objects.get(key) != reference[key]]
    # Counted since the worker began, so a worker that was killed shows what came after.
    again, failed = max(repeated() - before, 0), (seen.get("spans") or {}).get("failed")
    print(f"    {len(objects)} segments committed, {len(differing)} differ, {again} encoded and delivered again, failed indexes: {failed or 'none'}")
    if differing or len(objects) != len(reference):
        return f"{len(differing)} objects differ"
    if failed:
        return f"{failed} indexes failed"
    return f"{again} segments again" if again > CHUNK_SEGMENTS * pods else None


def committed(output):
    return {key: row[0] for key, row in catalog.objects(output).items()}


def repeated():
    """Commits of segments that were committed already, since the worker started."""
    pod = kube.items("pods", NAMESPACE, "-l", "app.kubernetes.io/component=all")[0]
    text = urllib.request.urlopen(f"http://{pod['status']['podIP']}:9090/metrics", timeout=5).read().decode()
    line = next(line for line in text.splitlines() if line.startswith('streamgate_worker_commits_total{outcome="repeated"}'))
    return int(float(line.rsplit(" ", 1)[1]))


def encoders(job):
    uid = kube.get("transcodejob", job, NAMESPACE)["metadata"]["uid"]
    found = kube.items("pods", NAMESPACE, "-l", JOBS + uid)
    return [pod for pod in found if pids(pod, "streamgate-transcoder")]


def kill_transcoder(_, job):
    pod = kube.until("an encoder", lambda: encoders(job), 30, 0.2)[0]
    return f"{kill(pod, 'streamgate-transcoder')} process killed"


def kill_courier(_, job):
    pod = kube.until("an encoder", lambda: encoders(job), 30, 0.2)[0]
    return f"{kill(pod, 'streamgate-dataplane')} process killed"


def evict(_, job):
    pod = kube.until("an encoder", lambda: encoders(job), 30, 0.2)[0]["metadata"]["name"]
    eviction = '{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"%s","namespace":"%s"}}' % (pod, NAMESPACE)
    kube.kubectl("create", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction", "-f", "-", stdin=eviction)
    return "one pod evicted"


def kill_operator(*_):
    pods = kube.items("pods", "streamgate-system")
    return f"{sum(kill(pod, 'streamgate-operator') for pod in pods)} process killed"


def kill_gate(*_):
    pods = kube.items("pods", NAMESPACE, "-l", "app.kubernetes.io/component=all")
    return f"{sum(kill(pod, 'streamgate-dataplane') for pod in pods)} process killed"


def restart_node(*_):
    for program in ("containerd", "kubelet"):
        pid = json.loads((kube.FOLDER / f"run/{program}.json").read_text())["pid"]
        os.kill(pid, 9)
    kube.run(kube.CLUSTER, "up", "--dir", kube.FOLDER)
    return "containerd and kubelet killed and started again"


def worker_down(*_):
    """Nobody answers couriers for ten minutes; the operator is told to leave the gate alone."""
    paused = lambda yes: kube.kubectl("patch", "streamgates", "demo", "-n", NAMESPACE, "--type=merge", "-p", '{"spec":{"paused":%s}}' % yes)
    paused("true")
    time.sleep(2)
    kube.kubectl("scale", "deployment/demo-all", "-n", NAMESPACE, "--replicas=0")
    time.sleep(DOWN_SECONDS)
    paused("false")
    kube.kubectl("scale", "deployment/demo-all", "-n", NAMESPACE, "--replicas=1")
    kube.kubectl("rollout", "status", "deployment/demo-all", "-n", NAMESPACE, "--timeout=120s")
    return f"worker down for {DOWN_SECONDS} s"


def store_down(*_):
    """The store refuses every write for 20 s."""
    claim = kube.get("pvc", "demo-data", NAMESPACE)
    folder = kube.get("pv", claim["spec"]["volumeName"], NAMESPACE)["spec"]["hostPath"]["path"]
    objects = pathlib.Path(folder) / "objects"
    mode = objects.stat().st_mode
    objects.chmod(0)
    time.sleep(20)
    objects.chmod(mode)
    return "store down for 20 s"


# What is done, and how many pods it interrupts at most.
DISTURBANCES = {
    "transcoder killed": (kill_transcoder, 1),
    "courier killed": (kill_courier, 1),
    "pod evicted": (evict, 1),
    "operator killed": (kill_operator, 0),
    "gate killed": (kill_gate, 4),
    "store down": (store_down, 4),
    "node restarted": (restart_node, 4),
    "worker down": (worker_down, 4),
}


if __name__ == "__main__":
    main()
