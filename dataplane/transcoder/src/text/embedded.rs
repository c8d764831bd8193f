//! Text inside the source, collected while Plan scans its packets: streams of text, and captions in
//! the pictures. Reading packets in order is all it takes, so what is found depends on the source
//! alone, and no pod that encodes has anything to do with it.

use ffmpeg_next as ff;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::format::stream::Disposition;
use ffmpeg_next::media::Type;
use streamgate_contract::text::{MAX_TEXT_TRACKS, TextTraits};

use super::captions::Carrier;
use super::cue::{Cue, MAX_CUES};
use super::decoder::TextDecoder;
use crate::error::EngineError;
use crate::plan::language::bcp47;

/// Text that is decoded, by FFmpeg's names.
const TEXT: &[&str] = &["subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"];
/// Most pairs of captions: more than a day of them.
const MAX_PAIRS: usize = 8 << 20;
/// Erases what is displayed: the last captions of a source end with it.
const ERASE: [u8; 2] = [0x94, 0x2c];
/// A pair of the first field that is valid.
const FIRST_FIELD: u8 = 0xfc;
/// Most notes: all must fit into a termination message.
pub(super) const MAX_NOTES: usize = 8;

/// A text of the source.
#[derive(Debug)]
pub struct Text {
    /// Language (BCP 47).
    pub language: String,
    /// Name for people, when the container has one.
    pub label: Option<String>,
    /// What it is for.
    pub traits: TextTraits,
    /// It is made of captions.
    pub captions: bool,
    /// Cues on the container's clock.
    pub cues: Vec<Cue>,
}

/// All text of the source.
#[derive(Debug, Default)]
pub struct Found {
    /// Streams in their order, captions last.
    pub texts: Vec<Text>,
    /// Captions ride in the pictures, be it in a form that is not read here.
    pub captions: bool,
    /// What is left out, and why.
    pub notes: Vec<String>,
}

/// Collects.
pub struct Collector {
    streams: Vec<Stream>,
    pictures: Option<Pictures>,
    notes: Vec<String>,
}

struct Stream {
    index: usize,
    codec: String,
    decoder: TextDecoder,
    text: Text,
}

/// The video stream, whose packets may carry captions.
struct Pictures {
    index: usize,
    carrier: Carrier,
    time_base: ff::Rational,
    /// Pairs of the first field by the time of their picture.
    pairs: Vec<(i64, [u8; 2])>,
    seen: bool,
    end: i64,
}

impl Collector {
    /// Looks at the streams of an open source, of which `shown` holds the pictures.
    pub fn new(context: &Input, shown: Option<usize>) -> Self {
        let mut collector = Self {
            streams: Vec::new(),
            pictures: shown.and_then(|index| Pictures::of(context, index)),
            notes: Vec::new(),
        };
        for stream in context.streams() {
            if stream.parameters().medium() == Type::Subtitle {
                collector.stream(&stream);
            }
        }
        collector
    }

    fn stream(&mut self, stream: &ff::Stream) {
        let codec = stream.parameters().id().name().to_owned();
        let index = stream.index();
        if !TEXT.contains(&codec.as_str()) {
            let why = "is no text this engine reads";
            return self.note(format!("subtitle stream {index} ({codec}) {why}"));
        }
        if self.streams.len() >= MAX_TEXT_TRACKS {
            let why = format!("is one of more than {MAX_TEXT_TRACKS}");
            return self.note(format!("subtitle stream {index} ({codec}) {why}"));
        }
        match TextDecoder::of(stream.parameters(), stream.time_base()) {
            Ok(decoder) => self.streams.push(Stream {
                index,
                codec,
                decoder,
                text: described(stream),
            }),
            Err(_) => self.note(format!(
                "subtitle stream {index} ({codec}) cannot be decoded"
            )),
        }
    }

    fn note(&mut self, what: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(format!("{what}; left out"));
        }
    }

    /// Takes what a packet says; packets of other streams are passed over.
    pub fn take(&mut self, packet: &ff::Packet) {
        let of = packet.stream();
        if let Some(pictures) = self.pictures.as_mut().filter(|p| p.index == of) {
            pictures.take(packet);
        } else if let Some(stream) = self.streams.iter_mut().find(|s| s.index == of) {
            // One more than is allowed says that there are too many.
            let room = (MAX_CUES + 1).saturating_sub(stream.text.cues.len());
            let cues = stream.decoder.decode(packet);
            stream.text.cues.extend(cues.into_iter().take(room));
        }
    }

    /// Everything that was found. A stream without a single cue is none.
    pub fn finish(mut self) -> Result<Found, EngineError> {
        let mut texts = Vec::new();
        for stream in std::mem::take(&mut self.streams) {
            match stream.text.cues.len() {
                0 => {}
                1..=MAX_CUES => texts.push(stream.text),
                _ => self.note(format!(
                    "subtitle stream {} ({}) has more than {MAX_CUES} cues",
                    stream.index, stream.codec
                )),
            }
        }
        let captions = self.pictures.as_ref().is_some_and(|p| p.seen);
        let decoded = self.pictures.map(Pictures::decode).transpose()?;
        texts.extend(decoded.filter(|text| !text.cues.is_empty()));
        Ok(Found {
            texts,
            captions,
            notes: self.notes,
        })
    }
}

/// A stream as its container describes it.
fn described(stream: &ff::Stream) -> Text {
    let (about, is) = (stream.metadata(), stream.disposition());
    Text {
        language: bcp47(about.get("language").unwrap_or("und")),
        label: about.get("title").map(str::to_owned),
        traits: TextTraits {
            // Containers mark a first stream whether or not anybody wants to see it at once.
            default: false,
            forced: is.contains(Disposition::FORCED),
            hearing_impaired: is.contains(Disposition::HEARING_IMPAIRED),
        },
        captions: false,
        cues: Vec::new(),
    }
}

impl Pictures {
    fn of(context: &Input, index: usize) -> Option<Self> {
        let stream = context.stream(index)?;
        let parameters = stream.parameters();
        // SAFETY: the parameters belong to an open context; `extradata` is null or has as many bytes
        // as `extradata_size` says, which are copied from before the call returns.
        let carrier = unsafe {
            let raw = &*parameters.as_ptr();
            let size = usize::try_from(raw.extradata_size).unwrap_or(0);
            let extradata = match raw.extradata.is_null() {
                true => &[][..],
                false => std::slice::from_raw_parts(raw.extradata, size),
            };
            Carrier::of(parameters.id().name(), extradata)
        };
        Some(Self {
            index,
            carrier: carrier?,
            time_base: stream.time_base(),
            pairs: Vec::new(),
            seen: false,
            end: i64::MIN,
        })
    }

    fn take(&mut self, packet: &ff::Packet) {
        let (Some(pts), Some(data)) = (packet.pts().or(packet.dts()), packet.data()) else {
            return;
        };
        self.end = self.end.max(pts.saturating_add(packet.duration()));
        let (pairs, seen) = (&mut self.pairs, &mut self.seen);
        self.carrier.triplets(data, &mut |[kind, one, two]| {
            // Padding says nothing, and the decoder passes over it.
            let padding = one & 0x7f == 0 && two & 0x7f == 0;
            *seen |= !padding;
            if kind == 0 && !padding && pairs.len() < MAX_PAIRS {
                pairs.push((pts, [one, two]));
            }
        });
    }

    /// Captions in the order in which pictures are shown.
    fn decode(mut self) -> Result<Text, EngineError> {
        // Stable: pairs of one picture keep their order.
        self.pairs.sort_by_key(|(pts, _)| *pts);
        let mut decoder = TextDecoder::captions(self.time_base)?;
        let mut cues = Vec::new();
        let groups = self.pairs.chunk_by(|a, b| a.0 == b.0);
        let groups = groups.map(|group| (group[0].0, group.iter().map(|pair| pair.1).collect()));
        let last = std::iter::once((self.end, vec![ERASE]));
        for (pts, pairs) in groups.chain(last.filter(|_| !self.pairs.is_empty())) {
            let pairs: Vec<[u8; 2]> = pairs;
            let triplets = pairs.iter().flat_map(|[a, b]| [FIRST_FIELD, *a, *b]);
            let mut packet = ff::Packet::copy(&triplets.collect::<Vec<u8>>());
            packet.set_pts(Some(pts));
            cues.extend(decoder.decode(&packet));
            if cues.len() > MAX_CUES {
                break;
            }
        }
        cues.truncate(MAX_CUES);
        Ok(Text {
            // CEA-608 does not say which language its first channel speaks.
            language: "und".into(),
            label: Some("CC1".into()),
            traits: TextTraits {
                hearing_impaired: true,
                ..TextTraits::default()
            },
            captions: true,
            cues,
        })
    }
}
