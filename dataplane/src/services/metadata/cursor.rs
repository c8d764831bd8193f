//! Where a list goes on: numbers that we signed for the list they belong to, so that nobody makes up
//! a place or takes one from another list. Values in, values out. Source: RFC 2104 (HMAC).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Bytes of the signature that are kept: nobody can try more than a few thousand a second.
const TAG_BYTES: usize = 16;
/// Most bytes of a place: three numbers, or a number and a name.
const MAX_BYTES: usize = 8 + 64;

/// A cursor that is none of this list's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this cursor is not one of this list; take the next page's from its answer, or leave it out"
)]
pub struct InvalidCursor;

/// The key that signs cursors.
#[derive(Clone)]
pub struct CursorKey([u8; 32]);

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey")
    }
}

impl CursorKey {
    /// A key.
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Signs a place in the list that `list` describes.
    pub fn sign(&self, list: &str, numbers: &[i64]) -> String {
        let bytes = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        self.signed(list, bytes)
    }

    /// Signs a place in a list that is ordered by a number and then by a name.
    pub fn sign_named(&self, list: &str, number: i64, name: &str) -> String {
        let number = number.to_be_bytes();
        self.signed(list, [number.as_slice(), name.as_bytes()].concat())
    }

    fn signed(&self, list: &str, mut bytes: Vec<u8>) -> String {
        let tag = self.mac(list, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag[..TAG_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The numbers of a cursor of this list.
    ///
    /// # Errors
    /// When it is not one that was signed for this list.
    pub fn read(&self, list: &str, cursor: &str) -> Result<Vec<i64>, InvalidCursor> {
        let bytes = self.bytes(list, cursor)?;
        let numbers = bytes.chunks_exact(8).map(|number| number.try_into());
        let numbers: Result<Vec<[u8; 8]>, _> = numbers.collect();
        let numbers = numbers.map_err(|_| InvalidCursor)?;
        Ok(numbers.into_iter().map(i64::from_be_bytes).collect())
    }

    /// Number and name of a cursor of this list.
    ///
    /// # Errors
    /// When it is not one that was signed for this list.
    pub fn read_named(&self, list: &str, cursor: &str) -> Result<(i64, String), InvalidCursor> {
        let bytes = self.bytes(list, cursor)?;
        let (number, name) = bytes.split_first_chunk::<8>().ok_or(InvalidCursor)?;
        let name = String::from_utf8(name.to_vec()).map_err(|_| InvalidCursor)?;
        Ok((i64::from_be_bytes(*number), name))
    }

    /// What was signed.
    fn bytes(&self, list: &str, cursor: &str) -> Result<Vec<u8>, InvalidCursor> {
        let longest = (MAX_BYTES + TAG_BYTES).div_ceil(3) * 4;
        let short = cursor.len() <= longest;
        let bytes = short.then(|| URL_SAFE_NO_PAD.decode(cursor).ok()).flatten();
        let mut bytes = bytes.ok_or(InvalidCursor)?;
        let split = bytes.len().checked_sub(TAG_BYTES).ok_or(InvalidCursor)?;
        let tag = bytes.split_off(split);
        let mac = self.mac(list, &bytes);
        mac.verify_truncated_left(&tag).map_err(|_| InvalidCursor)?;
        Ok(bytes)
    }

    fn mac(&self, list: &str, numbers: &[u8]) -> Hmac<Sha256> {
        // A key that is padded to a block is the same key, and needs no check of its length.
        let mut block = [0; 64];
        block[..self.0.len()].copy_from_slice(&self.0);
        let mut mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new((&block).into());
        mac.update(&(list.len() as u64).to_be_bytes());
        mac.update(list.as_bytes());
        mac.update(numbers);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: CursorKey = CursorKey([7; 32]);

    #[test]
    fn a_cursor_is_good_for_its_list_alone() {
        let cursor = KEY.sign("list", &[-1, i64::MAX]);
        assert_eq!(KEY.read("list", &cursor), Ok(vec![-1, i64::MAX]));
        assert_eq!(KEY.read("lists", &cursor), Err(InvalidCursor));
        assert_eq!(CursorKey([8; 32]).read("list", &cursor), Err(InvalidCursor));
        for text in ["", "AAAA", "%", &cursor[1..], &"A".repeat(4_000)] {
            assert_eq!(KEY.read("list", text), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn a_place_may_have_a_name() {
        let cursor = KEY.sign_named("list", -7, "a-name");
        let read = KEY.read_named("list", &cursor);
        assert_eq!(read, Ok((-7, "a-name".to_owned())));
        assert_eq!(KEY.read_named("other", &cursor), Err(InvalidCursor));
        let longest = KEY.sign_named("list", 1, &"n".repeat(64));
        assert!(KEY.read_named("list", &longest).is_ok());
        assert_eq!(
            KEY.read_named("list", &KEY.sign("list", &[])),
            Err(InvalidCursor)
        );
        assert!(!format!("{KEY:?}").contains('7'));
    }

    proptest! {
        #[test]
        fn every_changed_bit_is_found(at in 0_usize..32, bit in 0_u8..8) {
            let mut bytes = URL_SAFE_NO_PAD.decode(KEY.sign("l", &[1, 2])).unwrap();
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(KEY.read("l", &URL_SAFE_NO_PAD.encode(bytes)), Err(InvalidCursor));
        }
    }
}
