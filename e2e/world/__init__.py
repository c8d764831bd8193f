"""The real parts that demo, end-to-end tests and claims are made of."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "target"
TOOLS = TARGET / "tools"
FOOTAGE = TARGET / "footage"
STATE = TARGET / "demo"

os.environ["PATH"] = f"{TOOLS / 'bin'}:{os.environ['PATH']}"


class Failed(Exception):
    """Something did not go as it must; the text says what was seen."""
