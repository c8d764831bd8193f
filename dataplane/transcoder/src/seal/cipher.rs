//! AES-128 as the schemes use it.

use aes::Aes128;
use cbc::Encryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit, StreamCipher};
use ctr::Ctr128BE;
use streamgate_contract::encryption::Hex16;

/// Bytes of a block.
pub(super) const BLOCK: usize = 16;
/// Of ten blocks of pictures one is encrypted.
pub(super) const PATTERN: (u8, u8) = (1, 9);

/// Everything in CBC mode with padding.
pub(super) fn whole(key: Hex16, vector: Hex16, bytes: &[u8]) -> Vec<u8> {
    Encryptor::<Aes128>::new(&key.bytes().into(), &vector.bytes().into())
        .encrypt_padded_vec::<Pkcs7>(bytes)
}

/// How samples are encrypted.
pub(super) enum Cipher {
    /// CBC that begins anew with every protected range.
    Cbcs {
        /// Key.
        key: Hex16,
        /// The same for every range.
        vector: Hex16,
    },
    /// Counter mode that goes on through a sample.
    Cenc {
        /// Key.
        key: Hex16,
        /// Vector of the segment's first sample; the next one is one more.
        first: u64,
    },
}

impl Cipher {
    pub(super) fn cbcs(key: Hex16, vector: Hex16) -> Self {
        Self::Cbcs { key, vector }
    }

    /// The vectors of samples begin with the first half of the segment's.
    pub(super) fn cenc(key: Hex16, segment: Hex16) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = segment.bytes();
        let first = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        Self::Cenc { key, first }
    }

    /// The vector that goes with a sample, if each has one.
    pub(super) fn vector(&self, sample: u64) -> Option<u64> {
        match self {
            Cipher::Cbcs { .. } => None,
            Cipher::Cenc { first, .. } => Some(first.wrapping_add(sample)),
        }
    }

    /// Encrypts the protected ranges of one sample in place.
    pub(super) fn sample(&self, number: u64, ranges: &mut [&mut [u8]], pattern: bool) {
        match self {
            Cipher::Cbcs { key, vector } => {
                for range in ranges {
                    let mut cbc =
                        Encryptor::<Aes128>::new(&key.bytes().into(), &vector.bytes().into());
                    let skip = if pattern {
                        usize::from(PATTERN.0 + PATTERN.1)
                    } else {
                        1
                    };
                    for block in range.chunks_exact_mut(BLOCK).step_by(skip) {
                        if let Ok(block) = block.try_into() {
                            cbc.encrypt_block(block);
                        }
                    }
                }
            }
            Cipher::Cenc { key, first } => {
                let mut counter = [0; BLOCK];
                counter[..8].copy_from_slice(&first.wrapping_add(number).to_be_bytes());
                let mut ctr = Ctr128BE::<Aes128>::new(&key.bytes().into(), &counter.into());
                for range in ranges {
                    ctr.apply_keystream(range);
                }
            }
        }
    }
}
