"""The same bytes from 1, 2 and 4 workers, after kills of the process and of the pod, without vector units."""

import os
import random
import sys
import time

from world import cargo, catalog, kube, volume
from world.scene import CLIP, NAMESPACE, Scene, follow, status

KILLS, POD_KILLS = 100, 5
# Kills of one job: more would use up the retries of a span.
KILLS_OF_A_JOB = 3
ENCODERS = "streamgate.io/step=encode,streamgate.io/transcode-job-uid="


def main():
    passed, failed, output = cargo.engine("determinism", STREAMGATE_KILLS=str(KILLS))
    print(output)
    scene = Scene()
    volume.put(scene, CLIP)
    reference = objects("same-4", parallelism=4)
    differing = {f"{workers} pods": differ(reference, objects(f"same-{workers}", parallelism=workers)) for workers in (1, 2)}
    differing["kills of pods"], kills = killed(reference)
    volume.let_go()
    for what, objects_that_differ in differing.items():
        print(f"  {what}: {objects_that_differ} of {len(reference)} objects differ")
    print("compared: every object of each run with that of the undisturbed one: byte by byte in the process, by SHA-256 and size on the cluster")
    wrong = len(failed) + sum(count > 0 for count in differing.values())
    all_of = len(passed) + len(failed) + len(differing)
    print(f"figure: {all_of - wrong} of {all_of} comparisons equal, {KILLS} kills of the process, {kills} of the pod, 1, 2 and 4 workers, vector units masked (pictures; the AAC coder makes no claim there)")
    sys.exit(0 if not wrong and passed and kills >= POD_KILLS else 1)


def objects(job, **spec):
    """{object: (hash, bytes)} of what a job makes of the clip."""
    volume.apply([volume.manifest(job, CLIP.name, **spec)])
    return kept(follow(job))


def kept(seen):
    return {key: row[:2] for key, row in catalog.objects(seen["output"]["id"]).items()}


def differ(reference, other):
    return sum(other.get(key) != row for key, row in reference.items()) + len(other.keys() - reference.keys())


def killed(reference):
    """Jobs whose encoding pods are taken away at random moments: (objects that differ, kills)."""
    seed = int(os.environ.get("STREAMGATE_KILL_SEED", time.time_ns() % 2**32))
    print(f"  seed of the kills: {seed}")
    chance, kills, wrong, number = random.Random(seed), 0, 0, 0
    while kills < POD_KILLS:
        job, number = f"killed-{number}", number + 1
        volume.apply([volume.manifest(job, CLIP.name, parallelism=4, backoffLimitPerIndex=6)])
        uid = kube.get("transcodejob", job, NAMESPACE)["metadata"]["uid"]
        for _ in range(min(KILLS_OF_A_JOB, POD_KILLS - kills)):
            kills += kill_one(job, uid, chance)
        wrong += differ(reference, kept(follow(job)))
    return wrong, kills


def kill_one(job, uid, chance):
    """Takes one running encoder away without grace, after a random while; 0 when the job was over."""
    kube.until("encoding", lambda: status(job).get("phase") in ("Encoding", "Publishing", "Succeeded"), 120, 0.1)
    time.sleep(chance.uniform(0, 4))
    running = [pod for pod in kube.items("pods", NAMESPACE, "-l", ENCODERS + uid) if pod["status"]["phase"] == "Running"]
    if not running or status(job).get("phase") != "Encoding":
        return 0
    pod = chance.choice(running)["metadata"]["name"]
    kube.kubectl("delete", "pod", pod, "-n", NAMESPACE, "--grace-period=0", "--force")
    print(f"  {pod} taken away", flush=True)
    return 1


if __name__ == "__main__":
    main()
