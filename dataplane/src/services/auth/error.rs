//! Why the auth role refuses.

use streamgate_contract::ContentId;

use crate::ports::catalog::CatalogError;
use crate::ports::chain::ChainError;
use crate::ports::identity::Denied;
use crate::ports::openid::OpenIdError;
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
    /// Who asked for a message has no wallet to sign it with.
    #[error(
        "people of an OpenID provider sign in at /api/v1/auth/oidc/PROVIDER/login; name a wallet"
    )]
    NoWallet,
    /// The wallet signs in no such form.
    #[error(
        "signType must fit the address: eip4361, personal_sign or eip712 for 0x… and eip155:…, solana for solana:…"
    )]
    UnfitForm,
    /// A provider does not vouch for anybody.
    #[error(transparent)]
    OpenId(#[from] OpenIdError),
    /// Somebody came back from a provider without having signed in.
    #[error("the sign-in at provider {0:?} was declined; try again to sign in")]
    Declined(String),
    /// Nothing shows that the browser which asked for the challenge signs in.
    #[error(
        "the sign-in does not show who asked for the challenge; send its cookie back, or the verifier whose hash was sent as its binding"
    )]
    Unbound,
    /// A binding is no hash.
    #[error("a binding must be the SHA-256 of a secret in 43 characters of base64url")]
    MalformedBinding,
    /// The session began too long ago to be renewed.
    #[error("the session began too long ago to be renewed; sign in again")]
    RefreshOver,
    /// A machine's key was used where a person must decide.
    #[error("keys of machines cannot do this; sign in with a wallet")]
    SessionRequired,
    /// A machine's key was used for what its scopes leave out.
    #[error("the key lacks the scope {0}; make one that has it")]
    ScopeRequired(&'static str),
    /// Only admins may.
    #[error("only admins may make, list and remove keys of machines")]
    AdminRequired,
    /// Something of a machine's key is not as it must be.
    #[error("the key's {0}")]
    MalformedKey(&'static str),
    /// A key's secret could not be hashed.
    #[error("the key could not be made; try again")]
    Hashing,
    /// There is no such key.
    #[error("there is no such key; list them at /api/v1/auth/keys")]
    UnknownKey,
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
    /// No rule of this name asks for a token.
    #[error("there is no such token; list those of this gate at /api/v1/nft")]
    UnknownToken,
    /// Only owners and admins may ask.
    #[error(
        "content {0} is somebody else's; only its owner and admins may try wallets at its rule"
    )]
    NotYours(ContentId),
    /// Something of a proof is no hash.
    #[error("a proof must be a list of at most 40 hashes, each 0x and 64 hex digits")]
    MalformedProof,
    /// An account by which somebody wants to watch is written as none.
    #[error("through must be a list of at most 4 accounts, each vault:0x… or erc721:0x…/ID")]
    MalformedName,
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
