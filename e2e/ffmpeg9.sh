#!/usr/bin/env bash
# Fetches FFmpeg 9 into target/tools/ffmpeg9: the peer and the judge (libvmaf) of the engine's
# claims. It comes inside a Python package; nothing is installed outside this folder.
set -euo pipefail
folder=$(cd "$(dirname "$0")/.." && pwd)/target/tools/ffmpeg9
[ -x "$folder/ffmpeg" ] && exit 0
rm -rf "$folder"
python3 -m pip install --quiet --root-user-action=ignore --disable-pip-version-check --no-deps --target "$folder" imageio-ffmpeg==0.8.1
binary=$(echo "$folder"/imageio_ffmpeg/binaries/ffmpeg-linux-*)
chmod +x "$binary"
ln -s "$binary" "$folder/ffmpeg"
"$folder/ffmpeg" -version | head -1
