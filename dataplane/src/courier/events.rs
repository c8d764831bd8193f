//! Reads `events.ndjson` as it grows. The file is hostile: lines and the whole are bounded, what
//! is no event is left out, and nothing in it is ever used as a path.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;

use streamgate_contract::ids::TrackId;
use streamgate_contract::job_api::ProgressReport;
use streamgate_contract::job_files::{EVENTS, Event};
use streamgate_contract::quality::{Nearness, TrackQuality};

use super::folder::Folder;
use super::halt::{Doing, Halt};

/// Longest line that is read.
const MAX_LINE: usize = 64 << 10;
/// Most bytes that are read of the file in all; an engine writes a few MiB in half a day.
const MAX_EVENTS: u64 = 64 << 20;
/// Most tracks whose quality is kept.
const MAX_TRACKS: usize = 64;
/// Most bytes taken at once.
const PIECE: usize = 1 << 20;

/// What was learned so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct News {
    pub(super) progress: Option<ProgressReport>,
    pub(super) cpu_milliseconds: u64,
    pub(super) quality: BTreeMap<TrackId, Nearness>,
    pub(super) done: bool,
}

impl News {
    fn learn(&mut self, event: Event) {
        match event {
            Event::Progress {
                frames,
                of,
                fps,
                cpu_milliseconds,
            } => {
                let frames = frames.min(of);
                self.cpu_milliseconds = self.cpu_milliseconds.max(cpu_milliseconds);
                self.progress = Some(ProgressReport { frames, of, fps });
            }
            Event::Quality(TrackQuality { track, nearness }) => {
                let few = self.quality.len() < MAX_TRACKS || self.quality.contains_key(&track);
                if few {
                    let sum = self.quality.entry(track).or_default();
                    *sum = sum.and(nearness);
                }
            }
            Event::Done => self.done = true,
            // Files are found by looking, not by what is said about them; after a failure the
            // engine's own exit tells, and what it finished before is still delivered.
            Event::Planned | Event::Segment { .. } | Event::Failed(_) => {}
        }
    }
}

/// A reader's place in the file.
#[derive(Debug, Default)]
pub(super) struct Tail {
    offset: u64,
    lines: Lines,
    warned: bool,
    pub(super) news: News,
}

impl Tail {
    /// Reads what was appended since the last time.
    pub(super) fn read(&mut self, folder: &Folder) -> Result<(), Halt> {
        let Some(found) = folder.find(EVENTS, u64::MAX)? else {
            return Ok(());
        };
        let mut piece = vec![0; PIECE];
        while self.offset < MAX_EVENTS {
            let read = found.file.read_at(&mut piece, self.offset);
            let read = read.doing("read the events file")?;
            if read == 0 {
                break;
            }
            self.offset += read as u64;
            self.take(&piece[..read]);
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) {
        let (events, malformed) = self.lines.feed(bytes);
        events.into_iter().for_each(|event| self.news.learn(event));
        if malformed && !self.warned {
            self.warned = true;
            tracing::warn!("the events file holds lines that are no events; they are left out");
        }
    }
}

/// Cuts bytes into lines and reads the events in them.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
    too_long: bool,
}

impl Lines {
    /// The events of the lines that end in `bytes`, and whether there was anything else.
    fn feed(&mut self, bytes: &[u8]) -> (Vec<Event>, bool) {
        let (mut events, mut malformed) = (Vec::new(), false);
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            let whole = part.last() == Some(&b'\n');
            self.too_long |= self.begun.len() + part.len() > MAX_LINE;
            if self.too_long {
                self.begun.clear();
            } else {
                self.begun.extend_from_slice(part);
            }
            if whole {
                let event = serde_json::from_slice(&std::mem::take(&mut self.begun)).ok();
                malformed |= event.is_none();
                events.extend(event);
                self.too_long = false;
            }
        }
        (events, malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DONE: &str = "{\"event\":\"done\"}\n";

    #[test]
    fn a_line_is_read_once_it_is_whole() {
        let mut lines = Lines::default();
        let (head, tail) = DONE.as_bytes().split_at(7);
        assert_eq!(lines.feed(head), (vec![], false));
        assert_eq!(lines.feed(tail), (vec![Event::Done], false));
    }

    #[test]
    fn a_line_too_long_is_left_out_and_costs_no_memory() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            lines.feed(&vec![b'x'; MAX_LINE]);
            assert!(lines.begun.len() <= MAX_LINE);
        }
        let (events, malformed) = lines.feed(format!("\n{DONE}").as_bytes());
        assert_eq!((events, malformed), (vec![Event::Done], true));
    }

    #[test]
    fn the_last_progress_counts_and_never_passes_the_whole() {
        let mut tail = Tail::default();
        for frames in [1, 900] {
            let line =
                format!("{{\"event\":\"progress\",\"frames\":{frames},\"of\":800,\"fps\":25.0}}\n");
            tail.take(line.as_bytes());
        }
        let progress = tail.news.progress.unwrap();
        assert_eq!((progress.frames, progress.of), (800, 800));
    }

    proptest! {
        #[test]
        fn any_bytes_before_a_line_end_leave_the_next_line_readable(
            noise in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..300,
        ) {
            let mut lines = Lines::default();
            let (head, tail) = noise.split_at(cut.min(noise.len()));
            lines.feed(head);
            lines.feed(tail);
            lines.feed(b"\n");
            prop_assert_eq!(lines.feed(DONE.as_bytes()).0, vec![Event::Done]);
        }
    }
}
