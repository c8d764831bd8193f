//! Tracks and commits that tests of playlists and manifests share.

use streamgate_contract::encryption::{Hex16, Protected, Scheme};
use streamgate_contract::plan::TrackPlan;

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
