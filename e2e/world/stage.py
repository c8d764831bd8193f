"""The gate with the engine's real output on loopback, without a cluster: the playback test's own server."""

import functools
import json
import os
import subprocess

from . import ROOT, Failed

TEST = "serve::serves_until_standard_input_ends"


@functools.cache
def program():
    """The test program that serves."""
    command = ["cargo", "test", "-q", "--release", "--workspace", "--test", "playback", "--no-run", "--message-format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    built = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = [b["executable"] for b in built if b.get("executable") and b["target"]["name"] == "playback"]
    if done.returncode != 0 or not found:
        raise Failed(f"the server of the playback test cannot be built: {done.stderr[-400:]}")
    return found[-1]


class Stage:
    """The server of an output that is `clear` or encrypted by a scheme; ended with its standard input."""

    def __init__(self, scheme="clear", lease=60):
        self.scheme, self.lease = scheme, lease

    def __enter__(self):
        command = [program(), "--ignored", "--exact", TEST, "--nocapture"]
        self.process = subprocess.Popen(command, cwd=ROOT / "dataplane", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "LEASE_SECONDS": str(self.lease)})
        self.made = self.tell(self.scheme)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.wait(timeout=30)

    def whole(self):
        """Everything is committed."""
        return self.tell("whole")["committed"]

    def grow(self):
        """One more segment of every track; how many there are."""
        return self.tell("grow")["committed"]

    def play(self):
        """URL of the master playlist behind a new handle."""
        return self.tell("play")["url"]

    def end(self):
        """Ends every session that has a handle, and what is watched in it."""
        return self.tell("end")

    def tell(self, command):
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self):
        # The test harness writes the name of the test before the first answer.
        for line in self.process.stdout:
            if "{" in line:
                return json.loads(line[line.index("{") :])
        raise Failed("the server of the playback test ended")

    @property
    def heights(self):
        """Heights of the rungs, tallest first."""
        return [track["media"]["height"] for track in self.made["tracks"] if track["media"]["kind"] == "video"]
