//! What there is to watch, for whoever builds a player: length, tracks, languages, rates. Pure. It says
//! what the playlists and the manifest say, at one place and in JSON.

use serde::Serialize;
use streamgate_contract::encryption::Scheme;
use streamgate_contract::plan::Media;
use streamgate_contract::stills::Still;
use streamgate_contract::text::TextTraits;

use super::playlist::{language, rate, target_duration};
use super::text::TextView;
use super::view::{TrackView, View};

/// What there is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    /// Seconds of everything that is planned.
    duration_seconds: f64,
    /// Seconds that can be played now.
    playable_seconds: f64,
    /// Nothing follows.
    complete: bool,
    /// `AES-128`, `cbcs` or `cenc`, if it is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption: Option<Scheme>,
    /// Pictures, as the plan has them: tallest first.
    video: Vec<Video<'a>>,
    /// Sound.
    audio: Vec<Audio<'a>>,
    /// Subtitles and captions.
    text: Vec<Text<'a>>,
    /// Captions ride in the pictures.
    captions: bool,
    poster: bool,
    storyboard: bool,
}

/// What all tracks of pictures and sound have.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Track<'a> {
    id: &'a str,
    /// As RFC 6381 names it.
    codecs: &'a str,
    /// Peak in bit/s: measured when it is complete, and before that the cap.
    bandwidth: u64,
    segments: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Video<'a> {
    #[serde(flatten)]
    track: Track<'a>,
    width: u32,
    height: u32,
    frames_per_second: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Audio<'a> {
    #[serde(flatten)]
    track: Track<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    channels: u32,
    samples_per_second: u32,
}

#[derive(Debug, Serialize)]
struct Text<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    label: &'a str,
    #[serde(flatten)]
    traits: TextTraits,
}

/// The text; it changes as long as the output grows.
pub fn info(view: &View) -> Option<String> {
    let (whole, playable) = (view.is_whole(), view.playable());
    let longest = |of: &dyn Fn(&TrackView) -> f64| view.tracks.iter().map(of).fold(0.0, f64::max);
    let info = Info {
        duration_seconds: longest(&|track| seconds(track, usize::MAX)),
        playable_seconds: longest(&|track| seconds(track, playable)),
        complete: whole,
        encryption: view.scheme(),
        video: view.tracks.iter().filter_map(|t| video(view, t)).collect(),
        audio: view.tracks.iter().filter_map(|t| audio(view, t)).collect(),
        text: view.texts.iter().map(text).collect(),
        captions: view.captions,
        poster: view.still(Still::Poster).is_some(),
        storyboard: view.still(Still::Storyboard).is_some(),
    };
    serde_json::to_string(&info).ok()
}

/// Seconds up to a segment, or to the end.
fn seconds(track: &TrackView, segments: usize) -> f64 {
    let plan = &track.plan;
    let last = plan.starts.len().saturating_sub(1);
    let end = plan.starts.get(segments.min(last)).copied().unwrap_or(0);
    let scale = f64::from(plan.timescale.max(1));
    // Whole microseconds, as in the playlists.
    (end as f64 / scale * 1e6).round() / 1e6
}

fn track<'a>(view: &View, of: &'a TrackView) -> Track<'a> {
    Track {
        id: of.plan.id.as_str(),
        codecs: &of.plan.codecs,
        bandwidth: match view.is_whole() {
            true => rate::peak(of, target_duration(view)),
            false => rate::cap(&of.plan.media),
        },
        segments: of.segments.len(),
    }
}

fn video<'a>(view: &View, of: &'a TrackView) -> Option<Video<'a>> {
    let Media::Video {
        width,
        height,
        frame_rate,
        ..
    } = of.plan.media
    else {
        return None;
    };
    Some(Video {
        track: track(view, of),
        width,
        height,
        frames_per_second: frame_rate.num as f64 / frame_rate.den.max(1) as f64,
    })
}

fn audio<'a>(view: &View, of: &'a TrackView) -> Option<Audio<'a>> {
    let Media::Audio {
        language: tag,
        channels,
        sample_rate,
        ..
    } = &of.plan.media
    else {
        return None;
    };
    Some(Audio {
        track: track(view, of),
        language: language(tag),
        channels: *channels,
        samples_per_second: *sample_rate,
    })
}

fn text(of: &TextView) -> Text<'_> {
    Text {
        id: of.plan.id.as_str(),
        language: language(&of.plan.language),
        label: &of.plan.label,
        traits: of.plan.traits,
    }
}
