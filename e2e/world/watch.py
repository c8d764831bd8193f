"""Every version of a resource, with the time it arrived."""

import json
import subprocess
import threading
import time


class Watch:
    """A running `kubectl get -w`; `samples` grows with (time, object)."""

    def __init__(self, kind, namespace):
        self.samples = []
        command = ["kubectl", "get", kind, "-n", namespace, "-w", "-o", "json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        decoder, text = json.JSONDecoder(), ""
        for line in self.process.stdout:
            text += line
            # Objects are printed one after the other, each ending with a brace in the first column.
            if line.rstrip("\n") != "}":
                continue
            thing, end = decoder.raw_decode(text.lstrip())
            text = text.lstrip()[end:]
            self.samples.append((time.time(), thing))

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def of(self, name):
        return [(at, thing) for at, thing in self.samples if thing["metadata"]["name"] == name]
