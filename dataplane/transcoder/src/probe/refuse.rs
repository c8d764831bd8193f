//! Reasons to refuse a source, each with its own word: what is not opened, not decoded, cut off
//! or too large.

use streamgate_contract::plan::{SourceFacts, SourceLimits, VideoFacts};

use crate::error::EngineError;
use crate::plan::byte_map::PacketInfo;
use crate::source::Source;

/// Video codecs that are decoded, by FFmpeg's names.
pub(super) const VIDEO: &[&str] = &[
    "h264",
    "hevc",
    "mpeg4",
    "mpeg2video",
    "vp8",
    "vp9",
    "av1",
    "prores",
];
/// Audio codecs that are decoded, by FFmpeg's names.
pub(super) const AUDIO: &[&str] = &[
    "aac",
    "mp3",
    "mp2",
    "ac3",
    "eac3",
    "opus",
    "vorbis",
    "flac",
    "alac",
    "pcm_s16le",
    "pcm_s16be",
    "pcm_s24le",
    "pcm_f32le",
];

/// A container that did not open: cut off before its index, or none at all.
pub(super) fn unopened(source: &Source, error: EngineError) -> EngineError {
    if !matches!(error, EngineError::NotAVideo(_)) {
        return error;
    }
    let mut head = [0; 12];
    let read = source.read_at(0, &mut head).unwrap_or(0);
    let boxed = read == 12 && matches!(&head[4..8], b"ftyp" | b"moov" | b"mdat" | b"wide");
    let matroska = head[..4] == [0x1a, 0x45, 0xdf, 0xa3];
    if boxed || matroska {
        return EngineError::Truncated("it ends before its index".into());
    }
    error
}

/// A codec outside the list.
pub(super) fn codec(kind: &str, name: &str, list: &[&str]) -> Result<(), EngineError> {
    if list.contains(&name) {
        return Ok(());
    }
    Err(EngineError::UnsupportedCodec(format!(
        "{kind} codec {name}"
    )))
}

/// Fewer packets than the index of the container promises.
pub(super) fn missing(
    kind: &str,
    packets: &[PacketInfo],
    indexed: usize,
) -> Result<(), EngineError> {
    if packets.len() >= indexed {
        return Ok(());
    }
    Err(EngineError::Truncated(format!(
        "{} of {indexed} {kind} packets are there",
        packets.len()
    )))
}

/// Facts beyond the limits.
pub(super) fn beyond(facts: &SourceFacts, limits: &SourceLimits) -> Result<(), EngineError> {
    let seconds = facts.duration_milliseconds() / 1_000;
    if seconds > limits.max_duration_seconds {
        let most = limits.max_duration_seconds;
        return Err(EngineError::LimitExceeded(format!(
            "{seconds} s long, at most {most} s"
        )));
    }
    match &facts.video {
        Some(video) => beyond_pictures(video, limits),
        None if facts.duration_milliseconds() == 0 => Err(EngineError::Empty("it has no sound")),
        None => Ok(()),
    }
}

fn beyond_pictures(video: &VideoFacts, limits: &SourceLimits) -> Result<(), EngineError> {
    let side = video.width.max(video.height);
    let rate = video.frame_rate;
    let refused = if video.width < 2 || video.height < 2 {
        return Err(EngineError::Truncated("its picture has no size".into()));
    } else if side > limits.max_side {
        format!("a side of {side} pixels, at most {}", limits.max_side)
    } else if rate.num > rate.den.saturating_mul(limits.max_frame_rate.into()) {
        let (num, den) = (rate.num, rate.den);
        format!(
            "{num}/{den} frames a second, at most {}",
            limits.max_frame_rate
        )
    } else {
        return Ok(());
    };
    Err(EngineError::LimitExceeded(refused))
}
