//! DASH manifest of an output as it is committed: the same segments as HLS, by number. Pure.
//! Dynamic while the output is in work, then static. Source: ISO/IEC 23009-1.

use std::fmt::Write;

use streamgate_contract::encryption::{Protected, Scheme};
use streamgate_contract::plan::{Media, Ratio, TrackPlan};

use super::playlist::{language, rate, target_duration};
use super::view::{TrackView, View};

mod tiles;
mod words;

/// Segments and init segments by their place; see [`super::FileName`].
const TEMPLATE: &str = r#"startNumber="0" initialization="$RepresentationID$/init.mp4" media="$RepresentationID$/$Number%06d$.m4s""#;
/// How often a player asks again while the output grows, in seconds.
const UPDATE_SECONDS: u32 = 2;
/// Everything listed has been there since ever: how fast an encode goes is not how fast it plays.
const AVAILABLE_SINCE: &str = "1970-01-01T00:00:00Z";
/// Encryption that the boxes tell of. Source: ISO/IEC 23009-1, 5.8.4.1 and ISO/IEC 23001-7, 11.2.
const PROTECTION: &str = "urn:mpeg:dash:mp4protection:2011";
/// Keys by Clear Key of Encrypted Media Extensions. Source: DASH-IF IOP, content protection.
const CLEAR_KEY: &str = "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e";
/// Numbers of channels. Source: ISO/IEC 23091-3.
const CHANNELS: &str = "urn:mpeg:mpegB:cicp:ChannelConfiguration";

/// The manifest; `None` as long as nothing can be played.
pub fn mpd(view: &View) -> Option<String> {
    let playable = view.playable();
    if playable == 0 {
        return None;
    }
    let target = target_duration(view);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"{} profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" \
         minBufferTime=\"PT{target}S\" {}>\n<Period id=\"0\" start=\"PT0S\">\n",
        view.protected
            .map_or("", |_| r#" xmlns:cenc="urn:mpeg:cenc:2013""#),
        presentation(view)
    );
    let peak = view.is_whole().then_some(target);
    for (index, group) in groups(view).into_iter().enumerate() {
        adaptation_set(&mut text, index, &group, (playable, peak, view.protected));
    }
    let next = groups(view).len();
    words::adaptation_sets(&mut text, view, next, playable);
    tiles::adaptation_set(&mut text, view);
    text += "</Period>\n</MPD>\n";
    Some(text)
}

/// What tells a presentation that grows from one that is whole.
fn presentation(view: &View) -> String {
    if view.is_whole() {
        let ends = view.tracks.iter().map(|track| seconds(&track.plan));
        let end = ends.fold(0.0, f64::max);
        return format!(r#"type="static" mediaPresentationDuration="PT{end:.6}S""#);
    }
    let published = jiff::Timestamp::from_second(view.read).unwrap_or_default();
    format!(
        r#"type="dynamic" availabilityStartTime="{AVAILABLE_SINCE}" publishTime="{published}" minimumUpdatePeriod="PT{UPDATE_SECONDS}S""#
    )
}

fn seconds(plan: &TrackPlan) -> f64 {
    let end = plan.starts.last().copied().unwrap_or_default();
    end as f64 / f64::from(plan.timescale.max(1))
}

/// Tracks a player may switch between: all video of one codec on one grid, each audio by itself.
fn groups(view: &View) -> Vec<Vec<&TrackView>> {
    let mut groups: Vec<Vec<&TrackView>> = Vec::new();
    for track in &view.tracks {
        let switches = |group: &&mut Vec<&TrackView>| {
            let (a, b) = (&group[0].plan, &track.plan);
            let codec = |plan: &TrackPlan| match plan.media {
                Media::Video { codec, .. } => Some(codec),
                Media::Audio { .. } => None,
            };
            let alike = codec(a).is_some() && codec(a) == codec(b);
            alike && a.timescale == b.timescale && a.starts == b.starts
        };
        match groups.iter_mut().find(switches) {
            Some(group) => group.push(track),
            None => groups.push(vec![track]),
        }
    }
    groups
}

// Writing to a string cannot fail, so the outcome of `write!` says nothing in what follows.

fn adaptation_set(
    text: &mut String,
    index: usize,
    group: &[&TrackView],
    (playable, peak, protected): (usize, Option<u64>, Option<Protected>),
) {
    let plan = &group[0].plan;
    let kind = match &plan.media {
        Media::Video { .. } => r#"contentType="video" mimeType="video/mp4""#.to_owned(),
        Media::Audio { language: tag, .. } => {
            let lang = language(tag).map(|tag| format!(r#" lang="{tag}""#));
            let lang = lang.unwrap_or_default();
            format!(r#"contentType="audio" mimeType="audio/mp4"{lang}"#)
        }
    };
    let _ = writeln!(
        text,
        r#"<AdaptationSet id="{index}" {kind} segmentAlignment="true" startWithSAP="1">"#
    );
    if let Some(protected) = protected {
        protection(text, protected);
    }
    let _ = writeln!(
        text,
        r#"<SegmentTemplate timescale="{}" {TEMPLATE}>"#,
        plan.timescale
    );
    timeline(text, plan, playable);
    *text += "</SegmentTemplate>\n";
    group
        .iter()
        .for_each(|track| representation(text, track, peak));
    *text += "</AdaptationSet>\n";
}

/// How the samples are encrypted, and that Clear Key has the key. Where from is the player's to say:
/// this page is the same for every viewer, and addresses of licenses are not relative to it.
fn protection(text: &mut String, protected: Protected) {
    let (scheme, key) = match protected.scheme {
        Scheme::Cbcs => ("cbcs", protected.key_id.uuid()),
        Scheme::Cenc | Scheme::Aes128 => ("cenc", protected.key_id.uuid()),
    };
    let _ = writeln!(
        text,
        r#"<ContentProtection schemeIdUri="{PROTECTION}" value="{scheme}" cenc:default_KID="{key}"/>"#
    );
    let _ = writeln!(
        text,
        r#"<ContentProtection schemeIdUri="{CLEAR_KEY}" value="ClearKey1.0"/>"#
    );
}

/// Lengths of the playable segments, equal ones in a row as one line.
fn timeline(text: &mut String, plan: &TrackPlan, playable: usize) {
    let lengths = plan.starts.windows(2).map(|w| w[1].saturating_sub(w[0]));
    let mut runs: Vec<(u64, usize)> = Vec::new();
    for length in lengths.take(playable) {
        match runs.last_mut() {
            Some((last, count)) if *last == length => *count += 1,
            _ => runs.push((length, 1)),
        }
    }
    let mut begin = format!(r#"t="{}" "#, plan.starts.first().copied().unwrap_or(0));
    *text += "<SegmentTimeline>";
    for (length, count) in runs {
        let again = match count {
            1 => String::new(),
            more => format!(r#" r="{}""#, more - 1),
        };
        let _ = write!(
            text,
            r#"<S {}d="{length}"{again}/>"#,
            std::mem::take(&mut begin)
        );
    }
    *text += "</SegmentTimeline>\n";
}

fn representation(text: &mut String, track: &TrackView, peak: Option<u64>) {
    let plan = &track.plan;
    let bandwidth = match peak {
        Some(target) => rate::peak(track, target),
        None => rate::cap(&plan.media),
    };
    let _ = write!(
        text,
        r#"<Representation id="{}" codecs="{}" bandwidth="{bandwidth}""#,
        plan.id, plan.codecs
    );
    let _ = match &plan.media {
        Media::Video {
            width,
            height,
            frame_rate,
            ..
        } => writeln!(
            text,
            r#" width="{width}" height="{height}" frameRate="{}" sar="1:1"/>"#,
            fraction(*frame_rate)
        ),
        Media::Audio {
            sample_rate,
            channels,
            ..
        } => writeln!(
            text,
            r#" audioSamplingRate="{sample_rate}"><AudioChannelConfiguration schemeIdUri="{CHANNELS}" value="{channels}"/></Representation>"#
        ),
    };
}

fn fraction(ratio: Ratio) -> String {
    match ratio.den {
        1 => ratio.num.to_string(),
        den => format!("{}/{den}", ratio.num),
    }
}

#[cfg(test)]
mod tests;
