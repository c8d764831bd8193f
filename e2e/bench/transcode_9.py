"""Kinds of source through the engine, one test each."""

import sys

from world import cargo


def main():
    passed, failed, _ = cargo.engine("kinds")
    for name in passed + failed:
        print(f"  {'ok   ' if name in passed else 'WRONG'} {name}")
    print("compared: sizes, times and PSNR of every rung with what FFmpeg's command line makes of the source")
    print(f"figure: {len(passed)} of {len(passed) + len(failed)} kinds as they must be")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
