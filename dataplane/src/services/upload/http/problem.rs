//! Refusals of the upload role as problems.

use crate::error::{Kind, Problem};
use crate::services::upload::checksum::Refused;
use crate::services::upload::error::UploadError;

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        use UploadError as E;
        let (kind, reason) = match error {
            E::CreatorRequired => (Kind::Forbidden, "CreatorRequired"),
            E::Empty => (Kind::Invalid, "EmptyUpload"),
            E::TooLarge { .. } => (Kind::TooLarge, "UploadTooLarge"),
            E::TooLong { .. } => (Kind::TooLarge, "BodyTooLong"),
            E::OtherLength { .. } => (Kind::Invalid, "LengthChanged"),
            E::Checksum(Refused::Mismatch) => (Kind::ChecksumMismatch, "ChecksumMismatch"),
            E::Checksum(Refused::Invalid(_)) => (Kind::Invalid, "InvalidChecksum"),
            E::NotMedia => (Kind::UnsupportedMediaType, "NotMedia"),
            E::Quota { .. } => (Kind::Forbidden, "QuotaExceeded"),
            E::TooManyOpen { .. } => (Kind::Forbidden, "TooManyUploads"),
            E::Joined => (Kind::Forbidden, "UploadJoined"),
            E::Pieces => (Kind::Invalid, "InvalidPieces"),
            E::NotAPiece { .. } => (Kind::Conflict, "NotAPiece"),
            E::Metadata(_) => (Kind::Invalid, "InvalidMetadata"),
            E::UnknownRule { .. } => (Kind::Unprocessable, "UnknownRule"),
            E::NotFound => (Kind::NotFound, "UploadNotFound"),
            E::Expired => (Kind::Gone, "UploadExpired"),
            E::Complete => (Kind::Conflict, "UploadComplete"),
            E::WrongOffset { .. } => (Kind::Conflict, "WrongOffset"),
            E::Busy => (Kind::Conflict, "UploadBusy"),
            E::TakenOver => (Kind::Conflict, "UploadTakenOver"),
            E::Cut => (Kind::Invalid, "BodyCut"),
            E::Stopping => (Kind::Unavailable, "Restarting"),
            E::Cursor(_) => (Kind::Invalid, "InvalidCursor"),
            E::Objects(error) => return error.into(),
            E::Catalog(error) => return error.into(),
            E::Unreadable(_) | E::Died(_) => return Problem::internal(&error),
        };
        let problem = Problem::new(kind, reason, error.to_string());
        match error {
            E::WrongOffset { offset } => problem.with("offset", offset),
            E::Stopping | E::Busy => problem.retry_after(1),
            _ => problem,
        }
    }
}
