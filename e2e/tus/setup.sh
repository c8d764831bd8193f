#!/usr/bin/env bash
# Installs the client of tus by the authors of the protocol into target/tools/tus.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$here/../../target/tools/tus
cmp -s "$here/package.json" "$folder/package.json" && [ -d "$folder/node_modules/tus-js-client" ] && exit 0
mkdir -p "$folder"
cp "$here/package.json" "$folder/package.json"
npm install --silent --no-audit --no-fund --no-package-lock --prefix "$folder"
