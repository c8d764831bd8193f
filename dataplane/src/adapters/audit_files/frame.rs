//! Frames of a segment: length, CRC-32, kind, sequence, hash of the chain, payload. The CRC tells a
//! torn tail, the chain tells tampering: hash = SHA-256(hash before ‖ sequence ‖ payload).

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::ports::audit_log::MAX_RECORD_BYTES;

/// Bytes of a hash.
pub type Hash = [u8; 32];
/// Bytes before the payload.
pub const HEAD: usize = 4 + 4 + 1 + 8 + 32;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// First of a segment: the hash is that of the record before it.
    Begin = 1,
    /// A record.
    Record = 2,
    /// Last of a segment: the hash of its last record, signed.
    Seal = 3,
}

/// A frame as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub kind: Kind,
    /// Number of the record; of a begin the first to come, of a seal the last there is.
    pub sequence: u64,
    /// Hash of the chain.
    pub hash: Hash,
    /// JSON of a record, signature of a seal.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Bytes on disk.
    pub fn len(&self) -> usize {
        HEAD + self.payload.len()
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        let begin = out.len();
        out.extend_from_slice(&[0; 4]);
        out.push(self.kind as u8);
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&self.hash);
        out.extend_from_slice(self.payload);
        let crc = crc32fast::hash(&out[begin + 4..]);
        out[begin..begin + 4].copy_from_slice(&crc.to_le_bytes());
    }
}

/// Reads the frame that begins here; `None` when there is no whole and sound one.
pub fn read(bytes: &[u8]) -> Option<Frame<'_>> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    if length > MAX_RECORD_BYTES {
        return None;
    }
    let rest = bytes.get(8..HEAD + length)?;
    let crc = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    if crc32fast::hash(rest) != crc {
        return None;
    }
    Some(Frame {
        kind: match rest[0] {
            1 => Kind::Begin,
            2 => Kind::Record,
            3 => Kind::Seal,
            _ => return None,
        },
        sequence: u64::from_le_bytes(rest[1..9].try_into().ok()?),
        hash: rest[9..41].try_into().ok()?,
        payload: &rest[41..],
    })
}

/// The hash of a record.
pub fn chain(before: &Hash, sequence: u64, payload: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(sequence.to_le_bytes());
    hasher.update(payload);
    hasher.finalize().into()
}

/// The signature of a seal.
pub fn seal(key: &[u8; 32], sequence: u64, head: &Hash) -> Hash {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    mac.update(b"streamgate audit seal v1");
    mac.update(&sequence.to_le_bytes());
    mac.update(head);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_back_and_every_flipped_bit_is_seen() {
        let frame = Frame {
            kind: Kind::Record,
            sequence: 7,
            hash: chain(&[0; 32], 7, b"{}"),
            payload: b"{}",
        };
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        assert_eq!(bytes.len(), frame.len());
        assert_eq!(read(&bytes), Some(frame));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&flipped), None, "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes[..cut]), None, "cut at {cut}");
        }
    }
}
