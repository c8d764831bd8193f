//! Checksums of bodies: which there are, how they are written, what bytes have. Sources: tus 1.0.0,
//! checksum; RFC 9530 (digest fields); RFC 3309 (CRC32c).

use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A way to compute a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-1, which tus asks of every server.
    Sha1,
    /// SHA-256.
    Sha256,
    /// CRC-32 with Castagnoli's polynomial, most significant byte first.
    Crc32c,
}

/// Every algorithm, as tus lists them.
pub const ALGORITHMS: &str = "sha1,sha256,crc32c";

/// Why a checksum is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChecksum {
    /// It is not an algorithm and base64.
    #[error("a checksum is the name of an algorithm, a space and the checksum in base64")]
    Malformed,
    /// It has another length than the algorithm's.
    #[error("the checksum does not have the length of its algorithm")]
    Length,
    /// The algorithm is not known.
    #[error("this checksum algorithm is not known; use one of: {ALGORITHMS}")]
    Unknown,
}

/// What bytes must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    algorithm: Algorithm,
    value: Vec<u8>,
}

impl Checksum {
    /// Reads `Upload-Checksum`.
    ///
    /// # Errors
    /// When it is no checksum of an algorithm that is known.
    pub fn parse(text: &str) -> Result<Self, InvalidChecksum> {
        let (name, value) = text.split_once(' ').ok_or(InvalidChecksum::Malformed)?;
        let algorithm = match name {
            "sha1" => Algorithm::Sha1,
            "sha256" => Algorithm::Sha256,
            "crc32c" => Algorithm::Crc32c,
            _ => return Err(InvalidChecksum::Unknown),
        };
        let value = STANDARD.decode(value.trim());
        Self::new(algorithm, value.map_err(|_| InvalidChecksum::Malformed)?)
    }

    /// Finds `sha-256` in a digest field: a dictionary of byte sequences. Others are passed over, as
    /// the RFC has it.
    ///
    /// # Errors
    /// When that entry is no SHA-256.
    pub fn of_digest_field(text: &str) -> Result<Option<Self>, InvalidChecksum> {
        let entries = text
            .split(',')
            .filter_map(|entry| entry.trim().split_once('='));
        let Some((_, value)) = entries.into_iter().find(|(name, _)| *name == "sha-256") else {
            return Ok(None);
        };
        let value = value.strip_prefix(':').and_then(|v| v.strip_suffix(':'));
        let value = value.and_then(|value| STANDARD.decode(value).ok());
        let value = value.ok_or(InvalidChecksum::Malformed)?;
        Self::new(Algorithm::Sha256, value).map(Some)
    }

    fn new(algorithm: Algorithm, value: Vec<u8>) -> Result<Self, InvalidChecksum> {
        let length = match algorithm {
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Crc32c => 4,
        };
        match value.len() == length {
            true => Ok(Self { algorithm, value }),
            false => Err(InvalidChecksum::Length),
        }
    }
}

/// A checksum that comes behind the bytes; filled when they end.
pub type Trailer = Arc<OnceLock<Result<Checksum, InvalidChecksum>>>;

/// What is known about a body's checksum before its bytes come.
#[derive(Clone, Debug, Default)]
pub enum Expected {
    /// It has none.
    #[default]
    Nothing,
    /// It must have this one.
    Known(Checksum),
    /// It comes behind the bytes; with which algorithm is told then.
    Behind(Trailer),
}

/// The bytes do not have their checksum, or it did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Other bytes came.
    #[error("the bytes do not have the checksum that was sent; send them again")]
    Mismatch,
    /// What came is no checksum.
    #[error(transparent)]
    Invalid(#[from] InvalidChecksum),
}

/// Sums over bytes as they come.
pub struct Sums {
    expected: Expected,
    sha1: Option<sha1::Sha1>,
    sha256: Option<Sha256>,
    crc32c: Option<crc_fast::Digest>,
}

impl Sums {
    /// Those that are needed; `None` when nothing is expected.
    pub fn new(expected: Expected) -> Option<Self> {
        let needs = |algorithm| match &expected {
            Expected::Nothing => false,
            Expected::Known(checksum) => checksum.algorithm == algorithm,
            Expected::Behind(_) => true,
        };
        let crc32c = || crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
        let (sha1, sha256) = (needs(Algorithm::Sha1), needs(Algorithm::Sha256));
        let sums = Self {
            sha1: sha1.then(sha1::Sha1::default),
            sha256: sha256.then(Sha256::new),
            crc32c: needs(Algorithm::Crc32c).then(crc32c),
            expected,
        };
        (!matches!(sums.expected, Expected::Nothing)).then_some(sums)
    }

    /// Takes bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(sum) = &mut self.sha1 {
            sha1::Digest::update(sum, bytes);
        }
        if let Some(sum) = &mut self.sha256 {
            sum.update(bytes);
        }
        if let Some(sum) = &mut self.crc32c {
            sum.update(bytes);
        }
    }

    /// Are the bytes those that were meant?
    ///
    /// # Errors
    /// When they are not, or no checksum came behind them.
    pub fn verify(self) -> Result<(), Refused> {
        let wanted = match &self.expected {
            Expected::Nothing => return Ok(()),
            Expected::Known(checksum) => checksum.clone(),
            Expected::Behind(trailer) => {
                let came = trailer.get().cloned();
                came.unwrap_or(Err(InvalidChecksum::Malformed))?
            }
        };
        let sum = self.value(wanted.algorithm);
        match sum.is_some_and(|sum| sum == wanted.value) {
            true => Ok(()),
            false => Err(Refused::Mismatch),
        }
    }

    fn value(self, algorithm: Algorithm) -> Option<Vec<u8>> {
        match algorithm {
            Algorithm::Sha1 => self.sha1.map(|sum| sha1::Digest::finalize(sum).to_vec()),
            Algorithm::Sha256 => self.sha256.map(|sum| sum.finalize().to_vec()),
            Algorithm::Crc32c => self.crc32c.map(|sum| {
                // A CRC of 32 bits, in a wider number.
                let [.., a, b, c, d] = sum.finalize().to_be_bytes();
                vec![a, b, c, d]
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of "123456789": FIPS 180, and the check value of CRC-32/ISCSI.
    const KNOWN: [&str; 3] = [
        "sha1 98O8HYCOBHMq32eZZczDTKeuNEE=",
        "sha256 FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
        "crc32c 4waSgw==",
    ];

    fn verified(expected: Expected, bytes: &[u8]) -> Result<(), Refused> {
        let mut sums = Sums::new(expected).unwrap();
        bytes.chunks(4).for_each(|chunk| sums.update(chunk));
        sums.verify()
    }

    #[test]
    fn known_sums_are_found() {
        for text in KNOWN {
            let checksum = Checksum::parse(text).unwrap();
            assert_eq!(
                verified(Expected::Known(checksum.clone()), b"123456789"),
                Ok(()),
                "{text}"
            );
            let other = verified(Expected::Known(checksum.clone()), b"123456780");
            assert_eq!(other, Err(Refused::Mismatch));
            let trailer = Trailer::default();
            trailer.set(Ok(checksum)).unwrap();
            assert_eq!(verified(Expected::Behind(trailer), b"123456789"), Ok(()));
        }
        let never = verified(Expected::Behind(Trailer::default()), b"");
        assert!(matches!(never, Err(Refused::Invalid(_))));
        assert!(Sums::new(Expected::Nothing).is_none());
    }

    #[test]
    fn what_is_no_checksum_is_refused() {
        for (text, why) in [
            ("sha1", InvalidChecksum::Malformed),
            ("sha1 ?", InvalidChecksum::Malformed),
            ("md5 AAAA", InvalidChecksum::Unknown),
            ("sha1 AAAA", InvalidChecksum::Length),
        ] {
            assert_eq!(Checksum::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn digest_fields_are_searched_for_sha_256() {
        let value = STANDARD.encode([7; 32]);
        let text = format!("sha-512=:AAAA:, sha-256=:{value}:");
        let found = Checksum::of_digest_field(&text).unwrap().unwrap();
        assert_eq!(found.value, [7; 32]);
        assert_eq!(Checksum::of_digest_field("unixsum=:AA==:"), Ok(None));
        assert!(Checksum::of_digest_field("sha-256=abc").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,100}") {
            let _ = Checksum::parse(&text);
            let _ = Checksum::of_digest_field(&text);
        }
    }
}
