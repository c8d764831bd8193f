//! Encryption of what leaves the engine, after packaging and before the outbox: init segments say
//! how, media segments are encrypted. Bytes in, bytes out, the same ones for the same key.
//! Sources: RFC 8216, 4.3.2.4; ISO/IEC 23001-7 (cbcs, cenc); ISO/IEC 14496-15 (NAL units).

mod cipher;
mod init;
mod samples;
mod segment;

use std::collections::BTreeMap;
use std::sync::Mutex;

use streamgate_contract::encryption::{Protected, Protection, Scheme, vector};
use streamgate_contract::ids::TrackId;
use streamgate_contract::plan::{Media, TrackPlan};
use streamgate_contract::renditions::VideoCodec;

use crate::error::EngineError;
use samples::Shape;

/// The encryption of one output.
pub struct Seal {
    protection: Protection,
    shapes: Mutex<BTreeMap<TrackId, Shape>>,
}

impl Seal {
    /// A seal with this key.
    pub fn new(protection: Protection) -> Self {
        Self {
            protection,
            shapes: Mutex::new(BTreeMap::new()),
        }
    }

    /// A seal with the same key that has learned nothing.
    pub fn anew(&self) -> Self {
        Self::new(self.protection)
    }

    /// What may be known of it by everybody.
    pub fn public(&self) -> Protected {
        self.protection.public()
    }

    /// Learns what a track holds; refuses what the scheme cannot encrypt.
    pub fn learn(&self, track: &TrackPlan) -> Result<(), EngineError> {
        let shape = shape(self.protection.scheme, track)?;
        let mut shapes = self.shapes.lock().map_err(|_| poisoned())?;
        shapes.insert(track.id.clone(), shape);
        Ok(())
    }

    fn shape(&self, track: &TrackId) -> Result<Shape, EngineError> {
        let shapes = self.shapes.lock().map_err(|_| poisoned())?;
        let unknown = || EngineError::Internal(format!("nothing is known of track {track}"));
        shapes.get(track).copied().ok_or_else(unknown)
    }

    /// The init segment of a track.
    pub fn init(&self, track: &TrackId, bytes: Vec<u8>) -> Result<Vec<u8>, EngineError> {
        let (scheme, key) = (self.protection.scheme, self.protection.key.id);
        let shape = self.shape(track)?;
        match scheme {
            Scheme::Aes128 => Ok(bytes),
            Scheme::Cbcs | Scheme::Cenc => {
                init::protect(&bytes, scheme, key, shape, vector(key, track, None))
            }
        }
    }

    /// A media segment.
    pub fn segment(
        &self,
        track: &TrackId,
        number: u32,
        bytes: &[u8],
    ) -> Result<Vec<u8>, EngineError> {
        let (scheme, key) = (self.protection.scheme, self.protection.key);
        let whole = vector(key.id, track, Some(number));
        match scheme {
            Scheme::Aes128 => Ok(cipher::whole(key.key, whole, bytes)),
            Scheme::Cbcs => {
                let constant = vector(key.id, track, None);
                let cipher = cipher::Cipher::cbcs(key.key, constant);
                segment::protect(bytes, &cipher, self.shape(track)?)
            }
            Scheme::Cenc => {
                let cipher = cipher::Cipher::cenc(key.key, whole);
                segment::protect(bytes, &cipher, self.shape(track)?)
            }
        }
    }
}

fn poisoned() -> EngineError {
    EngineError::Internal("what is known of tracks is poisoned".into())
}

/// What of a track's samples is encrypted.
fn shape(scheme: Scheme, track: &TrackPlan) -> Result<Shape, EngineError> {
    match track.media {
        Media::Audio { .. } => Ok(Shape::Whole),
        Media::Video { .. } if scheme == Scheme::Aes128 => Ok(Shape::Whole),
        Media::Video { codec, .. } => match codec {
            VideoCodec::H264 => Ok(Shape::Avc),
            VideoCodec::Hevc => Ok(Shape::Hevc),
            VideoCodec::Av1 | VideoCodec::Vp9 => Err(EngineError::Settings(format!(
                "encryption cbcs and cenc are for H.264 and HEVC, and track {} is {}; use other renditions or scheme AES-128",
                track.id, track.codecs
            ))),
        },
    }
}

#[cfg(test)]
mod tests;
