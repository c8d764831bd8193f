//! A track's cues cut at the boundaries of segments: WebVTT that says a cue in every segment it is
//! shown in, always with its whole time, and fragments of MP4 in which samples follow each other
//! without gap. Pure. Sources: RFC 8216, 3.5; WebVTT; ISO/IEC 14496-30, 7.

use std::fmt::Write;

use streamgate_contract::text::{MAX_TEXT_BYTES, Slice};

use super::cue::Placed;
use crate::error::EngineError;
use crate::package::{init, segment, subtitle};

/// Begins every segment. Cues say the time of the output's own clock, on which its media begin at 0.
const HEAD: &str = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n";

/// A text track's object, and where in it the pieces are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// The object.
    pub bytes: Vec<u8>,
    /// WebVTT of each segment.
    pub vtt: Vec<Slice>,
    /// Init segment of the fragments.
    pub init: Slice,
    /// A fragment for each segment.
    pub fragments: Vec<Slice>,
}

/// Cuts ordered cues at `starts`, the starts of segments and the end of the last in ticks of
/// `timescale`. An object that would be too large is an error.
pub fn cut(
    cues: &[Placed],
    (starts, timescale): (&[u64], u32),
    language: &str,
) -> Result<Cut, EngineError> {
    let mut cut = Cut::default();
    cut.init = cut.add(&init::text(timescale, language)?)?;
    let nothing = cut.add(HEAD.as_bytes())?;
    let mut shown = Shown::new(cues, timescale);
    for (number, bounds) in starts.windows(2).enumerate() {
        let (from, to) = (bounds[0], bounds[1]);
        let here = shown.until(from, to);
        let vtt = match here.is_empty() {
            true => nothing,
            false => cut.add(webvtt(&here).as_bytes())?,
        };
        cut.vtt.push(vtt);
        let samples = samples(&here, (from, to), timescale)?;
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let fragment = cut.add(&segment::text(number, from, &samples)?)?;
        cut.fragments.push(fragment);
    }
    Ok(cut)
}

impl Cut {
    fn add(&mut self, piece: &[u8]) -> Result<Slice, EngineError> {
        let start = self.bytes.len() as u64;
        let end = start + piece.len() as u64;
        if end > MAX_TEXT_BYTES {
            return Err(EngineError::LimitExceeded(format!(
                "subtitles of more than {MAX_TEXT_BYTES} bytes"
            )));
        }
        self.bytes.extend_from_slice(piece);
        Ok(Slice(start, end))
    }
}

/// Which cues are shown, segment by segment.
struct Shown<'a> {
    cues: std::iter::Peekable<std::slice::Iter<'a, Placed>>,
    open: Vec<&'a Placed>,
    timescale: u32,
}

impl<'a> Shown<'a> {
    fn new(cues: &'a [Placed], timescale: u32) -> Self {
        Self {
            cues: cues.iter().peekable(),
            open: Vec::new(),
            timescale,
        }
    }

    /// The cues that are shown somewhere between two times, in order. Times rise from call to call.
    fn until(&mut self, from: u64, to: u64) -> Vec<&'a Placed> {
        let timescale = self.timescale;
        while let Some(cue) = self.cues.next_if(|cue| ticks(cue.start, timescale) < to) {
            self.open.push(cue);
        }
        self.open.retain(|cue| ticks(cue.end, timescale) > from);
        self.open.clone()
    }
}

/// Milliseconds as ticks, rounded to the nearest.
fn ticks(milliseconds: u64, timescale: u32) -> u64 {
    let scaled = u128::from(milliseconds) * u128::from(timescale);
    u64::try_from((scaled + 500) / 1_000).unwrap_or(u64::MAX)
}

fn webvtt(cues: &[&Placed]) -> String {
    let mut text = HEAD.to_owned();
    for cue in cues {
        let (start, end) = (time(cue.start), time(cue.end));
        let space = if cue.settings.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\n{start} --> {end}{space}{}\n{}",
            cue.settings, cue.text
        );
    }
    text
}

fn time(milliseconds: u64) -> String {
    let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{rest:03}", seconds % 60)
}

/// Samples that fill a segment: what is shown changes only from one to the next.
fn samples(
    cues: &[&Placed],
    (from, to): (u64, u64),
    timescale: u32,
) -> Result<Vec<segment::Sample>, EngineError> {
    let times = |cue: &&Placed| [ticks(cue.start, timescale), ticks(cue.end, timescale)];
    let inside = cues
        .iter()
        .flat_map(times)
        .filter(|t| (from + 1..to).contains(t));
    let mut changes: Vec<u64> = [from, to].into_iter().chain(inside).collect();
    changes.sort_unstable();
    changes.dedup();
    let mut made = Vec::with_capacity(changes.len());
    let mut bytes = 0;
    for between in changes.windows(2) {
        let shown = |cue: &&&Placed| {
            let [start, end] = times(cue);
            start <= between[0] && end >= between[1]
        };
        let data = subtitle::sample(cues.iter().filter(shown).copied());
        bytes += data.len() as u64;
        let duration = u32::try_from(between[1] - between[0]);
        if bytes > MAX_TEXT_BYTES {
            return Err(EngineError::LimitExceeded(format!(
                "subtitles of more than {MAX_TEXT_BYTES} bytes"
            )));
        }
        made.push(segment::Sample {
            data,
            duration: duration
                .map_err(|_| EngineError::Internal("a segment of text is too long".into()))?,
            offset: 0,
            sync: true,
        });
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cue(start: u64, end: u64, text: &str) -> Placed {
        Placed {
            start,
            end,
            settings: String::new(),
            text: text.into(),
        }
    }

    fn piece(cut: &Cut, slice: Slice) -> &[u8] {
        &cut.bytes[slice.0 as usize..slice.1 as usize]
    }

    fn vtt(cut: &Cut, number: usize) -> &str {
        std::str::from_utf8(piece(cut, cut.vtt[number])).unwrap()
    }

    #[test]
    fn a_cue_stands_in_every_segment_it_is_shown_in_with_its_whole_time() {
        let cues = [cue(500, 1_000, "one"), cue(3_900, 8_001, "long")];
        let starts = [0, 100, 200, 300, 400];
        let cut = cut(&cues, (&starts, 25), "eng").unwrap();
        let one = "\n00:00:00.500 --> 00:00:01.000\none\n";
        let long = "\n00:00:03.900 --> 00:00:08.001\nlong\n";
        assert_eq!(vtt(&cut, 0), format!("{HEAD}{one}{long}"));
        assert_eq!(vtt(&cut, 1), format!("{HEAD}{long}"));
        // A millisecond is less than half a tick of 25: the cue ends with the segment.
        assert_eq!((vtt(&cut, 2), cut.vtt[2]), (HEAD, cut.vtt[3]));
    }

    #[test]
    fn an_object_that_grows_beyond_all_bounds_is_refused() {
        let text = "x".repeat(4_000);
        let cues: Vec<Placed> = (0..200).map(|n| cue(n, 100_000, &text)).collect();
        let starts: Vec<u64> = (0..=100).map(|n| n * 1_000).collect();
        let refused = cut(&cues, (&starts, 1_000), "eng").unwrap_err();
        assert!(matches!(refused, EngineError::LimitExceeded(_)));
    }

    proptest! {
        #[test]
        fn samples_fill_their_segment_and_say_what_is_shown(
            raw in proptest::collection::vec((0_u64..9_000, 1_u64..6_000), 0..12),
        ) {
            let mut cues: Vec<Placed> = raw.iter().enumerate()
                .map(|(n, (start, length))| cue(*start, start + length, &format!("[{n}]"))).collect();
            cues.sort();
            let starts = [0, 2_002, 4_004, 9_999];
            let cut = cut(&cues, (&starts, 1_000), "und").unwrap();
            let mut shown = Shown::new(&cues, 1_000);
            for (number, bounds) in starts.windows(2).enumerate() {
                let here = shown.until(bounds[0], bounds[1]);
                let samples = samples(&here, (bounds[0], bounds[1]), 1_000).unwrap();
                let length: u64 = samples.iter().map(|s| u64::from(s.duration)).sum();
                prop_assert_eq!(length, bounds[1] - bounds[0]);
                let mut at = bounds[0];
                for sample in &samples {
                    let text = String::from_utf8_lossy(&sample.data).into_owned();
                    for cue in &cues {
                        let now = cue.start <= at && at < cue.end;
                        prop_assert_eq!(text.contains(&cue.text), now);
                    }
                    at += u64::from(sample.duration);
                }
                for cue in &cues {
                    let overlaps = cue.start < bounds[1] && cue.end > bounds[0];
                    prop_assert_eq!(vtt(&cut, number).contains(&cue.text), overlaps);
                }
                prop_assert!(!piece(&cut, cut.fragments[number]).is_empty());
            }
        }
    }
}
