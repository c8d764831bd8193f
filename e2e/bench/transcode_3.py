"""The engine's bytes from 1, 2 and 4 workers, after kills of the process, without vector units."""

import sys

from world import cargo

KILLS = 100


def main():
    passed, failed, output = cargo.engine("determinism", STREAMGATE_KILLS=str(KILLS))
    print(output)
    print("compared: every object of each run with that of the undisturbed run, byte by byte")
    print("missing: 5 kills of the pod; sound with vector units masked")
    print(f"figure: {len(passed)} of {len(passed) + len(failed)} comparisons equal, {KILLS} kills of the process, 0 of 5 of the pod")
    sys.exit(1)


if __name__ == "__main__":
    main()
