//! Addresses of accounts on chains.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

/// A text that is no address of an EVM chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// It is something else.
    #[error("must be 0x and 40 hex digits")]
    Form,
    /// Capitals and small letters stand where they must not: a digit is wrong.
    #[error(
        "has a wrong checksum (EIP-55): a digit was mistyped; copy it anew, or write it in lower case"
    )]
    Checksum,
}

/// Reads an address of an EVM chain. Letters of both cases must make its checksum. Source: EIP-55.
///
/// # Errors
/// When it is no address, or its checksum is wrong.
pub fn evm(text: &str) -> Result<[u8; 20], InvalidAddress> {
    let digits = text.strip_prefix("0x").ok_or(InvalidAddress::Form)?;
    let mut address = [0; 20];
    hex::decode_to_slice(digits, &mut address).map_err(|_| InvalidAddress::Form)?;
    let of = |case: fn(&u8) -> bool| digits.bytes().any(|c| case(&c));
    let mixed = of(u8::is_ascii_uppercase) && of(u8::is_ascii_lowercase);
    let sound = !mixed || Address::from(address).to_checksum(None) == text;
    sound.then_some(address).ok_or(InvalidAddress::Checksum)
}

/// A text that is no address on Solana.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an address on Solana: 32 bytes in base58")]
pub struct InvalidSolanaAddress;

/// An account on Solana: an Ed25519 public key, or an address derived by a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SolanaAddress([u8; 32]);

super::through_text!(SolanaAddress, InvalidSolanaAddress);

impl SolanaAddress {
    /// Its bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for SolanaAddress {
    fn from(address: [u8; 32]) -> Self {
        Self(address)
    }
}

impl FromStr for SolanaAddress {
    type Err = InvalidSolanaAddress;

    fn from_str(text: &str) -> Result<Self, InvalidSolanaAddress> {
        let mut address = [0; 32];
        // 32 bytes have 32 to 44 digits: a longer text costs nothing.
        let decoded = bs58::decode(text.get(..45).map_or(text, |_| "")).onto(&mut address);
        match decoded {
            Ok(32) => Ok(Self(address)),
            _ => Err(InvalidSolanaAddress),
        }
    }
}

impl fmt::Display for SolanaAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.0).into_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of EIP-55.
    const CHECKED: [&str; 4] = [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ];

    #[test]
    fn checksums_are_checked_where_there_is_one() {
        for text in CHECKED {
            let address = evm(text).unwrap();
            let (lower, upper) = (text.to_lowercase(), text[2..].to_uppercase());
            assert_eq!(evm(&lower), Ok(address));
            assert_eq!(evm(&format!("0x{upper}")), Ok(address));
            let mistyped = text.replacen(['1', '5'], "6", 1);
            assert_eq!(evm(&mistyped), Err(InvalidAddress::Checksum), "{mistyped}");
        }
        for text in ["", "0x", "5aAeb6", &CHECKED[0][..41], "0xzz"] {
            assert_eq!(evm(text), Err(InvalidAddress::Form), "{text}");
        }
    }

    #[test]
    fn solana_addresses_are_32_bytes() {
        for text in [
            "11111111111111111111111111111111",
            "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
        ] {
            assert_eq!(text.parse::<SolanaAddress>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "1",
            "0OIl",
            &"1".repeat(33),
            &"z".repeat(44),
            &"z".repeat(4444),
        ] {
            assert_eq!(
                text.parse::<SolanaAddress>(),
                Err(InvalidSolanaAddress),
                "{text}"
            );
        }
    }
}
