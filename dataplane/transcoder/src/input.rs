//! Opening a container: an allow-list of demuxers, our own reader below, no protocol, no
//! reference followed. Plan probes deeply; Encode reads the index only, because everything else
//! is in the plan and probing would fetch bytes of other spans.

use std::ffi::CStr;
use std::ptr;

use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use ffmpeg_next::format::context::{Input, StreamIo};

use crate::decode::MAX_PIXELS;
use crate::error::{During, EngineError};
use crate::source::{Hole, Reads, Source};

/// Demuxers that may open a source, by FFmpeg's names.
const DEMUXERS: &str = "mov,matroska,webm,mpegts";

/// A format of text that is opened as what it is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// SubRip.
    SubRip,
    /// WebVTT.
    WebVtt,
}

impl TextFormat {
    /// FFmpeg's name of its demuxer.
    fn demuxer(self) -> &'static CStr {
        match self {
            Self::SubRip => c"srt",
            Self::WebVtt => c"webvtt",
        }
    }
}

/// How much to find out while opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Header and index only, in exactly the bytes that are asked for.
    Index,
    /// Header only.
    Header,
    /// Decode a little to learn what the header does not say.
    Probe,
}

/// An open container.
pub struct MediaInput {
    input: Input,
    source: Source,
    hole: Hole,
    reads: Reads,
}

impl MediaInput {
    /// Opens `source`.
    pub fn open(source: &Source, depth: Depth) -> Result<Self, EngineError> {
        Self::open_as(source, depth, None)
    }

    /// Opens a text of a known format.
    pub fn open_text(source: &Source, format: TextFormat) -> Result<Self, EngineError> {
        Self::open_as(source, Depth::Header, Some(format))
    }

    fn open_as(
        source: &Source,
        depth: Depth,
        format: Option<TextFormat>,
    ) -> Result<Self, EngineError> {
        let reader = source.reader();
        let (hole, reads) = (reader.hole(), reader.reads());
        let io = StreamIo::from_read_seek(reader).during("set up reading")?;
        let input = open_input(io, depth, format)
            .map_err(|e| hole.or(EngineError::NotAVideo(format!("no container found ({e})"))))?;
        let source = source.clone();
        Ok(Self {
            input,
            source,
            hole,
            reads,
        })
    }

    /// The demuxer's context.
    pub fn context(&self) -> &Input {
        &self.input
    }

    /// Bytes read so far.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Names of the demuxer.
    pub fn container(&self) -> String {
        self.input.format().name().to_owned()
    }

    /// Reads packets of `stream` only.
    pub fn select(&mut self, stream: usize) {
        for mut other in self.input.streams_mut() {
            let discard = if other.index() == stream {
                ff::Discard::Default
            } else {
                ff::Discard::All
            };
            // SAFETY: the stream belongs to the open context and `discard` is a plain field that
            // the demuxer reads between packets.
            unsafe { (*other.as_mut_ptr()).discard = discard.into() };
        }
    }

    /// The next packet, `None` at the end. Damaged packets are errors here, not skipped.
    pub fn read(&mut self) -> Result<Option<ff::Packet>, EngineError> {
        let mut packet = ff::Packet::empty();
        match packet.read(&mut self.input) {
            Ok(()) => {
                self.hole.hit()?;
                Ok(Some(packet))
            }
            Err(ff::Error::Eof) => self.hole.hit().map(|()| None),
            Err(e) => Err(self
                .hole
                .or(EngineError::of_source("read a packet of the source", e))),
        }
    }

    /// Goes to a packet at or before `pts` of `stream`: by the index where the container has one,
    /// else to the start of the last range that was fetched.
    pub fn seek(&mut self, stream: usize, pts: i64) -> Result<(), EngineError> {
        let by_bytes = self.container() == "mpegts";
        let (target, flags) = if by_bytes {
            let at = i64::try_from(self.source.last_range_start()).unwrap_or(0);
            (at, ffi::AVSEEK_FLAG_BYTE)
        } else {
            (pts, ffi::AVSEEK_FLAG_BACKWARD)
        };
        let stream = i32::try_from(stream).unwrap_or(-1);
        // SAFETY: the context is open and owned by `self`; the call keeps no pointer of ours.
        let done = unsafe { ffi::av_seek_frame(self.input.as_mut_ptr(), stream, target, flags) };
        if done < 0 {
            return Err(self.hole.or(EngineError::of_source(
                "find the position in the source",
                ff::Error::from(done),
            )));
        }
        self.hole.hit()
    }
}

/// The call of libavformat: with `Depth::Index` it does not look into the packets.
fn open_input(
    mut io: StreamIo,
    depth: Depth,
    format: Option<TextFormat>,
) -> Result<Input, ff::Error> {
    let mut options = ff::Dictionary::new();
    let demuxer = format.map(TextFormat::demuxer);
    let allowed = demuxer.map_or(DEMUXERS, |name| name.to_str().unwrap_or_default());
    options.set("format_whitelist", allowed);
    options.set("protocol_whitelist", "none");
    // SAFETY: the context is allocated here, given the reader's AVIO (kept alive by the returned
    // Input) and either freed by FFmpeg on failure or handed to Input, which closes it. `direct`
    // makes FFmpeg ask for exactly the bytes it wants instead of reading on into holes.
    unsafe {
        let mut context = ffi::avformat_alloc_context();
        if context.is_null() {
            return Err(ff::Error::Other {
                errno: libc::ENOMEM,
            });
        }
        let pb = io.as_mut_ptr();
        (*pb).direct = i32::from(depth == Depth::Index);
        (*context).pb = pb;
        (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
        let mut raw = options.disown();
        let demuxer = demuxer.map_or(ptr::null(), |name| ffi::av_find_input_format(name.as_ptr()));
        let opened = ffi::avformat_open_input(&mut context, ptr::null(), demuxer, &mut raw);
        drop(ff::Dictionary::own(raw));
        if opened < 0 {
            return Err(ff::Error::from(opened));
        }
        let input = Input::wrap_with_custom_io(context, io);
        if depth == Depth::Probe {
            let found = find_streams(context);
            if found < 0 {
                return Err(ff::Error::from(found));
            }
        }
        Ok(input)
    }
}

/// Looks into the packets, with the decoders' cap on pictures.
///
/// # Safety
/// `context` must be open.
unsafe fn find_streams(context: *mut ffi::AVFormatContext) -> i32 {
    // SAFETY: the array has an entry for each stream there is, as the call asks; dictionaries are
    // taken back and freed after it.
    unsafe {
        let streams = usize::try_from((*context).nb_streams).unwrap_or(0);
        let options = |_| {
            let mut options = ff::Dictionary::new();
            options.set("max_pixels", &MAX_PIXELS.to_string());
            options.disown()
        };
        let mut options: Vec<*mut ffi::AVDictionary> = (0..streams).map(options).collect();
        let found = ffi::avformat_find_stream_info(context, options.as_mut_ptr());
        options
            .into_iter()
            .for_each(|o| drop(ff::Dictionary::own(o)));
        found
    }
}
