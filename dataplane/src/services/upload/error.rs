//! Why an upload request is refused.

use crate::ports::catalog::CatalogError;
use crate::ports::objects::ObjectsError;
use crate::services::upload::metadata::InvalidMetadata;

/// Why an upload request is refused.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The caller may not upload.
    #[error("only creators may upload; ask an administrator of this gate to add your wallet")]
    CreatorRequired,
    /// No bytes are announced.
    #[error("an upload of no bytes cannot become a video; announce the file's size")]
    Empty,
    /// More bytes than allowed are announced.
    #[error("an upload may have at most {limit} bytes; send a smaller file")]
    TooLarge {
        /// Most bytes allowed.
        limit: u64,
    },
    /// The body runs past the end.
    #[error("the body goes past the {length} bytes that were announced; send the rest only")]
    TooLong {
        /// Bytes announced.
        length: u64,
    },
    /// What the upload says about itself is not accepted.
    #[error(transparent)]
    Metadata(#[from] InvalidMetadata),
    /// The rule is not one of this gate's.
    #[error("this gate has no rule {rule:?}; use one of: {known}")]
    UnknownRule {
        /// The rule that was asked for.
        rule: String,
        /// The rules there are.
        known: String,
    },
    /// There is no such upload for this caller.
    #[error("there is no such upload; begin a new one")]
    NotFound,
    /// It was not finished in time.
    #[error("the upload was not finished in time; begin a new one")]
    Expired,
    /// It has become a content.
    #[error("the upload is complete; it can no longer be changed")]
    Complete,
    /// The offset is not where the upload stands.
    #[error("the upload stands at byte {offset}; go on from there")]
    WrongOffset {
        /// Where it stands.
        offset: u64,
    },
    /// Somebody else sends to it and cannot be stopped.
    #[error("another request is writing to the upload; ask for its offset and try again")]
    Busy,
    /// Another request took the upload over from this one.
    #[error("another request has taken the upload over; ask for its offset and go on from there")]
    TakenOver,
    /// The connection ended before the body did.
    #[error("the body ended early; ask for the offset and go on from there")]
    Cut,
    /// This process is stopping.
    #[error("the service is restarting; ask for the offset and go on from there")]
    Stopping,
    /// The store failed.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// What the catalog holds about the upload cannot be read.
    #[error("what is stored about the upload cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// The work behind the request died.
    #[error("receiving the upload failed")]
    Died(#[source] tokio::task::JoinError),
}
