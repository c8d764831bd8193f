//! A scan before there is anything to scan.

use streamgate_contract::plan::SourceLimits;

use super::{Scan, open, read};
use crate::error::EngineError;
use crate::source::Source;

/// What the index at the head of a source that is still arriving says about all of it; `None` when it
/// has none. Text and captions are in the packets themselves and so not found.
pub fn foresee(source: &Source, limits: &SourceLimits) -> Result<Option<Scan>, EngineError> {
    let (input, streams) = open(source, limits)?;
    if !input.container().contains("mp4") {
        return Ok(None);
    }
    // The demuxer takes times, sizes and places from the index and reads packets only to hand them on.
    source.imagine();
    let here = source.here()?;
    let scan = read(source, limits, input, &streams)?;
    let packets = scan.video.iter().chain(scan.audio.iter().flatten());
    // A header that speaks only of what is here heads fragments, each with an index of its own.
    let tells = packets.map(|packet| packet.end).max() > Some(here);
    Ok((tells || here == source.bytes()).then_some(scan))
}
