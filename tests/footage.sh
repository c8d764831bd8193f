#!/bin/sh
# Fetches real footage for tests into target/footage: clips come inside an npm package and are
# remuxed here with the FFmpeg command line; none of it is ever committed. Runs again harmlessly.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/target/footage
package=shaka-player@4.5.0
mkdir -p "$out"
cd "$out"

if [ ! -d package ]; then
    rm -rf fetch && mkdir fetch
    (cd fetch && npm pack --silent "$package" >/dev/null && tar xzf ./*.tgz package/test/test/assets)
    mv fetch/package package && rm -rf fetch
fi
assets=$out/package/test/test/assets

# make NAME ARGUMENTS…: builds NAME with ffmpeg unless it is there.
make() {
    name=$1
    shift
    [ -s "$name" ] && return 0
    echo "footage: $name"
    ffmpeg -nostdin -v error -y "$@" "part-$name" && mv "part-$name" "$name"
}

[ -s source.ts ] || cat "$assets"/hls-ts-muxed-ec3-h264/*.ts >source.ts

# 24 s of 1280x720 at 25 fps, H.264 as it came, sound to AAC over the whole length.
make clip-720p25.mp4 -i source.ts -map 0:v:0 -map 0:a:0 -c:v copy \
    -c:a aac -b:a 128k -ac 2 -af apad -t 24
make clip-720p25.mkv -i clip-720p25.mp4 -c copy
make clip-720p25.ts -i clip-720p25.mp4 -c copy
# Open groups of pictures and a drop-frame rate, 10 s, no sound.
make open-gop-2997.mp4 -i clip-720p25.mp4 -t 10 -an -vf scale=640:360,fps=30000/1001 \
    -c:v libx264 -preset veryfast -g 48 -bf 3 -x264-params open-gop=1:scenecut=0
make audio-only.mp4 -i clip-720p25.mp4 -vn -c:a copy
make huffyuv.mkv -i clip-720p25.mp4 -t 2 -an -vf scale=320:180 -c:v huffyuv -pix_fmt yuv422p

size=$(wc -c <clip-720p25.mp4)
make faststart.mp4 -i clip-720p25.mp4 -c copy -movflags +faststart
head -c $((size * 6 / 10)) faststart.mp4 >truncated.mp4
head -c $((size * 6 / 10)) clip-720p25.mp4 >truncated-no-index.mp4
: >empty.mp4
seq 1 20000 >not-a-video.mp4
echo "footage: ready in target/footage"
