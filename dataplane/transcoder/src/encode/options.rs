//! What each encoder is told. Everything that decides bytes is said explicitly and nothing is read
//! from the machine: one thread, pinned lookahead, groups of exactly the grid's length, explicit
//! level and colour.

use ffmpeg_next as ff;
use streamgate_contract::renditions::VideoCodec;

use super::{VideoSettings, level};
use crate::engine;

/// Name of the encoder in libavcodec.
pub(super) fn encoder(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => "libx264",
        VideoCodec::Hevc => "libx265",
        VideoCodec::Av1 => "libsvtav1",
        VideoCodec::Vp9 => "libvpx-vp9",
    }
}

/// Options of the encoder of `settings`; the user's own, which the contract has checked, go last.
pub(super) fn options(settings: &VideoSettings) -> ff::Dictionary<'static> {
    let mut options = ff::Dictionary::new();
    common(settings, &mut options);
    match settings.codec {
        VideoCodec::H264 => x264(settings, &mut options),
        VideoCodec::Hevc => x265(settings, &mut options),
        VideoCodec::Av1 => svt_av1(settings, &mut options),
        VideoCodec::Vp9 => vpx(settings, &mut options),
    }
    for (name, value) in &settings.options {
        options.set(name, value);
    }
    options
}

fn common(settings: &VideoSettings, options: &mut ff::Dictionary) {
    let colour = settings.colour;
    let mut set = |key: &str, value: String| options.set(key, &value);
    set("crf", settings.crf.to_string());
    set("g", settings.gop_frames.to_string());
    set("threads", "1".into());
    set("flags", "+global_header+cgop".into());
    set("color_primaries", colour.primaries.to_string());
    set("color_trc", colour.transfer.to_string());
    set("colorspace", colour.matrix.to_string());
    set("color_range", "tv".into());
    if settings.codec != VideoCodec::Vp9 {
        let cap = u64::from(settings.max_kbps) * 1_000;
        set("maxrate", cap.to_string());
        set("bufsize", settings.buffer_bits().to_string());
    }
}

fn x264(settings: &VideoSettings, options: &mut ff::Dictionary) {
    let gop = settings.gop_frames;
    let scalar = if engine::scalar() { ":asm=0" } else { "" };
    options.set("preset", "veryfast");
    options.set("profile", "high");
    options.set("level", level::h264(settings, settings.buffer_bits()));
    options.set("forced-idr", "1");
    options.set("a53cc", "1");
    // The slow presets would keep more pictures than the level of a large picture allows.
    if settings.options.get("preset").is_some_and(|p| p == "slow") {
        options.set("refs", "4");
    }
    let parameters = format!(
        "threads=1:lookahead-threads=1:sliced-threads=0:sync-lookahead=0:cpu-independent=1:\
         keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:intra-refresh=0:\
         nal-hrd=none:vbv-init=0.9:repeat-headers=0:annexb=1:aud=0:force-cfr=1:\
         videoformat=component:fullrange=off:chromaloc=0{scalar}"
    );
    options.set("x264-params", &parameters);
}

fn x265(settings: &VideoSettings, options: &mut ff::Dictionary) {
    let gop = settings.gop_frames;
    let level = level::hevc(settings, settings.buffer_bits());
    let scalar = if engine::scalar() { ":asm=0" } else { "" };
    options.set("preset", "veryfast");
    options.set("forced-idr", "1");
    let parameters = format!(
        "pools=none:frame-threads=1:wpp=0:pmode=0:pme=0:lookahead-slices=0:const-vbv=1:\
         keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:intra-refresh=0:radl=0:\
         level-idc={level}:high-tier=0:hrd=0:vbv-init=0.9:repeat-headers=0:annexb=1:aud=0:info=0:\
         hdr10-opt=0:chromaloc=0:log-level=none{scalar}"
    );
    options.set("x265-params", &parameters);
}

fn svt_av1(_: &VideoSettings, options: &mut ff::Dictionary) {
    options.set("preset", "8");
    let scalar = if engine::scalar() { ":asm=0" } else { "" };
    options.set("svtav1-params", &format!("lp=1:pin=0:scd=0{scalar}"));
}

fn vpx(settings: &VideoSettings, options: &mut ff::Dictionary) {
    options.set("b", &(u64::from(settings.max_kbps) * 1_000).to_string());
    options.set("keyint_min", &settings.gop_frames.to_string());
    let fixed = [
        ("deadline", "good"),
        ("cpu-used", "4"),
        ("row-mt", "0"),
        ("tile-columns", "0"),
        ("frame-parallel", "0"),
        ("auto-alt-ref", "1"),
        ("lag-in-frames", "25"),
    ];
    for (name, value) in fixed {
        options.set(name, value);
    }
}
