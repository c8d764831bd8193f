"""Status tells the truth: every version of a TranscodeJob that a watch sees, against the catalog;
and the time of it all against FFmpeg's command line on the same ladder in the same run."""

import datetime
import subprocess
import sys
import time

from world import catalog, kube
from world.scene import CLIP, NAMESPACE, Scene, follow
from world.watch import Watch

LADDER = [(720, 2800), (540, 1600), (360, 700), (240, 350)]


def main():
    scene = Scene()
    watch, pods = Watch("transcodejobs", NAMESPACE), Watch("pods", NAMESPACE)
    time.sleep(1)
    began = time.monotonic()
    job = scene.upload()
    status = follow(job, lambda line: print(f"  {line}", flush=True), every=0.2)
    wall = time.monotonic() - began
    time.sleep(2)
    watch.stop()
    pods.stop()
    versions = [thing["status"] for _, thing in watch.of(job) if "status" in thing]
    committed = [seconds(row[2] + "Z") for row in catalog.objects(status["output"]["id"]).values()]
    faults = untrue(versions, committed)
    active = max(seen.get("spans", {}).get("active", 0) for seen in versions)
    error = eta_error(versions, max(committed))
    peer = ffmpeg()
    print(f"versions seen: {len(versions)}; committed {len(committed)} of {status['plan']['segments']} segments")
    print(f"untrue: {faults or 'none'}; pods at once: {active}")
    starts = pod_starts(pods, kube.get("transcodejob", job, NAMESPACE)["metadata"]["uid"])
    first, last = min(committed), max(committed)
    print(f"wall: {wall:.1f} s from upload to Succeeded, pod starts included; FFmpeg's command line {peer:.1f} s; ratio {wall / peer:.2f}")
    print("pod starts, from created to the transcoder running: " + ", ".join(f"{step} {seconds:.1f} s" for step, seconds in starts))
    print(f"of the wall, {last - first:.0f} s lie between the first and the last committed segment")
    eta = "no ETA at half time" if error is None else f"ETA at half time {error:+.0%}"
    print(f"figure: {len(versions)} versions, {len(faults)} untrue, {active} pods at once, {eta}")
    whole = len(committed) == status["plan"]["segments"]
    sys.exit(0 if whole and not faults and active >= 4 and error is not None and abs(error) <= 0.25 else 1)


def pod_starts(pods, uid):
    """(step, seconds from the first sight of a pod to its transcoder running) of the job's pods."""
    created, running = {}, {}
    for at, pod in pods.samples:
        labels, name = pod["metadata"]["labels"], pod["metadata"]["name"]
        if labels.get("streamgate.io/transcode-job-uid") != uid:
            continue
        created.setdefault(name, (at, labels["streamgate.io/step"]))
        states = pod["status"].get("containerStatuses", [])
        if any("waiting" not in state["state"] for state in states if state["name"] == "transcoder"):
            running.setdefault(name, at)
    return [(step, running[name] - at) for name, (at, step) in created.items() if name in running]


def untrue(versions, committed):
    """Progress that goes back, or says something else than the catalog."""
    faults, last = [], 0
    for progress in (seen["progress"] for seen in versions if seen.get("progress")):
        done = int(progress["segments"].split("/")[0])
        if done < last:
            faults.append(f"{done} segments after {last}")
        last = done
        # The catalog keeps whole seconds: what was committed in the second of the report may count.
        at = seconds(progress["updated"])
        least, most = sum(time < int(at) for time in committed), sum(time <= at for time in committed)
        if not least <= done <= most:
            faults.append(f"{done} segments reported, {least} to {most} committed")
    return faults


def eta_error(versions, end):
    """Error of the ETA nearest to half time, as a part of the time that was really left."""
    begin = min(seconds(seen["startTime"]) for seen in versions if seen.get("startTime"))
    reports = [seen["progress"] for seen in versions if seen.get("progress", {}).get("etaSeconds") is not None]
    if not reports:
        return None
    half = min(reports, key=lambda report: abs(seconds(report["updated"]) - (begin + end) / 2))
    left = end - seconds(half["updated"])
    return (half["etaSeconds"] - left) / left if left > 0 else None


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace(" ", "T").replace("Z", "+00:00")).timestamp()


def ffmpeg():
    """Seconds FFmpeg's command line needs for the same ladder, all cores, one decode."""
    names = [f"v{height}" for height, _ in LADDER]
    graph = f"[0:v]split={len(LADDER)}" + "".join(f"[s{name}]" for name in names)
    graph += "".join(f";[s{name}]scale=-2:{height}[{name}]" for name, (height, _) in zip(names, LADDER))
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", CLIP, "-filter_complex", graph]
    for name, (_, kbps) in zip(names, LADDER):
        rate = ["-crf", "23", "-maxrate", f"{kbps}k", "-bufsize", f"{4 * kbps}k", "-g", "50", "-sc_threshold", "0"]
        command += ["-map", f"[{name}]", "-c:v", "libx264", "-preset", "veryfast", *rate, "-f", "null", "-"]
    command += ["-map", "0:a", "-c:a", "aac", "-b:a", "128k", "-f", "null", "-"]
    began = time.monotonic()
    subprocess.run([str(part) for part in command], check=True)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
