//! Who signs in and holds tokens: one value and one text for each, whatever it signs in with.

use std::fmt;
use std::str::FromStr;

use crate::validation::SolanaAddress;
use crate::validation::address::{self, InvalidAddress, InvalidSolanaAddress};

/// Somebody who can sign in. Source of the texts: CAIP-10, save that an account of a key names no
/// chain, since it is the same on all of its kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wallet {
    /// An account that signs with its own key, the same on every EVM chain: `0x` and 40 lower-case
    /// hex digits.
    Key([u8; 20]),
    /// A contract on an EVM chain, and only there, since somebody else may own its address
    /// elsewhere: `eip155:1:0x…`.
    Contract {
        /// Its address.
        address: [u8; 20],
        /// EIP-155 id of its chain.
        chain_id: u64,
    },
    /// An account of Solana: `solana:` and its Ed25519 key in base58.
    Solana([u8; 32]),
    /// A person an OpenID provider vouches for: `oidc:` and 40 hex digits, a hash of issuer and
    /// subject.
    Person([u8; 20]),
}

impl Wallet {
    /// An account that signs with its own key.
    pub const fn of_key(address: [u8; 20]) -> Self {
        Self::Key(address)
    }

    /// A contract on a chain.
    pub const fn of_contract(address: [u8; 20], chain_id: u64) -> Self {
        Self::Contract { address, chain_id }
    }

    /// Its address, when it acts on EVM chains.
    pub const fn evm(&self) -> Option<[u8; 20]> {
        match self {
            Self::Key(address) | Self::Contract { address, .. } => Some(*address),
            Self::Solana(_) | Self::Person(_) => None,
        }
    }

    /// The address it acts by on the EVM chain with this EIP-155 id.
    pub fn on_chain(&self, id: u64) -> Option<[u8; 20]> {
        match self {
            Self::Contract { chain_id, .. } if *chain_id != id => None,
            wallet => wallet.evm(),
        }
    }
}

/// A text that is no wallet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "address {text:?} {why}; for a contract wallet write eip155:CHAIN:0x…, for Solana solana:ADDRESS"
)]
pub struct InvalidWallet {
    text: String,
    why: Why,
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Why {
    #[error(transparent)]
    Evm(#[from] InvalidAddress),
    #[error(transparent)]
    Solana(#[from] InvalidSolanaAddress),
    #[error("must have 40 hex digits after oidc:")]
    Person,
    #[error("must be of a kind there is: 0x…, eip155:, solana: or oidc:")]
    Kind,
}

impl FromStr for Wallet {
    type Err = InvalidWallet;

    fn from_str(text: &str) -> Result<Self, InvalidWallet> {
        read(text).map_err(|why| InvalidWallet {
            text: text.chars().take(60).collect(),
            why,
        })
    }
}

fn read(text: &str) -> Result<Wallet, Why> {
    Ok(match text.split_once(':') {
        None => Wallet::Key(address::evm(text)?),
        Some(("eip155", rest)) => contract(rest)?,
        Some(("solana", key)) => Wallet::Solana(*key.parse::<SolanaAddress>()?.bytes()),
        Some(("oidc", digits)) => person(digits).ok_or(Why::Person)?,
        Some(_) => return Err(Why::Kind),
    })
}

fn person(digits: &str) -> Option<Wallet> {
    let mut hash = [0; 20];
    hex::decode_to_slice(digits, &mut hash).ok()?;
    Some(Wallet::Person(hash))
}

fn contract(text: &str) -> Result<Wallet, InvalidAddress> {
    let (id, address) = text.split_once(':').ok_or(InvalidAddress::Form)?;
    let chain_id: u64 = id.parse().map_err(|_| InvalidAddress::Form)?;
    // One text for one wallet: no sign, no leading zero.
    if chain_id.to_string() != id {
        return Err(InvalidAddress::Form);
    }
    let address = address::evm(address)?;
    Ok(Wallet::Contract { address, chain_id })
}

impl fmt::Display for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(address) => write!(f, "0x{}", hex::encode(address)),
            Self::Contract { address, chain_id } => {
                write!(f, "eip155:{chain_id}:0x{}", hex::encode(address))
            }
            Self::Solana(key) => write!(f, "solana:{}", SolanaAddress::from(*key)),
            Self::Person(hash) => write!(f, "oidc:{}", hex::encode(hash)),
        }
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wallet() -> impl Strategy<Value = Wallet> {
        prop_oneof![
            any::<[u8; 20]>().prop_map(Wallet::Key),
            (any::<[u8; 20]>(), any::<u64>())
                .prop_map(|(address, chain_id)| Wallet::Contract { address, chain_id }),
            any::<[u8; 32]>().prop_map(Wallet::Solana),
            any::<[u8; 20]>().prop_map(Wallet::Person),
        ]
    }

    proptest! {
        #[test]
        fn a_wallet_has_one_text_and_comes_back_from_it(wallet in wallet()) {
            prop_assert_eq!(wallet.to_string().parse(), Ok(wallet));
        }

        #[test]
        fn any_text_is_a_wallet_or_refused(text in ".{0,80}", tail in "[0-9a-zA-Z:]{0,60}") {
            for text in [text.clone(), format!("solana:{tail}"), format!("eip155:{tail}")] {
                if let Ok(wallet) = text.parse::<Wallet>() {
                    prop_assert!(wallet.to_string().eq_ignore_ascii_case(&text));
                }
            }
        }
    }

    #[test]
    fn a_contract_acts_on_its_own_chain_and_others_on_none() {
        assert_eq!(Wallet::of_key([1; 20]).on_chain(5), Some([1; 20]));
        let contract = Wallet::of_contract([1; 20], 5);
        assert_eq!(
            (contract.on_chain(5), contract.on_chain(1)),
            (Some([1; 20]), None)
        );
        assert_eq!(Wallet::Solana([1; 32]).on_chain(5), None);
        assert_eq!(Wallet::Person([1; 20]).on_chain(5), None);
    }
}
