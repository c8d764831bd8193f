#!/usr/bin/env bash
# The sandbox through its production function: a child process enters it and tries what is
# forbidden. The shipped courier against hostile files. The shipped pod counts as missing until it is
# looked at.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(cargo test -q --release -p streamgate-transcoder --test sandbox 2>/dev/null)
grep '^ok - ' <<< "$out"
held=$(grep -c '^ok - ' <<< "$out")
wanted=$(grep -cE '^    "[^"]+: [^"]+",$' dataplane/transcoder/tests/sandbox.rs)
courier=$(cargo test --release --workspace --test courier courier_refuses_ 2>/dev/null)
grep '^test courier_refuses_\|^test .*::courier_refuses_' <<< "$courier"
refused=$(grep -c 'courier_refuses_.* ok$' <<< "$courier" || true)
tried=$(grep -rhc 'fn courier_refuses_' dataplane/tests/courier | awk '{ n += $1 } END { print n }')
echo "compared: outcome of each attempt with the outcome listed in the test"
echo "missing: /proc/PID/status of the shipped pod"
echo "figure: $held of $wanted attempts in the process, courier refuses $refused of $tried, 0 of 1 in the shipped pod"
exit 1
