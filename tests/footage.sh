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
# 34 s of 1280x720 at 29.97 fps as they came: flat drawings that move, words, little else.
[ -s explainer.ts ] || cat "$assets"/hls-ts-muxed-mp3-h264/seg-[1-8]-v1-a1.ts >explainer.ts
make explainer-720p30.mp4 -i explainer.ts -map 0:v:0 -c:v copy
# 24 s of a lecture: a slide every four seconds, words of the licence on white, and a small moving picture.
if [ ! -s lecture-720p25.mp4 ]; then
    fold -sw 62 "$root/LICENSE" | grep -v '^ *$' | sed 's/^ */  /' | split -l 13 -d - slide-
    slide() {
        echo "drawtext=expansion=none:textfile=slide-0$1:font=DejaVu Sans:fontsize=28:line_spacing=16:fontcolor=0x202040:x=70:y=60:enable='between(t,$1*4,$1*4+3.99)'"
    }
    slides=$(for n in 0 1 2 3 4 5; do slide $n; done | paste -sd ,)
    make lecture-720p25.mp4 -f lavfi -i "color=white:size=1280x720:rate=25:duration=24" -i clip-720p25.mp4 \
        -filter_complex "[0:v]$slides[words];[1:v]scale=240:135[small];[words][small]overlay=1020:565[v]" \
        -map "[v]" -map 1:a -c:a copy -c:v libx264 -preset veryfast -crf 12 -g 100
fi
make clip-720p25.mkv -i clip-720p25.mp4 -c copy
make clip-720p25.ts -i clip-720p25.mp4 -c copy
# Open groups of pictures and a drop-frame rate, 10 s, no sound.
make open-gop-2997.mp4 -i clip-720p25.mp4 -t 10 -an -vf scale=640:360,fps=30000/1001 \
    -c:v libx264 -preset veryfast -g 48 -bf 3 -x264-params open-gop=1:scenecut=0
make audio-only.mp4 -i clip-720p25.mp4 -vn -c:a copy
[ -s words.srt ] || printf '1\n00:00:00,000 --> 00:00:01,000\nwords\n' >words.srt
make subtitles-only.mkv -i words.srt -c copy
make huffyuv.mkv -i clip-720p25.mp4 -t 2 -an -vf scale=320:180 -c:v huffyuv -pix_fmt yuv422p

# Kinds of source, 3 s each and small. short NAME ARGUMENTS…: H.264 unless said.
short() {
    name=$1
    shift
    make "$name" -ss 8 -t 3 -i clip-720p25.mp4 -c:v libx264 -preset veryfast -c:a aac "$@"
}
short small.mp4 -vf scale=640:360
make lecture.mp4 -i lecture-720p25.mp4 -t 4 -c copy
# A camera on its way.
make busy.mp4 -ss 5 -i clip-720p25.mp4 -t 3 -an -c:v libx264 -preset veryfast -crf 12
make rotated.mp4 -i small.mp4 -c copy -metadata:s:v:0 rotate=90
short vfr.mp4 -vf "select='not(mod(n,3))+gt(mod(n,7),3)',scale=480:270" -vsync vfr
short hevc-10bit.mp4 -vf scale=480:270 -c:v libx265 -x265-params log-level=error -pix_fmt yuv420p10le -tag:v hvc1
for range in hdr10:smpte2084 hlg:arib-std-b67; do
    short "${range%%:*}.mp4" -vf "scale=480:270,zscale=tin=709:min=709:pin=709:rin=tv:t=linear:p=709:m=gbr:npl=200,\
format=gbrpf32le,zscale=p=2020:t=${range##*:}:m=2020_ncl:r=tv,format=yuv420p10le" -c:v libx265 -tag:v hvc1 \
        -x265-params "log-level=error:colorprim=bt2020:transfer=${range##*:}:colormatrix=bt2020nc"
done
make interlaced.ts -ss 8 -t 6 -i clip-720p25.mp4 -an -c:v libx264 -preset veryfast -flags +ilme+ildct -x264-params tff=1 \
    -vf "scale=720:576,setpts=PTS/2,fps=50,interlace=scan=tff,setsar=16/15"
short portrait.mp4 -vf "crop=404:720,scale=270:480,setsar=1"
short odd-size.webm -vf scale=427:241 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 800k -c:a libopus
short anamorphic.mp4 -vf "scale=360:288,setsar=16/9"
short prores.mov -vf scale=480:270 -c:v prores_ks -c:a pcm_s16le
make two-languages.mkv -i small.mp4 -map 0:v -map 0:a -map 0:a -c:v copy -c:a:0 copy -c:a:1 libopus \
    -metadata:s:a:0 language=eng -metadata:s:a:1 language=ger
make surround.ts -i small.mp4 -c:v copy -c:a eac3 -b:a 384k \
    -af "pan=5.1|FL=FL|FR=FR|FC=0.5*FL+0.5*FR|LFE=0.1*FL|BL=0.7*FL|BR=0.7*FR"
make ac3.mp4 -i surround.ts -c:v copy -c:a ac3 -b:a 384k
make edit-list.mp4 -ss 1.3 -i clip-720p25.mp4 -t 3 -c copy
make negative-start.mp4 -i small.mp4 -c copy -output_ts_offset -0.4 -avoid_negative_ts disabled
make audio-only.ts -i small.mp4 -map 0:a -map 0:a -c copy -metadata:s:a:1 language=ger
make video-only.mkv -i small.mp4 -map 0:v -c copy
make small-faststart.mp4 -i small.mp4 -c copy -movflags +faststart
# Subtitles of each kind that is text; in one of pictures nothing is said.
[ -s subtitles-en.srt ] || printf '1\n00:00:00,200 --> 00:00:00,900\n<i>One</i> & all\n\n2\n00:00:00,800 --> 00:00:02,500\nlong\ntwo lines\n\n' >subtitles-en.srt
make subtitles-de.ass -i subtitles-en.srt
make subtitles.mkv -i small.mp4 -i subtitles-en.srt -i subtitles-de.ass -i subtitles-en.srt -map 0:v -map 0:a -map 1 -map 2 -map 3 \
    -c copy -c:s:0 srt -c:s:1 ass -c:s:2 webvtt -metadata:s:s:0 language=eng -metadata:s:s:0 title='English "CC"' \
    -metadata:s:s:1 language=ger -metadata:s:s:2 language=fre -disposition:s:0 hearing_impaired -disposition:s:1 forced
make subtitles.mp4 -i subtitles.mkv -map 0:v -map 0:a -map 0:s:0 -map 0:s:1 -c copy -c:s mov_text
[ -s nothing.sup ] || printf 'PG\0\0\0\0\0\0\0\0\200\0\0PG\0\0\376\0\0\0\0\0\200\0\0' >nothing.sup
make bitmaps.mkv -i small.mp4 -f sup -i nothing.sup -map 0:v -map 1 -c copy
# Captions of CEA-608 ride in the pictures; the encoder takes them over.
make cea608.ts -i "$assets"/captions-test.ts -t 3 -vf scale=640:360 -c:v libx264 -preset veryfast -a53cc 1
short odd-duration.mp4 -t 2.72 -vf scale=480:270

size=$(wc -c <clip-720p25.mp4)
make faststart.mp4 -i clip-720p25.mp4 -c copy -movflags +faststart
head -c $((size * 6 / 10)) faststart.mp4 >truncated.mp4
head -c $((size * 6 / 10)) clip-720p25.mp4 >truncated-no-index.mp4
: >empty.mp4
seq 1 20000 >not-a-video.mp4
echo "footage: ready in target/footage"
