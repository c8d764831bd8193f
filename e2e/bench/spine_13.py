"""Libraries in real use: each is a dependency of a shipped program, not of its tests alone, is named in
code that runs, and its code stands in the program as built."""

import re
import subprocess
import sys

from world import ROOT, TARGET

# library: (shipped programs it must stand in, its name in code)
LIBRARIES = {
    "kube": (["operator", "dataplane"], "kube"),
    "kube-runtime": (["operator"], "kube::runtime"),
    "k8s-openapi": (["operator", "dataplane"], "k8s_openapi"),
    "schemars": (["operator"], "schemars"),
    "tokio": (["operator", "dataplane"], "tokio"),
    "hyper": (["dataplane"], "hyper"),
    "tracing": (["operator", "dataplane"], "tracing"),
    "prometheus": (["operator", "dataplane"], "prometheus"),
    "serde_yaml": (["operator", "dataplane"], "serde_yaml"),
    "moka": (["dataplane"], "moka"),
    "ffmpeg-next": (["transcoder"], "ffmpeg"),
    "aws-sdk-s3": (["dataplane"], "aws_sdk_s3"),
    "governor": (["dataplane"], "governor"),
}
# serde_yaml is the name in code of its maintained continuation.
PACKAGES = {"serde_yaml": "yaml_serde"}
SOURCES = ("crds", "operator/src", "dataplane/src", "dataplane/transcoder/src")


def main():
    used = sum(look(library, *row) for library, row in LIBRARIES.items())
    print("compared: dependency trees without dev-dependencies, code without tests, symbols of the built programs")
    print(f"figure: {used} of {len(LIBRARIES)}")
    sys.exit(0 if used == len(LIBRARIES) else 1)


def look(library, programs, name):
    package = PACKAGES.get(library, library)
    lacking = [program for program in programs if not (depends(program, package) and contains(program, package))]
    places = uses(name)
    good = not lacking and bool(places)
    print(f"  {'ok  ' if good else 'LACKS'} {library:<12} in {', '.join(programs)}; {len(places)} files, first {min(places, default='none')}")
    return good


def depends(program, package):
    command = ["cargo", "tree", "-q", "-e", "normal", "--prefix", "none", "-f", "{p}", "-p", f"streamgate-{program}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return any(line.split(" ")[0] == package for line in done.stdout.splitlines())


def contains(program, package):
    """Whether the built program has code of the package: paths of its sources in messages, or its symbols."""
    binary = (TARGET / f"release/streamgate-{program}").read_bytes()
    name = package.replace("-", "_").encode()
    return bool(re.search(rb"/%s-\d[\w.+-]*/src/" % re.escape(package.encode()), binary)) or b"%d%s" % (len(name), name) in binary


def uses(name):
    """Files of shipped code that name the library."""
    found = []
    for source in SOURCES:
        for file in (ROOT / source).rglob("*.rs"):
            code = re.split(r"#\[cfg\(test\)\]", file.read_text())[0]
            if "/tests" not in str(file) and re.search(rf"\b{re.escape(name)}(::|\b)", code):
                found.append(str(file.relative_to(ROOT)))
    return found


if __name__ == "__main__":
    main()
