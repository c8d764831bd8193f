#!/usr/bin/env bash
# Runs a step with its name and time shown, and prints the table of all steps at the end:
#   timed.sh NAME COMMAND…      timed.sh --table
set -euo pipefail
book="$(dirname "$0")/../target/budget.tsv"
mkdir -p "$(dirname "$book")"

if [ "$1" = --table ]; then
  awk -F'\t' '{ printf "  %-12s %6.1f min\n", $1, $2 / 60; all += $2 } END { printf "  %-12s %6.1f min\n", "all", all / 60 }' "$book"
  rm -f "$book"
  exit 0
fi

name=$1
shift
[ "$name" != packages ] || rm -f "$book"
echo "== $name"
begin=$(date +%s)
"$@"
seconds=$(($(date +%s) - begin))
printf '%s\t%s\n' "$name" "$seconds" >> "$book"
echo "== $name: $seconds s"
