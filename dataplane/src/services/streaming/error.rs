//! Why streaming refuses.

use std::sync::Arc;

use crate::ports::catalog::CatalogError;
use crate::ports::identity::Denied;
use crate::ports::objects::ObjectsError;

/// A refusal of the role. Shared errors come from calls that many wait for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StreamingError {
    /// The path names no valid handle.
    #[error("the playback handle is missing or not valid; ask POST /api/v1/playback for one")]
    InvalidHandle,
    /// The viewing is over.
    #[error("the playback handle has expired; ask POST /api/v1/playback for a new one")]
    HandleExpired,
    /// The holder may not watch, or that cannot be decided.
    #[error(transparent)]
    Denied(Arc<Denied>),
    /// Whether somebody's admission ended is not known freshly enough.
    #[error("this replica has not heard of revocations lately; try again")]
    EpochStale,
    /// The handle is for another content than the path names.
    #[error("the playback handle is for another content than the path names")]
    OtherContent,
    /// The handle is bound to where it was asked for.
    #[error("the playback handle is bound to another {0}; ask POST /api/v1/playback from here")]
    Bound(&'static str),
    /// A page that is not listed plays with the cookie.
    #[error(
        "pages of this origin may not play with the cookie; list it in playback.allowedOrigins, or play by the handle in the path"
    )]
    OriginNotAllowed,
    /// The viewer watches as much as they may.
    #[error("as many streams run as this viewer may watch at once; end one, or wait")]
    TooManyStreams {
        /// Seconds until one of them rests.
        wait: u64,
    },
    /// What is watched has no such file.
    #[error("what the handle is for has no such file; follow the URLs of the playlists")]
    NoSuchFile,
    /// It is encrypted in a way that this kind of page cannot say.
    #[error(
        "what the handle is for is encrypted for the other kind of player; use manifest.mpd for cenc and master.m3u8 for AES-128"
    )]
    NotOffered,
    /// A well-formed object name that is none of what is watched: of another content, or of none,
    /// which nobody learns here.
    #[error(
        "the playback handle does not cover this object; ask POST /api/v1/playback for its content"
    )]
    OutsideHandle,
    /// Nothing can be played yet.
    #[error("the first segments are still being made; try again")]
    NotReady,
    /// The catalog failed.
    #[error(transparent)]
    Catalog(Arc<CatalogError>),
    /// The store failed.
    #[error(transparent)]
    Objects(Arc<ObjectsError>),
    /// The catalog says something of an object that its bytes do not.
    #[error("object {0} is not what was committed; restore it from a backup")]
    Corrupt(String),
}
