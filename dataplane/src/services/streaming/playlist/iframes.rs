//! Lists of I-frames, for seeking by sight: the first one of each segment, alone in the first
//! fragment and so a range of bytes of the segment. Only of whole outputs. Pure.
//! Source: RFC 8216, 4.3.3.6 and 4.3.4.3; EXT-X-VERSION 7.

use std::fmt::Write;

use streamgate_contract::TrackId;
use streamgate_contract::encryption::Scheme;
use streamgate_contract::plan::Media;

use super::rate::Rates;
use super::{HEAD, extinf, keys, target_duration};
use crate::services::streaming::view::{TrackView, View};

/// Whether every segment's first fragment is known and can be read alone.
fn has_heads(view: &View, track: &TrackView) -> bool {
    let mut segments = track.segments.iter().flatten();
    let readable = view.scheme() != Some(Scheme::Aes128);
    readable && track.is_whole() && segments.all(|segment| segment.head.is_some())
}

/// The line of a track in the master playlist; nothing when it has no list of I-frames.
pub fn stream_line(view: &View, track: &TrackView, target: u64, range: &str) -> String {
    let Media::Video { width, height, .. } = &track.plan.media else {
        return String::new();
    };
    if !has_heads(view, track) {
        return String::new();
    }
    let rates = Rates::of(track, |segment| segment.head.unwrap_or(0));
    let (peak, average) = (rates.peak(target), rates.average());
    let (id, codecs) = (&track.plan.id, &track.plan.codecs);
    format!(
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{codecs}\",\
         RESOLUTION={width}x{height},VIDEO-RANGE={range},URI=\"{id}.iframes.m3u8\"\n"
    )
}

/// The list of a video track; `None` as long as the output is in work.
pub fn iframes(view: &View, track: &TrackId) -> Option<String> {
    let track = view.track(track)?;
    let init = track.init.as_ref()?;
    if !track.is_video() || !view.is_whole() || !has_heads(view, track) {
        return None;
    }
    let (id, target) = (&track.plan.id, target_duration(view));
    let mut text = format!(
        "{HEAD}#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n\
         #EXT-X-I-FRAMES-ONLY\n{}#EXT-X-MAP:URI=\"{id}/init-{}.mp4\"\n",
        keys::of_track(view),
        init.short()
    );
    for (number, segment) in track.segments.iter().flatten().enumerate() {
        let (seconds, hash) = (extinf(&track.plan, number), segment.short());
        let head = segment.head.unwrap_or(segment.bytes);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "#EXTINF:{seconds},\n#EXT-X-BYTERANGE:{head}@0\n{id}/{number:06}-{hash}.m4s"
        );
    }
    text += "#EXT-X-ENDLIST\n";
    Some(text)
}
