//! Tracks and commits that tests of playlists and manifests share.

use streamgate_contract::encryption::{Hex16, Protected, Scheme};
use streamgate_contract::plan::TrackPlan;
use streamgate_contract::text::{Slice, TextPlan, TextTraits};

use crate::ports::catalog::{Segment, suite};

/// First digits of every object's hash.
pub const HASH: &str = "0123456789abcdef";

/// A committed object.
pub fn committed(track: &str, number: Option<u32>, bytes: u64) -> Segment {
    Segment {
        bytes,
        ..suite::segment(track, number, &HASH.repeat(4))
    }
}

/// Everything of these tracks.
pub fn all(tracks: &[TrackPlan]) -> Vec<Segment> {
    let of = |t: &TrackPlan| {
        let (id, count) = (t.id.to_string(), t.starts.len() as u32 - 1);
        let numbers = std::iter::once(None).chain((0..count).map(Some));
        numbers
            .map(move |n| committed(&id, n, 1_000 + u64::from(n.unwrap_or(0))))
            .collect::<Vec<_>>()
    };
    tracks.iter().flat_map(of).collect()
}

/// Encryption by a scheme, with a key of this id.
pub fn protected(scheme: Scheme) -> Option<Protected> {
    let key_id = Hex16::new([0xab; 16]);
    Some(Protected { scheme, key_id })
}

/// Video of 6 segments of 4 s and audio cut at the nearest frame.
pub fn tracks() -> Vec<TrackPlan> {
    let mut tracks = suite::plan().tracks;
    tracks[0].starts = (0..=6).map(|n| n * 4 * 12_800).collect();
    let cuts = [0, 188, 375, 563, 750, 938, 1_125];
    tracks[1].starts = cuts.map(|frames| frames * 1_024).to_vec();
    tracks
}

/// Two text tracks of the same 6 segments: one that is shown, and one that is forced and for those who
/// do not hear.
pub fn texts() -> Vec<TextPlan> {
    let text = |id: &str, language: &str, label: &str, traits| TextPlan {
        id: id.parse().unwrap(),
        sha256: HASH.repeat(4),
        bytes: 300,
        language: language.into(),
        label: label.into(),
        traits,
        captions: false,
        cues: 1,
        vtt: (0..6).map(|n| Slice(10 * n, 10 * n + 10)).collect(),
        init: Slice(60, 100),
        fragments: (0..6).map(|n| Slice(100 + 30 * n, 130 + 30 * n)).collect(),
    };
    let shown = TextTraits {
        default: true,
        ..TextTraits::default()
    };
    let forced = TextTraits {
        default: false,
        forced: true,
        hearing_impaired: true,
    };
    vec![
        text("s-en", "en", "English", shown),
        text("s-de", "de", "Deutsch", forced),
    ]
}
