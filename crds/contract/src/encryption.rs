//! Encryption of an output: one scheme for all of it, one key for all of it. Keys go from the
//! catalog to the engine and to admitted viewers, never into objects, plans or logs.
//! Sources: RFC 8216, 4.3.2.4 (AES-128); ISO/IEC 23001-7 (cbcs, cenc).

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::TrackId;
use crate::names;
use crate::renditions::VideoCodec;

/// How an output is encrypted. A scheme excludes the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Scheme {
    /// Whole segments with AES-128 in CBC mode: HLS alone, without lists of I-frames.
    #[serde(rename = "AES-128")]
    Aes128,
    /// Common encryption, CBC with a pattern: HLS and DASH.
    #[serde(rename = "cbcs")]
    Cbcs,
    /// Common encryption, counter mode: DASH alone.
    #[serde(rename = "cenc")]
    Cenc,
}

impl Scheme {
    /// HLS can say it.
    pub fn serves_hls(self) -> bool {
        matches!(self, Scheme::Aes128 | Scheme::Cbcs)
    }

    /// Whether pictures of a codec can be encrypted. Common encryption leaves headers readable, which
    /// is built for the NAL units of H.264 and HEVC alone.
    pub fn takes(self, codec: VideoCodec) -> bool {
        self == Scheme::Aes128 || matches!(codec, VideoCodec::H264 | VideoCodec::Hevc)
    }

    /// DASH can say it.
    pub fn serves_dash(self) -> bool {
        matches!(self, Scheme::Cbcs | Scheme::Cenc)
    }
}

/// Encryption that a job asks for. ClearKey delivers the key to every admitted player: it keeps
/// copied objects shut, and is no DRM.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EncryptionSettings {
    /// Scheme: `AES-128` (HLS alone), `cbcs` (HLS and DASH) or `cenc` (DASH alone).
    pub scheme: Scheme,
}

/// Sixteen bytes, in hex as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex16([u8; 16]);

/// A text that is not 32 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 32 lower-case hex digits")]
pub struct NotHex16;

impl Hex16 {
    /// From its bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// In the form of a UUID, as DASH writes the id of a key.
    pub fn uuid(self) -> String {
        names::uuid(&self.to_string())
    }
}

impl fmt::Display for Hex16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hex16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hex16 {
    type Err = NotHex16;

    fn from_str(text: &str) -> Result<Self, NotHex16> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 32 || !text.bytes().all(hex) {
            return Err(NotHex16);
        }
        let mut bytes = [0; 16];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| NotHex16)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NotHex16)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Hex16 {
    type Error = NotHex16;

    fn try_from(text: String) -> Result<Self, NotHex16> {
        text.parse()
    }
}

impl From<Hex16> for String {
    fn from(hex: Hex16) -> Self {
        hex.to_string()
    }
}

/// A key and its public name.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentKey {
    /// Name of the key (KID).
    pub id: Hex16,
    /// The key. Secret.
    pub key: Hex16,
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = f.debug_struct("ContentKey").field("id", &self.id).finish();
        shown.and_then(|()| f.write_str(" ..."))
    }
}

/// What the engine encrypts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protection {
    /// Scheme.
    pub scheme: Scheme,
    /// Key.
    pub key: ContentKey,
}

impl Protection {
    /// What may be known of it by everybody.
    pub fn public(&self) -> Protected {
        Protected {
            scheme: self.scheme,
            key_id: self.key.id,
        }
    }
}

/// That and how an output is encrypted, as its plan says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protected {
    /// Scheme.
    pub scheme: Scheme,
    /// Name of the key.
    pub key_id: Hex16,
}

/// Initialization vector of a segment: of all of it (AES-128), or where the counters of its samples
/// begin (cenc). Without a number the constant one of a track (cbcs).
pub fn vector(key_id: Hex16, track: &TrackId, number: Option<u32>) -> Hex16 {
    let mut hasher = Sha256::new();
    hasher.update(key_id.bytes());
    hasher.update(track.as_str());
    // No track id holds a zero byte, so no two of these texts are one.
    hasher.update([0]);
    hasher.update(number.map_or(u64::MAX, u64::from).to_be_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize()[..16]);
    Hex16(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn sixteen_bytes_have_one_text() {
        let hex: Hex16 = ID.parse().unwrap();
        assert_eq!(hex.to_string(), ID);
        assert_eq!(hex.uuid(), "00112233-4455-6677-8899-aabbccddeeff");
        for wrong in ["", &ID[1..], &ID.to_uppercase(), &format!("{ID}0")] {
            assert_eq!(wrong.parse::<Hex16>(), Err(NotHex16), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let secret = "deadbeefdeadbeefdeadbeefdeadbeef";
        let key = ContentKey {
            id: ID.parse().unwrap(),
            key: secret.parse().unwrap(),
        };
        let scheme = Scheme::Cenc;
        let shown = format!("{:?}", Protection { scheme, key });
        assert!(shown.contains(ID) && !shown.contains("deadbeef"), "{shown}");
    }

    #[test]
    fn every_place_has_a_vector_of_its_own() {
        let (id, other) = (ID.parse().unwrap(), Hex16::new([7; 16]));
        let track = |id: &str| id.parse::<TrackId>().unwrap();
        let mut all = std::collections::HashSet::new();
        for key in [id, other] {
            for name in ["v720", "v7201", "a-en-aac"] {
                for number in [None, Some(0), Some(1), Some(u32::MAX)] {
                    all.insert(vector(key, &track(name), number));
                }
            }
        }
        assert_eq!(all.len(), 2 * 3 * 4);
        // Written down: objects that exist are read by it.
        let fixed = vector(id, &track("v720"), Some(3)).to_string();
        assert_eq!(fixed, "71a8b7778c06389f3d759f42ecb5230a");
    }
}
