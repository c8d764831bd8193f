//! HLS playlists of an output as it is committed. Pure. While the output is in work a media
//! playlist only grows: a published line never changes. Source: RFC 8216.

use std::fmt::Write;

use streamgate_contract::TrackId;
use streamgate_contract::plan::{Media, Ratio, TrackPlan};

use super::view::{TrackView, View};
use sound::Group;

mod iframes;
mod keys;
pub(super) mod rate;
mod sound;
mod words;

pub use iframes::iframes;
pub use words::playlist as text;

/// Version of the format: fragmented MP4 with EXT-X-MAP.
const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n";
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
    let whole = view.is_whole();
    let measured = whole.then_some(target);
    let groups = sound::groups(view);
    let video: Vec<&TrackView> = view.tracks.iter().filter(|t| t.is_video()).collect();
    let mut text = HEAD.to_owned();
    for group in &groups {
        text += &group.lines(video.is_empty());
    }
    text += &words::lines(view);
    let more = words::of_variants(view);
    if video.is_empty() {
        let lines = groups
            .iter()
            .map(|group| sound_variant(group, measured, &more));
        text.extend(lines);
        return Some(text);
    }
    let silent = groups.is_empty().then_some(None);
    for group in silent.into_iter().chain(groups.iter().map(Some)) {
        let lines = video
            .iter()
            .map(|track| variant(track, group, measured, &more));
        text.extend(lines);
    }
    for track in video.iter().filter(|_| whole) {
        text += &iframes::stream_line(view, track, target, RANGE);
    }
    Some(text)
}

/// The part of a language tag that may stand in a quoted string, unless nobody knows the language.
/// Source: RFC 5646.
pub(super) fn language(tag: &str) -> Option<String> {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let tag: String = tag.chars().filter(allowed).collect();
    (!tag.is_empty() && tag != UNDETERMINED).then_some(tag)
}

/// Rates of a variant by those of its parts: measured when everything is there, and the caps before.
fn rates(sum: impl Fn(&dyn Fn(&TrackView) -> u64) -> u64, target: Option<u64>) -> String {
    match target {
        Some(target) => format!(
            "BANDWIDTH={},AVERAGE-BANDWIDTH={}",
            sum(&|t| rate::peak(t, target)),
            sum(&rate::average)
        ),
        None => format!("BANDWIDTH={}", sum(&|t| rate::cap(&t.plan.media))),
    }
}

/// One rung with one group of sound; `more` is the same for every variant. A variant's rate is that of
/// its video with the dearest sound.
fn variant(track: &TrackView, group: Option<&Group>, target: Option<u64>, more: &str) -> String {
    let Media::Video {
        width,
        height,
        frame_rate,
        ..
    } = &track.plan.media
    else {
        return String::new();
    };
    let rates = rates(
        |rate| rate(track) + group.map_or(0, |group| group.most(rate)),
        target,
    );
    let mut codecs = vec![track.plan.codecs.as_str()];
    codecs.extend(group.map(Group::codecs).unwrap_or_default());
    let (id, codecs, rate) = (&track.plan.id, codecs.join(","), decimal(*frame_rate));
    let group = group.map(|group| format!(",AUDIO=\"{}\"", group.id));
    format!(
        "#EXT-X-STREAM-INF:{rates},CODECS=\"{codecs}\",RESOLUTION={width}x{height},\
         FRAME-RATE={rate},VIDEO-RANGE={RANGE}{}{more}\n{id}.m3u8\n",
        group.unwrap_or_default()
    )
}

/// A group of an output without pictures; the list of the variant is that of its default.
fn sound_variant(group: &Group, target: Option<u64>, more: &str) -> String {
    let Some(default) = group.members.first() else {
        return String::new();
    };
    let rates = rates(|rate| group.most(rate), target);
    let (id, codecs, uri) = (&group.id, group.codecs().join(","), &default.track.plan.id);
    format!("#EXT-X-STREAM-INF:{rates},CODECS=\"{codecs}\",AUDIO=\"{id}\"{more}\n{uri}.m3u8\n")
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
