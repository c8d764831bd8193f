//! Why the auth role refuses.

use streamgate_contract::ContentId;

use crate::ports::catalog::CatalogError;
use crate::ports::chain::ChainError;
use crate::ports::identity::Denied;
use crate::tokens::KeyError;

use super::siwe::Malformed;

/// A refusal of the role.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The text is no sign-in message.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The chain asked for is none of the gate's.
    #[error("chain id {0} is not configured here; use one of the gate's chains")]
    UnknownChain(u64),
    /// The message is for somebody else.
    #[error("the message's {0} is not this gate's; ask for a challenge here and sign that")]
    Foreign(&'static str),
    /// The message is not good now.
    #[error("the message {0}; ask for a new challenge")]
    OutOfTime(&'static str),
    /// The signature is not one.
    #[error("the signature {0}")]
    InvalidSignature(&'static str),
    /// The signature is another wallet's, or over another message.
    #[error("the signature is not the message's account's; sign with the wallet it names")]
    WrongSigner,
    /// Whether the wallet signed cannot be found out.
    #[error("whether the wallet signed cannot be checked now; try again")]
    Undecided(#[source] ChainError),
    /// The nonce was not given out here, was used, or has expired.
    #[error("the nonce is unknown, used, expired or of another challenge; ask for a new challenge")]
    NonceSpent,
    /// Only owners and admins may ask.
    #[error(
        "content {0} is somebody else's; only its owner and admins may try wallets at its rule"
    )]
    NotYours(ContentId),
    /// Something of a proof is no hash.
    #[error("a proof must be a list of at most 40 hashes, each 0x and 64 hex digits")]
    MalformedProof,
    /// The content cannot be watched by whoever asks.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A token could not be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The clock shows a time nobody can write.
    #[error("the clock of this machine is wrong; set it")]
    Clock,
}
