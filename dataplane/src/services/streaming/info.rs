//! What a viewing offers, for programs that read neither HLS nor DASH: how far it can be played, and
//! which pictures, sounds and texts there are. Pure.

use serde::Serialize;
use streamgate_contract::encryption::Scheme;
use streamgate_contract::plan::Media;

use super::playlist::rate;
use super::view::{TrackView, View};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    /// Nothing will change any more.
    complete: bool,
    /// Seconds that can be played now.
    seconds: f64,
    video: Vec<Video<'a>>,
    audio: Vec<Audio<'a>>,
    text: Vec<Text<'a>>,
    /// How it is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption: Option<Scheme>,
    storyboard: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Video<'a> {
    track: &'a str,
    codecs: &'a str,
    width: u32,
    height: u32,
    frames_per_second: f64,
    /// Most bit/s of a segment.
    bandwidth: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Audio<'a> {
    track: &'a str,
    codecs: &'a str,
    language: &'a str,
    channels: u32,
    sample_rate: u32,
    /// Most bit/s of a segment.
    bandwidth: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Text<'a> {
    track: &'a str,
    language: &'a str,
    label: &'a str,
}

/// The page; `None` as long as nothing can be played.
pub fn info(view: &View) -> Option<String> {
    let playable = view.playable();
    if playable == 0 {
        return None;
    }
    let texts = view.texts.iter().map(|text| Text {
        track: text.plan.id.as_str(),
        language: &text.plan.language,
        label: &text.plan.label,
    });
    let info = Info {
        complete: view.is_whole(),
        seconds: seconds(view, playable),
        video: view.tracks.iter().filter_map(video).collect(),
        audio: view.tracks.iter().filter_map(audio).collect(),
        text: texts.collect(),
        encryption: view.scheme(),
        storyboard: view.tiles.is_some(),
    };
    serde_json::to_string(&info).ok()
}

/// Where the track that ends last stands after so many segments.
fn seconds(view: &View, playable: usize) -> f64 {
    let end = |track: &TrackView| {
        let starts = &track.plan.starts;
        let ticks = starts.get(playable).or(starts.last()).copied();
        let begin = starts.first().copied().unwrap_or_default();
        let ticks = ticks.unwrap_or_default().saturating_sub(begin);
        ticks as f64 / f64::from(track.plan.timescale.max(1))
    };
    view.tracks.iter().map(end).fold(0.0, f64::max)
}

fn video(track: &TrackView) -> Option<Video<'_>> {
    let Media::Video {
        width,
        height,
        frame_rate,
        ..
    } = &track.plan.media
    else {
        return None;
    };
    Some(Video {
        track: track.plan.id.as_str(),
        codecs: &track.plan.codecs,
        width: *width,
        height: *height,
        frames_per_second: frame_rate.num as f64 / frame_rate.den.max(1) as f64,
        bandwidth: rate::cap(&track.plan.media),
    })
}

fn audio(track: &TrackView) -> Option<Audio<'_>> {
    let Media::Audio {
        language,
        channels,
        sample_rate,
        ..
    } = &track.plan.media
    else {
        return None;
    };
    Some(Audio {
        track: track.plan.id.as_str(),
        codecs: &track.plan.codecs,
        language,
        channels: *channels,
        sample_rate: *sample_rate,
        bandwidth: rate::cap(&track.plan.media),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::services::streaming::playlist::fixtures::{
        all, committed, protected, texts, tracks,
    };

    fn told(view: &View) -> Value {
        serde_json::from_str(&info(view).unwrap()).unwrap()
    }

    #[test]
    fn it_says_what_there_is_and_how_far_it_plays() {
        let mut objects = all(&tracks());
        objects.extend(["s-en", "s-de"].map(|id| committed(id, None, 300)));
        let view = View::new(tracks(), &objects, 0)
            .worded(texts(), &objects, false)
            .protected(protected(Scheme::Cbcs));
        let told = told(&view);
        let video = json!([{"track": "v720", "codecs": "avc1.64001f", "width": 1280, "height": 720,
            "framesPerSecond": 25.0, "bandwidth": 2_940_000}]);
        assert_eq!(told["video"], video);
        let audio = json!([{"track": "a-en-aac", "codecs": "mp4a.40.2", "language": "en",
            "channels": 2, "sampleRate": 48_000, "bandwidth": 134_400}]);
        assert_eq!(told["audio"], audio);
        assert_eq!(
            told["text"][1],
            json!({"track": "s-de", "language": "de", "label": "Deutsch"})
        );
        assert_eq!(
            (&told["complete"], &told["seconds"]),
            (&json!(true), &json!(24.0))
        );
        assert_eq!(
            (&told["encryption"], &told["storyboard"]),
            (&json!("cbcs"), &json!(false))
        );
    }

    #[test]
    fn in_work_it_says_what_can_be_played_by_now() {
        let some = |segments: u32| {
            let of = |segment: &crate::ports::catalog::Segment| {
                segment.number.is_none_or(|number| number < segments)
            };
            let objects: Vec<_> = all(&tracks()).into_iter().filter(of).collect();
            View::new(tracks(), &objects, 0)
        };
        assert_eq!(info(&some(0)), None);
        let told = told(&some(2));
        assert_eq!(told["complete"], false);
        let seconds = told["seconds"].as_f64().unwrap();
        assert!((8.0..8.03).contains(&seconds), "{seconds}");
    }
}
