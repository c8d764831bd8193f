//! Who is asking, and may they watch: what the roles ask `auth`, in the same process or over the
//! network.

use async_trait::async_trait;
use streamgate_contract::ContentId;
pub use streamgate_contract::rules::Requirement;

use super::Source;
use super::chain::Wallet;
use super::clock::UnixSeconds;

pub mod wire;

/// Somebody who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The wallet that signed in.
    pub wallet: Wallet,
    /// May upload.
    pub creator: bool,
    /// May do everything.
    pub admin: bool,
}

/// Why a session token proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Malformed, forged, expired, ended, or a token of another kind.
    #[error("the session token is not valid; sign in again")]
    Refused,
    /// It cannot be decided now.
    #[error("sessions cannot be checked now; try again")]
    Unavailable(#[source] Source),
}

/// Tells who a session token belongs to.
#[async_trait]
pub trait Identities: Send + Sync {
    /// Verifies a session token.
    async fn identify(&self, token: &str) -> Result<Principal, IdentityError>;
}

/// That somebody may watch a content, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Until when, before it must be asked again.
    pub until: UnixSeconds,
    /// Revocation epoch it was granted in; a later epoch ends it.
    pub epoch: u64,
}

/// Why somebody may not watch, or why that cannot be decided. Fails closed: every error refuses.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The content does not exist, is withdrawn, or has nothing to play.
    #[error("content {0} cannot be played")]
    NotPlayable(ContentId),
    /// The content has no rule: only its owner may watch.
    #[error("content {0} is its owner's alone")]
    OwnerOnly(ContentId),
    /// The viewer does not have what the rule asks for.
    #[error("this content needs {0}; get it and try again")]
    Required(Box<Requirement>),
    /// The session behind the handle has ended.
    #[error("the session has ended; sign in again")]
    SessionEnded,
    /// The chain does not answer, or the rule cannot be checked.
    #[error("whether the viewer has what the rule asks for cannot be checked now; try again")]
    Undecided {
        /// Stable word for what is in the way.
        reason: &'static str,
        /// What failed.
        source: Source,
    },
}

/// Who watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The wallet that signed in.
    pub wallet: Wallet,
    /// The session it signed in to.
    pub session: String,
    /// What was proven of it: roots of Merkle trees it is in, claims of its OpenID provider.
    pub proven: Vec<String>,
}

/// Decides who may watch what.
#[async_trait]
pub trait Entitlements: Send + Sync {
    /// Asks anew whether somebody may watch `content`.
    async fn entitle(&self, viewer: &Viewer, content: &ContentId) -> Result<Lease, Denied>;
    /// The revocation epoch now.
    async fn epoch(&self) -> Result<u64, Denied>;
}
