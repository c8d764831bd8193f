//! Figures of the streaming role.

use std::sync::Arc;

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use super::admission::Pass;
use super::error::StreamingError;
use super::fragments::{Fragment, Kind};
use crate::ports::identity::Denied;

/// The families, bound to their labels.
pub struct Metrics {
    admitted: IntCounter,
    refused: IntCounter,
    undecided: IntCounter,
    hits: IntCounter,
    misses: IntCounter,
    video: IntCounter,
    audio: IntCounter,
    text: IntCounter,
}

fn family(
    registry: &Registry,
    name: &str,
    help: &str,
    label: &str,
) -> Result<IntCounterVec, prometheus::Error> {
    let family = IntCounterVec::new(Opts::new(name, help), &[label])?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

impl Metrics {
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let name = "streamgate_streaming_admissions_total";
        let help = "Requests with a playback handle, by outcome.";
        let admissions = family(registry, name, help, "outcome")?;
        let name = "streamgate_streaming_cache_requests_total";
        let help = "Segments asked of the cache, by result.";
        let cache = family(registry, name, help, "result")?;
        let name = "streamgate_streaming_segment_bytes_total";
        let help = "Bytes of segments read for viewers, before ranges are cut, by kind of media.";
        let bytes = family(registry, name, help, "media")?;
        Ok(Self {
            admitted: admissions.with_label_values(&["admitted"]),
            refused: admissions.with_label_values(&["refused"]),
            undecided: admissions.with_label_values(&["undecided"]),
            hits: cache.with_label_values(&["hit"]),
            misses: cache.with_label_values(&["miss"]),
            video: bytes.with_label_values(&["video"]),
            audio: bytes.with_label_values(&["audio"]),
            text: bytes.with_label_values(&["text"]),
        })
    }

    pub fn admission(&self, outcome: &Result<Arc<Pass>, StreamingError>) {
        let undecided = |denied: &Denied| matches!(denied, Denied::Undecided { .. });
        match outcome {
            Ok(_) => self.admitted.inc(),
            Err(StreamingError::EpochStale) => self.undecided.inc(),
            Err(StreamingError::Denied(denied)) if undecided(denied) => self.undecided.inc(),
            Err(_) => self.refused.inc(),
        }
    }

    pub fn fragment(&self, fragment: &Fragment, read: bool) {
        let cache = if read { &self.misses } else { &self.hits };
        let media = match fragment.kind {
            Kind::Video => &self.video,
            Kind::Audio => &self.audio,
            Kind::WebVtt | Kind::Text => &self.text,
        };
        cache.inc();
        media.inc_by(fragment.bytes);
    }
}
