"""Real players in a real browser: hls.js and Shaka Player in Chromium."""

import json
import queue
import subprocess
import threading

from . import ROOT, TOOLS, Failed

PLAYERS = TOOLS / "players"
CHROMIUM = "/usr/bin/chromium"


class Browser:
    """Chromium; viewings run side by side, each in a page and profile of its own."""

    def __enter__(self):
        command = ["node", ROOT / "e2e/players/browser.mjs", PLAYERS, CHROMIUM]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        first = self.process.stdout.readline()
        if not first:
            raise Failed("Chromium does not start")
        self.version = json.loads(first)["browser"]
        self.waiting, self.lock = {}, threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def view(self, player, url, patience, **more):
        """Begins a viewing; call what is returned for what was seen."""
        answer = queue.Queue()
        with self.lock:
            number = len(self.waiting)
            self.waiting[number] = answer
            viewing = {"id": number, "player": player, "url": url, "patience": patience, **more}
            self.process.stdin.write(json.dumps(viewing) + "\n")
            self.process.stdin.flush()
        return lambda: answer.get(timeout=patience + 60)

    def _listen(self):
        for line in self.process.stdout:
            seen = json.loads(line)
            self.waiting[seen["id"]].put(seen)


def played(seen, duration):
    """What was wrong with a viewing that should have gone to the end without a pause; empty when nothing."""
    wrong = [f"error {text}" for text in seen["errors"]]
    wrong += [f"stall of {stall['milliseconds']} ms at {stall['at']:.2f} s" for stall in seen["stalls"]]
    if not seen["ended"]:
        wrong.append(f"did not reach its end, is at {seen.get('at', 0):.2f} s")
    elif abs(seen["at"] - duration) > 0.1:
        wrong.append(f"ended at {seen['at']:.2f} s of {duration:.2f} s")
    return wrong


def switches(seen):
    """Pairs of heights that followed each other in the frames as they were shown."""
    heights = [run["height"] for run in seen["runs"]]
    return list(zip(heights, heights[1:]))
