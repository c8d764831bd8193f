//! HLS playlists of an output as it is committed. Pure. While the output is in work a media
//! playlist only grows: a published line never changes. Source: RFC 8216.

use std::fmt::Write;

use streamgate_contract::TrackId;
use streamgate_contract::plan::{Media, Ratio, TrackPlan};

use super::view::{TrackView, View};

mod iframes;
mod keys;
pub(super) mod rate;

pub use iframes::iframes;

/// Version of the format: fragmented MP4 with EXT-X-MAP.
const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n";
/// Group of the audio renditions.
const AUDIO: &str = "audio";
/// Language of a track nobody named a language for.
const UNDETERMINED: &str = "und";
/// Dynamic range of every rung: the engine makes standard range of all sources.
const RANGE: &str = "SDR";

/// The master playlist; `None` as long as nothing can be played.
pub fn master(view: &View) -> Option<String> {
    if view.playable() == 0 {
        return None;
    }
    let target = target_duration(view);
    let audio: Vec<&TrackView> = view.tracks.iter().filter(|t| is_audio(&t.plan)).collect();
    let mut text = HEAD.to_owned();
    for (index, track) in audio.iter().enumerate() {
        text += &audio_line(&track.plan, index == 0);
    }
    let whole = view.is_whole();
    let video = || view.tracks.iter().filter(|t| !is_audio(&t.plan));
    for track in video() {
        text += &variant_lines(track, &audio, whole.then_some(target));
    }
    for track in video().filter(|_| whole) {
        text += &iframes::stream_line(view, track, target, RANGE);
    }
    Some(text)
}

fn is_audio(plan: &TrackPlan) -> bool {
    matches!(plan.media, Media::Audio { .. })
}

fn audio_line(plan: &TrackPlan, first: bool) -> String {
    let Media::Audio {
        channels, language, ..
    } = &plan.media
    else {
        return String::new();
    };
    let language = self::language(language).map(|tag| format!(",LANGUAGE=\"{tag}\""));
    let language = language.unwrap_or_default();
    let (id, default) = (&plan.id, if first { "YES" } else { "NO" });
    format!(
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{AUDIO}\",NAME=\"{id}\"{language},DEFAULT={default},\
         AUTOSELECT=YES,CHANNELS=\"{channels}\",URI=\"{id}.m3u8\"\n"
    )
}

/// The part of a language tag that may stand in a quoted string, unless nobody knows the language.
/// Source: RFC 5646.
pub(super) fn language(tag: &str) -> Option<String> {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let tag: String = tag.chars().filter(allowed).collect();
    (!tag.is_empty() && tag != UNDETERMINED).then_some(tag)
}

/// One rung; rates are measured when everything is there, and the caps before.
fn variant_lines(track: &TrackView, audio: &[&TrackView], target: Option<u64>) -> String {
    let Media::Video {
        width,
        height,
        frame_rate,
        ..
    } = &track.plan.media
    else {
        return String::new();
    };
    // A variant's rate is that of its video with the most expensive audio.
    let sum = |rate: &dyn Fn(&TrackView) -> u64| {
        rate(track) + audio.iter().map(|t| rate(t)).max().unwrap_or(0)
    };
    let rates = match target {
        Some(target) => format!(
            "BANDWIDTH={},AVERAGE-BANDWIDTH={}",
            sum(&|t| rate::peak(t, target)),
            sum(&rate::average)
        ),
        None => format!("BANDWIDTH={}", sum(&|t| rate::cap(&t.plan.media))),
    };
    let mut codecs = vec![track.plan.codecs.as_str()];
    for sound in audio.iter().map(|t| t.plan.codecs.as_str()) {
        if !codecs.contains(&sound) {
            codecs.push(sound);
        }
    }
    let (id, codecs, rate) = (&track.plan.id, codecs.join(","), decimal(*frame_rate));
    let group = match audio {
        [] => String::new(),
        _ => format!(",AUDIO=\"{AUDIO}\""),
    };
    format!(
        "#EXT-X-STREAM-INF:{rates},CODECS=\"{codecs}\",RESOLUTION={width}x{height},\
         FRAME-RATE={rate},VIDEO-RANGE={RANGE}{group}\n{id}.m3u8\n"
    )
}

/// A ratio with three decimals, rounded.
fn decimal(ratio: Ratio) -> String {
    let (num, den) = (i128::from(ratio.num), i128::from(ratio.den.max(1)));
    let thousandths = (num * 2_000 + den) / (2 * den);
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

/// The media playlist of a track; `None` as long as nothing can be played.
pub fn media(view: &View, track: &TrackId) -> Option<String> {
    let track = view.track(track)?;
    let init = track.init.as_ref()?;
    let playable = view.playable().min(track.segments.len());
    if playable == 0 {
        return None;
    }
    let whole = view.is_whole();
    let (id, target) = (&track.plan.id, target_duration(view));
    // Whoever joins while the rest is being made begins at the beginning all the same.
    let kind = if whole {
        "VOD"
    } else {
        "EVENT\n#EXT-X-START:TIME-OFFSET=0"
    };
    let mut text = format!(
        "{HEAD}#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:{kind}\n{}#EXT-X-MAP:URI=\"{id}/init-{}.mp4\"\n",
        keys::of_track(view),
        init.short()
    );
    let segments = track.segments.iter().flatten().take(playable);
    for (number, segment) in segments.enumerate() {
        let (seconds, hash) = (extinf(&track.plan, number), segment.short());
        text += &keys::of_segment(view, id, number);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "#EXTINF:{seconds},\n{id}/{number:06}-{hash}.m4s");
    }
    if whole {
        text += "#EXT-X-ENDLIST\n";
    }
    Some(text)
}

/// Start of a segment in microseconds, rounded.
fn micros(plan: &TrackPlan, boundary: usize) -> u64 {
    let ticks = plan.starts.get(boundary).copied().unwrap_or_default();
    let scale = u128::from(plan.timescale.max(1));
    let rounded = (u128::from(ticks) * 2_000_000 + scale) / (2 * scale);
    u64::try_from(rounded).unwrap_or(u64::MAX)
}

/// Length of a segment in seconds. The differences of rounded starts, so that errors never add up.
fn extinf(plan: &TrackPlan, number: usize) -> String {
    let length = micros(plan, number + 1).saturating_sub(micros(plan, number));
    format!("{}.{:06}", length / 1_000_000, length % 1_000_000)
}

/// Longest segment of the plan in whole seconds, rounded, the same for every track.
pub(super) fn target_duration(view: &View) -> u64 {
    let longest = view.tracks.iter().flat_map(|track| {
        let lengths = track.plan.starts.windows(2);
        let scale = u64::from(track.plan.timescale.max(1));
        lengths.map(move |w| (w[1].saturating_sub(w[0]) * 2 + scale) / (2 * scale))
    });
    longest.max().unwrap_or(0).max(1)
}

#[cfg(test)]
pub(super) mod fixtures;
#[cfg(test)]
mod tests;
