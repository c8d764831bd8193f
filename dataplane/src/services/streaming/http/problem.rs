//! What each refusal of the role is over HTTP.

use crate::error::{Kind, Problem};
use crate::services::streaming::StreamingError;

impl From<StreamingError> for Problem {
    fn from(error: StreamingError) -> Self {
        let refused = |kind, reason| Problem::new(kind, reason, error.to_string());
        match &error {
            StreamingError::InvalidHandle => refused(Kind::Unauthenticated, "InvalidHandle"),
            StreamingError::HandleExpired => refused(Kind::Unauthenticated, "HandleExpired"),
            StreamingError::Denied(denied) => (&**denied).into(),
            StreamingError::EpochStale => refused(Kind::Unavailable, "EpochStale").retry_after(1),
            StreamingError::NoSuchFile => refused(Kind::NotFound, "NoSuchFile"),
            StreamingError::NotOffered => refused(Kind::NotFound, "NotOffered"),
            StreamingError::OutsideHandle => refused(Kind::Forbidden, "OutsideHandle").with(
                "required",
                serde_json::json!({"handle": "of the object's own content"}),
            ),
            StreamingError::OtherContent => refused(Kind::Forbidden, "OtherContent"),
            StreamingError::Bound(_) => refused(Kind::Forbidden, "HandleBound"),
            StreamingError::OriginNotAllowed => refused(Kind::Forbidden, "OriginNotAllowed"),
            StreamingError::TooManyStreams { wait } => {
                refused(Kind::TooManyRequests, "TooManyStreams").retry_after(*wait)
            }
            StreamingError::NotReady => refused(Kind::Unavailable, "NotReady").retry_after(2),
            StreamingError::Catalog(cause) => {
                let detail = "the catalog does not answer";
                crate::error::unavailable(cause, "CatalogUnavailable", detail)
            }
            StreamingError::Objects(cause) => {
                let detail = "the store does not answer";
                crate::error::unavailable(cause, "StoreUnavailable", detail)
            }
            StreamingError::Corrupt(_) => Problem::internal(&error),
        }
    }
}
