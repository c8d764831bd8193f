"""Mutated media through the shipped binary in its sandbox."""

import re
import sys

from world import cargo

INPUTS = 500


def main():
    _, failed, output = cargo.engine("hostile", STREAMGATE_MUTATIONS=str(INPUTS))
    print(output)
    print("compared: end of every run with the list of reasons, and its peak with 80 % of 2 GiB")
    print("missing: the same inputs as jobs on a cluster")
    seen = re.search(r"\d+ inputs, peak .*", output)
    print(f"figure: {seen.group() if seen else 'nothing seen'}; {len(failed)} tests failed; 0 jobs on a cluster")
    sys.exit(1)


if __name__ == "__main__":
    main()
