//! FFmpeg's decoders of text: a packet in, cues out. Every kind of text comes out as events of ASS.

use std::ffi::CStr;

use ffmpeg_next as ff;
use ffmpeg_next::ffi;

use super::ass;
use super::cue::{self, Cue};
use crate::error::{During, EngineError};

/// A decoder of one stream.
pub(super) struct TextDecoder {
    decoder: ff::decoder::Subtitle,
}

impl TextDecoder {
    /// For a stream with these parameters.
    pub(super) fn of(
        parameters: ff::codec::Parameters,
        time_base: ff::Rational,
    ) -> Result<Self, EngineError> {
        let context =
            ff::codec::Context::from_parameters(parameters).of_source("set up a text decoder")?;
        Self::open(context, time_base)
    }

    /// For captions.
    pub(super) fn captions(time_base: ff::Rational) -> Result<Self, EngineError> {
        let codec = ff::decoder::find(ff::codec::Id::EIA_608)
            .ok_or_else(|| EngineError::Internal("FFmpeg was built without captions".into()))?;
        Self::open(ff::codec::Context::new_with_codec(codec), time_base)
    }

    fn open(context: ff::codec::Context, time_base: ff::Rational) -> Result<Self, EngineError> {
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(time_base);
        let decoder = decoder.subtitle().of_source("open a text decoder")?;
        Ok(Self { decoder })
    }

    /// Cues of a packet, on the clock of the stream in milliseconds; none of a damaged one.
    pub(super) fn decode(&mut self, packet: &ff::Packet) -> Vec<Cue> {
        let mut event = Event(ff::Subtitle::new());
        match self.decoder.decode(packet, &mut event.0) {
            Ok(true) => event.cues(&settings(packet)),
            _ => Vec::new(),
        }
    }
}

/// What a packet says of where its cue stands.
fn settings(packet: &ff::Packet) -> String {
    use ff::packet::side_data::Type::WebVTTSettings;
    let mut data = packet.side_data();
    let said = data.find(|data| data.kind() == WebVTTSettings);
    let said = said.map(|data| String::from_utf8_lossy(data.data()).into_owned());
    cue::settings(&said.unwrap_or_default())
}

/// An event; freed when it goes, which the library's wrapper does not do.
struct Event(ff::Subtitle);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the structure is zeroed or was filled by the decoder, and belongs to `self`.
        unsafe { ffi::avsubtitle_free(self.0.as_mut_ptr()) };
    }
}

impl Event {
    fn cues(&self, settings: &str) -> Vec<Cue> {
        let Some(pts) = self.0.pts() else {
            return Vec::new();
        };
        let pts = pts.div_euclid(1_000);
        let start = pts.saturating_add(self.0.start().into());
        // Nobody said when it ends: the decoder leaves 0 or all ones.
        let end = match self.0.end() {
            0 | u32::MAX => None,
            end => Some(pts.saturating_add(end.into())),
        };
        let cue = |event: String| {
            let (text, own) = ass::cue(&event);
            let settings = if settings.is_empty() {
                own
            } else {
                settings.to_owned()
            };
            Cue {
                start,
                end,
                settings,
                text,
            }
        };
        self.events().into_iter().map(cue).collect()
    }

    /// The events of ASS, as text whatever their bytes are.
    fn events(&self) -> Vec<String> {
        // SAFETY: the decoder filled `num_rects` pointers to rectangles that live as long as `self`;
        // `ass` is null or a string with an end.
        unsafe {
            let raw = &*self.0.as_ptr();
            let rects = (0..usize::try_from(raw.num_rects).unwrap_or(0)).map(|n| *raw.rects.add(n));
            let text = |rect: *mut ffi::AVSubtitleRect| {
                let ass = (*rect).ass;
                (!ass.is_null()).then(|| CStr::from_ptr(ass).to_string_lossy().into_owned())
            };
            rects.filter_map(text).collect()
        }
    }
}
