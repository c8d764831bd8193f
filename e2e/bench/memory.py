"""Peak resident memory of every process of operator, gate and job pods over one job of the demo's clip:
what the default requests and limits are taken from."""

import collections
import pathlib
import threading
import time

from world import kube
from world.install import CHART_NAMESPACE
from world.scene import NAMESPACE, Scene, follow


class Peaks(threading.Thread):
    """Looks at the processes of pods every 50 ms; VmHWM is what the kernel saw between looks."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peaks, self.ended = collections.Counter(), False

    def run(self):
        while not self.ended:
            for process in pathlib.Path("/proc").glob("[0-9]*"):
                self.look(process)
            time.sleep(0.05)

    def look(self, process):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            status = (process / "status").read_text()
        except OSError:
            return
        name = pathlib.Path(command[0]).name
        if not name.startswith("streamgate-") or "VmHWM" not in status or "streamgate" not in (process / "cgroup").read_text():
            return
        role = command[1] if name == "streamgate-dataplane" else ""
        peak = int(status.split("VmHWM:")[1].split()[0]) // 1024
        key = f"{name} {role}".strip()
        self.peaks[key] = max(self.peaks[key], peak)


def main():
    scene = Scene()
    peaks = Peaks()
    peaks.start()
    follow(scene.upload(title="memory"))
    peaks.ended = True
    stated = requests()
    print("| process | peak MiB | request | limit |\n| --- | --- | --- | --- |")
    for name, peak in sorted(peaks.peaks.items()):
        print(f"| `{name}` | {peak} | {' | '.join(stated.get(name, ('', '')))} |")


def requests():
    """(memory request, limit) by program, of the pods that are there."""
    found = {}
    for pod in kube.items("pods", NAMESPACE) + kube.items("pods", CHART_NAMESPACE):
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            arguments = container.get("args", [""]) or [""]
            image = container["image"].split("/")[-1].split(":")[0]
            role = arguments[0] if image == "streamgate-dataplane" else ""
            resources = container["resources"]
            found[f"{image} {role}".strip()] = (resources.get("requests", {}).get("memory", "-"), resources.get("limits", {}).get("memory", "-"))
    return found


if __name__ == "__main__":
    main()
