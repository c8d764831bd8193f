#!/bin/sh
# Builds the S3 server the tests run against into target/tools/bin: Versity's gateway over a plain
# folder. It checks signatures, their expiry, lengths and checksums, and honours If-None-Match, so
# a store that passes on it was really refused what must be refused. Runs again harmlessly.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
version=v1.8.0
bin=$root/target/tools/bin
mkdir -p "$bin"
if [ -x "$bin/versitygw" ] && "$bin/versitygw" --version 2>/dev/null | grep -q "${version#v}"; then
    exit 0
fi
echo "s3: building versitygw $version"
GOBIN=$bin go install -ldflags "-s -w -X main.Version=$version" \
    "github.com/versity/versitygw/cmd/versitygw@$version"
