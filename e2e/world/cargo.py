"""Tests of the engine as measurements."""

import os
import re
import subprocess

from world import ROOT


def engine(filter, **environment):
    """Runs the engine's tests whose name has `filter`; (names that passed, that failed, output)."""
    command = ["cargo", "test", "-q", "--release", "--workspace", "--test", "engine", filter, "--", "--nocapture", "--format", "pretty", "--test-threads", "1"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode not in (0, 101):
        print(done.stderr)
    # What a test prints stands between its name and its verdict.
    runs = re.findall(r"^test (\S+) \.\.\. (.*?)\b(ok|FAILED)$", done.stdout, re.MULTILINE | re.DOTALL)
    passed = [name for name, _, verdict in runs if verdict == "ok"]
    failed = [name for name, _, verdict in runs if verdict == "FAILED"]
    return passed, failed, done.stdout
