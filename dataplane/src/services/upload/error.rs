//! Why an upload request is refused.

use streamgate_contract::UploadId;

use crate::ports::catalog::CatalogError;
use crate::ports::objects::ObjectsError;
use crate::services::metadata::cursor::InvalidCursor;
use crate::services::upload::checksum::Refused;
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
    /// Another length was told before.
    #[error(
        "the upload has {length} bytes, as was announced before; it cannot have another length"
    )]
    OtherLength {
        /// Bytes announced.
        length: u64,
    },
    /// The bytes are not what their checksum says.
    #[error(transparent)]
    Checksum(#[from] Refused),
    /// The engine opens no such file.
    #[error("this is no video that can be encoded; send MP4, QuickTime, Matroska, WebM or MPEG-TS")]
    NotMedia,
    /// The wallet has too much here.
    #[error(
        "your uploads would have more than the {limit} bytes this gate keeps for you; remove contents or uploads first"
    )]
    Quota {
        /// Most bytes.
        limit: u64,
    },
    /// The wallet has too many uploads in work.
    #[error("you may have {limit} uploads in work; finish or end one first")]
    TooManyOpen {
        /// Most uploads.
        limit: u64,
    },
    /// Bytes are sent to an upload that is joined of others.
    #[error("the upload is joined of others and takes no bytes; send them to those")]
    Joined,
    /// The list of pieces is no such list.
    #[error("a joined upload needs 1 to 64 uploads of this gate, each once")]
    Pieces,
    /// What should be joined is no piece, or part of another upload already.
    #[error("upload {id} was not begun as a piece, or is part of another upload already")]
    NotAPiece {
        /// Which one.
        id: UploadId,
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
    /// The cursor is none of this list.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
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
