#!/bin/sh
# Builds the reference server of tus, which uploads are compared with, into target/tools/bin.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
version=v2.9.1
bin=$root/target/tools/bin
mkdir -p "$bin"
if [ -x "$bin/tusd" ] && "$bin/tusd" --version 2>/dev/null | grep -q "$version"; then
    exit 0
fi
echo "tusd: building $version"
GOBIN=$bin go install -ldflags "-s -w -X github.com/tus/tusd/v2/cmd/tusd/cli.VersionName=$version" \
    "github.com/tus/tusd/v2/cmd/tusd@$version"
