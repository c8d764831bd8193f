//! Where Metaplex keeps what it knows of a mint, and which collection it is of. Pure.
//! Source: Metaplex Token Metadata (account `Metadata`, in Borsh), Solana's addresses of programs.

use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha256};

/// The program.
pub const PROGRAM: &str = "metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s";
const PROGRAM_KEY: [u8; 32] = bs58::decode(PROGRAM.as_bytes()).into_array_const_unwrap();

/// Where the metadata of a mint is: the first address of its seeds that is no key of anybody.
pub fn address(mint: &[u8; 32]) -> Option<[u8; 32]> {
    let derived = |bump: u8| -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"metadata");
        hash.update(PROGRAM_KEY);
        hash.update(mint);
        hash.update([bump]);
        hash.update(PROGRAM_KEY);
        hash.update(b"ProgramDerivedAddress");
        hash.finalize().into()
    };
    let mut addresses = (0..=u8::MAX).rev().map(derived);
    addresses.find(|address| VerifyingKey::from_bytes(address).is_err())
}

/// The collection that a mint is verified to be of, as its metadata says.
pub fn collection(mint: &[u8; 32], data: &[u8]) -> Option<[u8; 32]> {
    const METADATA: u8 = 4;
    let mut rest = Reader(data);
    if rest.byte()? != METADATA {
        return None;
    }
    let _update_authority = rest.key()?;
    if rest.key()? != *mint {
        return None;
    }
    for _name_symbol_uri in 0..3 {
        rest.text()?;
    }
    rest.take(2)?; // the seller's share
    if rest.flag()? {
        let creators = rest.count()?;
        // Each a key, whether it signed, and its share.
        rest.take(creators.checked_mul(34)?)?;
    }
    rest.take(2)?; // sold once, may change
    for _nonce_standard in 0..2 {
        if rest.flag()? {
            rest.byte()?;
        }
    }
    if !rest.flag()? {
        return None;
    }
    let verified = rest.flag()?;
    let key = rest.key()?;
    verified.then_some(key)
}

/// Reads Borsh.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn key(&mut self) -> Option<[u8; 32]> {
        self.take(32)?.try_into().ok()
    }

    fn count(&mut self) -> Option<usize> {
        let bytes = self.take(4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(verified: u8) -> Vec<u8> {
        let mut data = vec![4];
        data.extend([[9; 32], [1; 32]].concat());
        for text in ["Name", "N", "https://x.example"] {
            data.extend((text.len() as u32).to_le_bytes());
            data.extend(text.as_bytes());
        }
        data.extend([0, 0, 1, 1, 0, 0, 0]);
        data.extend([7; 34]);
        data.extend([0, 1, 1, 255, 1, 0, 1, verified]);
        data.extend([5; 32]);
        data.push(0);
        data
    }

    #[test]
    fn a_verified_collection_is_found_and_no_other() {
        assert_eq!(collection(&[1; 32], &written(1)), Some([5; 32]));
        assert_eq!(collection(&[1; 32], &written(0)), None);
        assert_eq!(collection(&[2; 32], &written(1)), None, "another mint's");
        let (whole, mut other) = (written(1), written(1));
        for cut in 0..whole.len() - 1 {
            assert_eq!(collection(&[1; 32], &whole[..cut]), None);
        }
        other[0] = 6;
        assert_eq!(collection(&[1; 32], &other), None, "of another kind");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(data in proptest::collection::vec(0u8.., 0..300)) {
            let mut begun = written(1)[..66].to_vec();
            begun.extend(&data);
            let _ = (collection(&[1; 32], &data), collection(&[1; 32], &begun));
        }
    }
}
