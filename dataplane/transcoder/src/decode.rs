//! Decoding a range of frames: find the key frame, feed exactly the packets that are needed,
//! hand out pictures in presentation order by their number in the plan's table. Nothing is
//! dropped or repeated: a picture that does not come out is an error.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ops::Range;

use ffmpeg_next as ff;
use streamgate_contract::plan::VideoFacts;

use crate::error::{During, EngineError};
use crate::input::{Depth, MediaInput};
use crate::source::Source;

/// Pixels of the largest picture that is decoded, whatever the stream claims in its middle.
pub(crate) const MAX_PIXELS: i64 = 8_192 * 8_192;

/// Packets from the key frame at or before a time up to the last one wanted.
pub struct PacketFeed {
    input: MediaInput,
    stream: usize,
    first: Option<ff::Packet>,
    wanted: HashSet<i64>,
}

impl PacketFeed {
    /// Packets of the frames with these PTS, the lowest first.
    pub fn open(source: &Source, stream: usize, wanted: &[i64]) -> Result<Self, EngineError> {
        let mut input = MediaInput::open(source, Depth::Index)?;
        input.select(stream);
        let first = seek_to_key(&mut input, stream, wanted.first().copied().unwrap_or(0))?;
        let wanted = wanted.iter().copied().collect();
        Ok(Self {
            input,
            stream,
            first: Some(first),
            wanted,
        })
    }

    /// The demuxer's parameters of the stream, for the decoder.
    fn parameters(&self) -> Option<ff::codec::Parameters> {
        Some(self.input.context().stream(self.stream)?.parameters())
    }

    /// The next packet, `None` when every wanted one was given.
    pub fn take(&mut self) -> Result<Option<ff::Packet>, EngineError> {
        if self.wanted.is_empty() {
            return Ok(None);
        }
        let packet = match self.first.take() {
            Some(packet) => Some(packet),
            None => next_of(&mut self.input, self.stream)?,
        };
        if let Some(pts) = packet.as_ref().and_then(ff::Packet::pts) {
            self.wanted.remove(&pts);
        }
        Ok(packet)
    }

    /// Every wanted packet came.
    pub fn complete(&self) -> Result<(), EngineError> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        Err(EngineError::Truncated(format!(
            "{} packets are missing",
            self.wanted.len()
        )))
    }
}

fn next_of(input: &mut MediaInput, stream: usize) -> Result<Option<ff::Packet>, EngineError> {
    loop {
        match input.read()? {
            Some(packet) if packet.stream() != stream => {}
            other => return Ok(other),
        }
    }
}

/// An index is sorted by decoding time, which lies before presentation: the first try may land on
/// a key frame after `pts`, whose leading pictures would be lost. So go back until it does not.
pub(crate) fn seek_to_key(
    input: &mut MediaInput,
    stream: usize,
    pts: i64,
) -> Result<ff::Packet, EngineError> {
    let mut target = pts;
    for _ in 0..64 {
        input.seek(stream, target)?;
        let Some(packet) = next_of(input, stream)? else {
            break;
        };
        match packet.pts() {
            Some(found) if found > pts => {
                let before = packet.dts().unwrap_or(found).min(target) - 1;
                target = before;
            }
            _ => return Ok(packet),
        }
    }
    Err(EngineError::Truncated(
        "no key frame is found before a segment".into(),
    ))
}

/// Pictures of a range of frames in presentation order.
pub struct Pictures<'a> {
    feed: PacketFeed,
    decoder: ff::decoder::Video,
    facts: &'a VideoFacts,
    next: u64,
    end: u64,
    early: BTreeMap<u64, ff::frame::Video>,
    ready: VecDeque<(u64, ff::frame::Video)>,
    drained: bool,
}

impl<'a> Pictures<'a> {
    /// Pictures `frames` of the source described by `facts`.
    pub fn open(
        source: &Source,
        facts: &'a VideoFacts,
        frames: Range<u64>,
    ) -> Result<Self, EngineError> {
        let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let wanted = facts
            .pts
            .get(index(frames.start)..index(frames.end))
            .ok_or_else(|| {
                EngineError::Settings("the plan names frames it does not list".into())
            })?;
        let feed = PacketFeed::open(source, facts.stream as usize, wanted)?;
        let decoder = video_decoder(&feed)?;
        Ok(Self {
            feed,
            decoder,
            facts,
            next: frames.start,
            end: frames.end,
            early: BTreeMap::new(),
            ready: VecDeque::new(),
            drained: false,
        })
    }

    /// The next picture and its number.
    pub fn take(&mut self) -> Result<Option<(u64, ff::frame::Video)>, EngineError> {
        while self.ready.is_empty() && self.next < self.end {
            if self.drained {
                return Err(EngineError::Truncated(format!(
                    "picture {} cannot be decoded",
                    self.next
                )));
            }
            self.feed_one()?;
            self.collect()?;
        }
        Ok(self.ready.pop_front())
    }

    fn feed_one(&mut self) -> Result<(), EngineError> {
        match self.feed.take()? {
            // A damaged packet costs its picture, which is then missed by number.
            Some(packet) => match self.decoder.send_packet(&packet) {
                Ok(()) | Err(ff::Error::InvalidData) => Ok(()),
                Err(e) => Err(e).of_source("decode a packet"),
            },
            None => {
                self.drained = true;
                self.decoder.send_eof().of_source("finish decoding")
            }
        }
    }

    /// Takes what the decoder has and releases pictures in order.
    fn collect(&mut self) -> Result<(), EngineError> {
        loop {
            let mut frame = ff::frame::Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => self.keep(frame),
                Err(ff::Error::InvalidData) => {}
                Err(ff::Error::Eof) => break,
                Err(ff::Error::Other { errno }) if errno == libc::EAGAIN => break,
                Err(e) => return Err(e).of_source("take a decoded picture"),
            }
        }
        while let Some(frame) = self.early.remove(&self.next) {
            self.ready.push_back((self.next, frame));
            self.next += 1;
        }
        Ok(())
    }

    fn keep(&mut self, frame: ff::frame::Video) {
        let Some(pts) = frame.pts().or_else(|| frame.timestamp()) else {
            return;
        };
        if let Ok(number) = self.facts.pts.binary_search(&pts) {
            let number = number as u64;
            if (self.next..self.end).contains(&number) {
                self.early.insert(number, frame);
            }
        }
    }
}

/// A decoder for the feed's stream. `strict` makes H.264 keep the full reorder depth when the
/// stream does not say its own; guessing would drop pictures right after a seek.
fn video_decoder(feed: &PacketFeed) -> Result<ff::decoder::Video, EngineError> {
    let parameters = feed.parameters().ok_or(EngineError::NoMediaStream)?;
    let mut context =
        ff::codec::Context::from_parameters(parameters).of_source("set up decoding")?;
    context.compliance(ff::codec::Compliance::Strict);
    let threads = ff::codec::threading::Config {
        kind: ff::codec::threading::Type::None,
        count: 1,
        ..Default::default()
    };
    context.set_threading(threads);
    // SAFETY: a plain field of a context that is not open yet.
    unsafe { (*context.as_mut_ptr()).max_pixels = MAX_PIXELS };
    context
        .decoder()
        .video()
        .of_source("open the video decoder")
}
