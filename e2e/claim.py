#!/usr/bin/env python3
"""Measures one claim (claim.py NAME) or lists all with the figures last recorded (claim.py --list).

Bars stand in claims.toml. A measurement is recorded in figures/NAME.json with its commit and output.
"""

import json
import pathlib
import signal
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
FIGURES = HERE / "figures"


def main(arguments):
    claims = tomllib.loads((HERE / "claims.toml").read_text())
    if arguments == ["--list"]:
        return show(claims)
    if len(arguments) != 1 or arguments[0] not in claims:
        print(f"name one claim of: {', '.join(claims)}", file=sys.stderr)
        return 2
    name = arguments[0]
    return measure(name, claims[name])


def show(claims):
    for name, claim in claims.items():
        print(f"{name:<10} {verdict(claim, recorded(name))}\n{'':<10} {claim['what']} (bar {claim['bar']})")
    return 0


def verdict(claim, figure):
    if "measure" not in claim:
        return "not built yet"
    if figure is None:
        return "never measured here"
    return f"{figure['figure']} {'holds' if figure['holds'] else 'short'} at {figure['commit']}"


def measure(name, claim):
    if "measure" not in claim:
        print(f"{name}: not built yet (bar {claim['bar']}) short")
        return 1
    for target in claim.get("needs", []):
        if subprocess.run(["make", "-s", target], cwd=HERE.parent).returncode != 0:
            return 1
    lines, status = run(claim["measure"].split())
    figure = next((l.removeprefix("figure: ") for l in reversed(lines) if l.startswith("figure: ")), None)
    holds = status == 0 and figure is not None
    record(name, {"figure": figure, "holds": holds, "commit": commit(), "output": lines})
    print(f"{name}: {figure} (bar {claim['bar']}) {'holds' if holds else 'short'}")
    return 0 if holds else 1


def run(command):
    """The command's output, shown while it runs, and its exit status."""
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip("\n"))
    return lines, process.returncode


def record(name, figure):
    FIGURES.mkdir(exist_ok=True)
    (FIGURES / f"{name}.json").write_text(json.dumps(figure, indent=1) + "\n")


def recorded(name):
    path = FIGURES / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def commit():
    out = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True)
    return out.stdout.strip() or "unknown"


if __name__ == "__main__":
    # A reader that has seen enough, such as head, is no failure.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(sys.argv[1:]))
