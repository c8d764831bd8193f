"""From bare to a played stream: `make demo` in a fresh clone with empty caches, a second one on top of
it, `make down`, and what all of it left on the machine.

Debian packages that are installed already cannot be taken away again; everything else begins from nothing.
"""

import sys

from bench.bare import Bare

COLD_MINUTES, WARM_MINUTES = 30, 3


def main():
    with Bare(cluster=True) as bare:
        before = bare.snapshot()
        cold, played = bare.make("demo")
        print(f"cold: {cold / 60:.1f} min, of it\n{bare.table(played)}")
        warm, again = bare.make("demo")
        print(f"warm: {warm / 60:.1f} min, of it\n{bare.table(again)}")
        bare.make("down")
        left = bare.difference(before, bare.snapshot())
    print("".join(f"  left behind: {line}\n" for line in left), end="")
    both = all("the holder plays the stream to its end" in text for text in (played, again))
    print(f"compared: snapshot before with snapshot after down, {len(before)} lines; both streams played: {both}")
    print(f"figure: cold {cold / 60:.1f} min, warm {warm / 60:.1f} min, {len(left)} differences after down")
    sys.exit(0 if both and not left and cold <= COLD_MINUTES * 60 and warm <= WARM_MINUTES * 60 else 1)


if __name__ == "__main__":
    main()
