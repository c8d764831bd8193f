"""`.ci/run` from nothing: a fresh clone with empty caches; then whether the programs of the images need
anything compiled that the tests had not compiled already."""

import json
import sys

from bench.bare import Bare

MINUTES = 60


def main():
    with Bare(cluster=False) as bare:
        seconds, said = bare.run("bash", ".ci/run")
        print(f".ci/run: {seconds / 60:.1f} min, of it\n{bare.table(said)}")
        _, built = bare.run("cargo", "build", "--release", "--workspace", "--message-format", "json")
    twice = compiled(built)
    print(f"compared: crates `cargo build` compiled after the tests were built: {len(twice)} {sorted(twice)[:10]}")
    print(f"figure: {seconds / 60:.1f} min, {len(twice)} crates compiled twice")
    sys.exit(0 if seconds <= MINUTES * 60 and not twice else 1)


def compiled(messages):
    """Crates that were not found ready. A program that no test starts is made from its crate here, once."""
    parsed = (json.loads(line) for line in messages.splitlines() if line.startswith("{"))
    made = (m for m in parsed if m["reason"] == "compiler-artifact" and not m["fresh"])
    return {m["target"]["name"] for m in made if m["target"]["kind"] != ["bin"]}


if __name__ == "__main__":
    main()
