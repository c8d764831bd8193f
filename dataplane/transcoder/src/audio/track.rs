//! Audio tracks as Plan makes them: name, cuts, init segment.

use sha2::{Digest, Sha256};
use streamgate_contract::ids::TrackId;
use streamgate_contract::plan::{AudioFacts, Media, TrackPlan};
use streamgate_contract::renditions::{AudioSettings, SoundCodec};

use super::encoder::{CHANNELS, SoundEncoder};
use crate::error::EngineError;
use crate::package::init::{self, AudioInit};
use crate::plan::audio_cuts::{self, Framing};
use crate::plan::language;

/// What follows the language in the name of a track.
fn word(codec: SoundCodec) -> &'static str {
    match codec {
        SoundCodec::Aac => "aac",
        SoundCodec::Opus => "opus",
        SoundCodec::Ac3 => "ac3",
        SoundCodec::Eac3 => "eac3",
    }
}

/// Source: RFC 6381, ISO/IEC 14496-3, ETSI TS 102 366 annex F, Opus in ISO BMFF.
fn codecs(codec: SoundCodec) -> &'static str {
    match codec {
        SoundCodec::Aac => "mp4a.40.2",
        SoundCodec::Opus => "Opus",
        SoundCodec::Ac3 => "ac-3",
        SoundCodec::Eac3 => "ec-3",
    }
}

/// What a track is made with.
pub(super) struct Make<'a> {
    pub(super) codec: SoundCodec,
    pub(super) kbps: u32,
    pub(super) channels: u32,
    pub(super) framing: Framing,
    /// For the sample entry.
    pub(super) config: &'a [u8],
}

impl<'a> Make<'a> {
    /// A track of an encoder.
    pub(super) fn encoded(
        settings: &AudioSettings,
        encoder: &SoundEncoder,
        headers: &'a [u8],
    ) -> Self {
        Self {
            codec: settings.codec.into(),
            kbps: settings.kbps,
            channels: CHANNELS,
            framing: encoder.framing(),
            config: headers,
        }
    }

    /// The init segment.
    pub(super) fn init(&self, language: &str) -> Result<Vec<u8>, EngineError> {
        let plain = language.len() == 3 && language.bytes().all(|b| b.is_ascii_lowercase());
        init::audio(&AudioInit {
            codec: self.codec,
            config: self.config,
            rate: self.framing.rate,
            channels: self.channels,
            priming: u32::try_from(self.framing.priming).unwrap_or(0),
            bit_rate: self.kbps.saturating_mul(1_000),
            language: if plain { language } else { "und" },
        })
    }

    /// The track; `nth` counts those of its language and codec from 1.
    pub(super) fn track(
        &self,
        facts: &AudioFacts,
        nth: u32,
        (starts, timescale): (&[u64], u32),
    ) -> Result<(TrackPlan, Vec<u8>), EngineError> {
        let init = self.init(&facts.language)?;
        let language = language::bcp47(&facts.language);
        let name = format!("a-{language}-{}", word(self.codec));
        let id = match nth {
            1 => name,
            n => format!("{name}-{n}"),
        };
        let track = TrackPlan {
            id: TrackId::try_from(id).map_err(|e| EngineError::Internal(e.to_string()))?,
            codecs: codecs(self.codec).to_owned(),
            timescale: self.framing.rate,
            init_sha256: hex::encode(Sha256::digest(&init)),
            init_bytes: init.len() as u64,
            media: Media::Audio {
                codec: self.codec,
                stream: facts.stream,
                kbps: self.kbps,
                sample_rate: self.framing.rate,
                channels: self.channels,
                language,
                level: None,
            },
            starts: audio_cuts::starts(starts, timescale, self.framing),
        };
        Ok((track, init))
    }
}
