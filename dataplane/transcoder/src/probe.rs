//! What the source is: streams, codecs and limits, then every packet once. The scan finds what a
//! header hides: a file that ends early, times that do not rise, where the bytes of a frame are.

mod facts;
mod foresee;
mod refuse;
mod treatment;

use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::media::Type;
use streamgate_contract::plan::{ByteRange, SourceFacts, SourceLimits, Treatment};

use crate::error::EngineError;
use crate::input::{Depth, MediaInput};
use crate::plan::byte_map::PacketInfo;
use crate::plan::ladder::Picture;
use crate::source::Source;
use crate::text::embedded::{Collector, Found};

pub use foresee::foresee;

/// Most audio streams of a source: each is a rendition with an encoder of its own.
const MAX_AUDIO: usize = 16;

/// Everything Plan knows about a source.
#[derive(Debug)]
pub struct Scan {
    /// For the plan.
    pub facts: SourceFacts,
    /// The picture as it is to be shown, if there is one.
    pub picture: Option<Picture>,
    /// Video packets in decode order.
    pub video: Vec<PacketInfo>,
    /// Packets of each audio stream in decode order.
    pub audio: Vec<Vec<PacketInfo>>,
    /// Subtitles and captions.
    pub text: Found,
    /// Bytes of the container itself.
    pub header: Vec<ByteRange>,
}

/// Probes and scans `source`.
pub fn scan(source: &Source, limits: &SourceLimits) -> Result<Scan, EngineError> {
    let (input, streams) = open(source, limits)?;
    read(source, limits, input, &streams)
}

fn open(source: &Source, limits: &SourceLimits) -> Result<(MediaInput, Streams), EngineError> {
    if source.bytes() == 0 {
        return Err(EngineError::Empty("it has no bytes"));
    }
    let input = MediaInput::open(source, Depth::Probe).map_err(|e| refuse::unopened(source, e))?;
    let streams = Streams::choose(&input, limits)?;
    Ok((input, streams))
}

fn read(
    source: &Source,
    limits: &SourceLimits,
    mut input: MediaInput,
    streams: &Streams,
) -> Result<Scan, EngineError> {
    let packets = packets(&mut input, streams)?;
    let facts = facts(source, &input, streams, &packets)?;
    refuse::beyond(&facts, limits)?;
    Ok(Scan {
        picture: streams.video.as_ref().map(picture),
        header: header(source, streams, &packets.video)?,
        facts,
        video: packets.video,
        audio: packets.audio,
        text: packets.text,
    })
}

/// The streams that are used, with what the demuxer says of them.
struct Streams {
    video: Option<Pictures>,
    audio: Vec<StreamInfo>,
}

struct Pictures {
    info: StreamInfo,
    treatment: Treatment,
}

struct StreamInfo {
    index: usize,
    codec: String,
    time_base: ff::Rational,
    average_rate: ff::Rational,
    indexed: usize,
    language: String,
    raw: RawParameters,
}

#[derive(Clone, Copy)]
struct RawParameters {
    width: i32,
    height: i32,
    pixel_aspect: ff::Rational,
    colour: (u8, u8, u8),
    interlaced: bool,
    sample_rate: i32,
    channels: i32,
}

impl Streams {
    fn choose(input: &MediaInput, limits: &SourceLimits) -> Result<Self, EngineError> {
        let context = input.context();
        if context.nb_streams() > limits.max_streams {
            let (has, most) = (context.nb_streams(), limits.max_streams);
            return Err(EngineError::LimitExceeded(format!(
                "{has} streams, at most {most}"
            )));
        }
        let video = pictures(context);
        let audio = sound(context);
        if video.is_none() && audio.is_empty() {
            return Err(EngineError::NoMediaStream);
        }
        if let Some(video) = &video {
            refuse::codec("video", &video.info.codec, refuse::VIDEO)?;
        }
        for audio in &audio {
            refuse::codec("audio", &audio.codec, refuse::AUDIO)?;
        }
        if audio.len() > MAX_AUDIO {
            let has = audio.len();
            return Err(EngineError::LimitExceeded(format!(
                "{has} audio streams, at most {MAX_AUDIO}"
            )));
        }
        Ok(Self { video, audio })
    }
}

fn pictures(context: &Input) -> Option<Pictures> {
    let stream = context.streams().best(Type::Video).filter(is_picture)?;
    let info = stream_info(&stream);
    let (transfer, interlaced) = (info.raw.colour.1, info.raw.interlaced);
    Some(Pictures {
        treatment: treatment::treatment(&stream, transfer, interlaced),
        info,
    })
}

/// Every audio stream, the main one first; one that was announced and never came is none.
fn sound(context: &Input) -> Vec<StreamInfo> {
    let main = context.streams().best(Type::Audio).map(|s| s.index());
    let mut streams: Vec<StreamInfo> = context
        .streams()
        .filter(|s| s.parameters().medium() == Type::Audio)
        .map(|s| stream_info(&s))
        .filter(|s| s.raw.sample_rate > 0 && s.raw.channels > 0)
        .collect();
    streams.sort_by_key(|s| Some(s.index) != main);
    streams
}

/// Cover art of a music file is no video.
fn is_picture(stream: &ff::Stream) -> bool {
    !stream
        .disposition()
        .contains(ff::format::stream::Disposition::ATTACHED_PIC)
}

fn stream_info(stream: &ff::Stream) -> StreamInfo {
    let parameters = stream.parameters();
    StreamInfo {
        index: stream.index(),
        codec: parameters.id().name().to_owned(),
        time_base: stream.time_base(),
        average_rate: stream.avg_frame_rate(),
        indexed: index_entries(stream).len(),
        language: stream
            .metadata()
            .get("language")
            .unwrap_or("und")
            .to_owned(),
        raw: raw(stream, &parameters),
    }
}

fn raw(stream: &ff::Stream, parameters: &ff::codec::Parameters) -> RawParameters {
    // SAFETY: stream and parameters belong to an open context that outlives this call; plain
    // fields are copied out. What the container says of the pixels goes before the codec's word.
    unsafe {
        let p = &*parameters.as_ptr();
        let point = |n: u32| u8::try_from(n).unwrap_or(2);
        RawParameters {
            width: p.width,
            height: p.height,
            pixel_aspect: match (*stream.as_ptr()).sample_aspect_ratio {
                said if said.num > 0 && said.den > 0 => said.into(),
                _ => p.sample_aspect_ratio.into(),
            },
            colour: (
                point(p.color_primaries as u32),
                point(p.color_trc as u32),
                point(p.color_space as u32),
            ),
            interlaced: p.field_order as u32 > ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE as u32,
            sample_rate: p.sample_rate,
            channels: p.ch_layout.nb_channels,
        }
    }
}

/// Positions of the demuxer's index entries, in file order.
fn index_entries(stream: &ff::Stream) -> Vec<u64> {
    // SAFETY: the stream belongs to an open context; an entry is read before any other call that
    // could move the index.
    unsafe {
        let raw = stream.as_ptr().cast_mut();
        let count = ffi::avformat_index_get_entries_count(raw);
        let entry = |i| {
            ffi::avformat_index_get_entry(raw, i)
                .as_ref()
                .map(|e| e.pos)
        };
        let mut positions: Vec<u64> = (0..count)
            .filter_map(|i| entry(i).and_then(|pos| u64::try_from(pos).ok()))
            .collect();
        positions.sort_unstable();
        positions
    }
}

/// Packets of the streams in use, and for each audio stream the samples its decoder throws away
/// at the head; text as it was read on the way.
struct Packets {
    video: Vec<PacketInfo>,
    audio: Vec<Vec<PacketInfo>>,
    skipped: Vec<u32>,
    text: Found,
}

fn packets(input: &mut MediaInput, streams: &Streams) -> Result<Packets, EngineError> {
    let mut video = Vec::new();
    let mut audio = vec![Vec::new(); streams.audio.len()];
    let mut skipped = vec![0; streams.audio.len()];
    let shown = streams.video.as_ref().map(|v| v.info.index);
    let transport = input.container() == "mpegts";
    let mut text = Collector::new(input.context(), shown);
    loop {
        let Some(packet) = input.read()? else { break };
        if packet.is_corrupt() && !transport {
            return Err(EngineError::Truncated("a packet is cut off".into()));
        }
        text.take(&packet);
        if Some(packet.stream()) == shown {
            video.push(packet_info(&packet)?);
        } else if let Some(nth) = streams
            .audio
            .iter()
            .position(|a| a.index == packet.stream())
        {
            if audio[nth].is_empty() {
                skipped[nth] = skip(&packet);
            }
            audio[nth].push(packet_info(&packet)?);
        }
    }
    if let Some(pictures) = &streams.video {
        refuse::missing("video", &video, pictures.info.indexed)?;
    }
    for (info, packets) in streams.audio.iter().zip(&mut audio) {
        refuse::missing("audio", packets, info.indexed)?;
        widen_audio(packets, transport);
    }
    widen(input, shown, &mut video, transport);
    Ok(Packets {
        video,
        audio,
        skipped,
        text: text.finish()?,
    })
}

/// Samples to throw away at the head of a packet (the first number of the side data).
fn skip(packet: &ff::Packet) -> u32 {
    let mut data = packet.side_data();
    let skip = data.find(|d| d.kind() == ff::packet::side_data::Type::SkipSamples);
    let number = skip.and_then(|d| d.data().first_chunk::<4>().copied());
    number.map_or(0, u32::from_le_bytes)
}

fn packet_info(packet: &ff::Packet) -> Result<PacketInfo, EngineError> {
    use ff::packet::Ref;
    // SAFETY: the packet is valid and owned by the caller; one plain field is read.
    let flags = unsafe { (*packet.as_ptr()).flags };
    let pts = packet
        .pts()
        .or(packet.dts())
        .ok_or_else(|| EngineError::Truncated("a packet carries no time".into()))?;
    let start = u64::try_from(packet.position()).unwrap_or(0);
    Ok(PacketInfo {
        pts,
        duration: packet.duration(),
        start,
        end: start + packet.size() as u64,
        key: packet.is_key(),
        hidden: flags & ffi::AV_PKT_FLAG_DISCARD != 0,
    })
}

/// Containers wrap packets in something larger: a Matroska cluster begins before its first block,
/// a transport stream's packet is known to end only where the next begins.
fn widen(input: &MediaInput, shown: Option<usize>, video: &mut [PacketInfo], transport: bool) {
    if transport {
        return widen_audio(video, true);
    }
    if !input.container().contains("matroska") {
        return;
    }
    let Some(stream) = shown.and_then(|index| input.context().stream(index)) else {
        return;
    };
    let clusters = index_entries(&stream);
    for packet in video.iter_mut() {
        let after = clusters.partition_point(|c| *c <= packet.start);
        if let Some(cluster) = after.checked_sub(1).and_then(|i| clusters.get(i)) {
            packet.start = *cluster;
        }
        packet.end += 4_096;
    }
}

fn widen_audio(packets: &mut [PacketInfo], transport: bool) {
    if !transport {
        return;
    }
    for i in 0..packets.len() {
        packets[i].end = packets.get(i + 3).map_or(u64::MAX / 2, |p| p.start);
    }
}

/// What opening reads, and finding a position: Matroska reads its index only then.
fn header(
    source: &Source,
    streams: &Streams,
    video: &[PacketInfo],
) -> Result<Vec<ByteRange>, EngineError> {
    let mut input = MediaInput::open(source, Depth::Index)?;
    let matroska = input.container().contains("matroska");
    if let (true, Some(pictures)) = (matroska, &streams.video) {
        let first = video.iter().filter(|p| p.key).map(|p| p.pts).min();
        input.seek(pictures.info.index, first.unwrap_or(0))?;
    }
    Ok(input.reads().ranges())
}

fn picture(pictures: &Pictures) -> Picture {
    let size = |n: i32| u32::try_from(n).unwrap_or(0);
    let raw = pictures.info.raw;
    let coded = Picture {
        width: size(raw.width),
        height: size(raw.height),
        pixel_aspect: facts::ratio(raw.pixel_aspect),
    };
    match pictures.treatment.quarter_turns % 2 {
        1 => coded.turned(),
        _ => coded,
    }
}

fn facts(
    source: &Source,
    input: &MediaInput,
    streams: &Streams,
    packets: &Packets,
) -> Result<SourceFacts, EngineError> {
    let video = streams.video.as_ref();
    let heard = packets.audio.iter().zip(&packets.skipped);
    let audio = streams.audio.iter().zip(heard);
    Ok(SourceFacts {
        bytes: source.bytes(),
        container: input.container(),
        video: video
            .map(|pictures| facts::video(pictures, &packets.video))
            .transpose()?,
        audio: audio
            .map(|(info, (packets, skipped))| facts::audio(info, packets, *skipped))
            .collect(),
    })
}
