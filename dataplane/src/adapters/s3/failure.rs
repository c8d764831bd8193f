//! What the SDK's errors mean. Only codes and states pass: messages of servers may quote requests,
//! and signed URLs must reach no log.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::ports::objects::{ObjectKey, ObjectsError};

/// What a failure means to this adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no such object.
    Absent,
    /// The range begins past the end.
    OutsideObject,
    /// The object exists already.
    Exists,
    /// Somebody else is writing the object now.
    Contended,
    /// The server does not know the condition.
    Unsupported,
    /// The server has no room.
    Full,
    /// Anything else.
    Other,
}

impl Failure {
    /// Reads an error.
    pub fn of<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Self {
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        match (code(error), status) {
            (Some("NoSuchBucket"), _) => Failure::Other,
            (Some("NoSuchKey" | "NotFound"), _) | (None, Some(404)) => Failure::Absent,
            (Some("InvalidRange"), _) | (None, Some(416)) => Failure::OutsideObject,
            (Some("ConditionalRequestConflict" | "OperationAborted"), _) => Failure::Contended,
            (Some("PreconditionFailed"), _) | (_, Some(412)) => Failure::Exists,
            (Some("NotImplemented"), _) | (_, Some(501)) => Failure::Unsupported,
            (Some("QuotaExceeded" | "InsufficientStorage" | "XMinioStorageFull"), _)
            | (_, Some(507)) => Failure::Full,
            _ => Failure::Other,
        }
    }
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
}

/// What the server or the way to it did.
#[derive(Debug, thiserror::Error)]
enum Said {
    #[error("the server answered {status} {code}")]
    Answer { status: u16, code: String },
    #[error("no answer in time")]
    Timeout,
    #[error("the server cannot be reached or broke the connection off")]
    Unreachable,
    #[error("the answer is not S3's")]
    Unreadable,
    #[error("the request cannot be built: {0}")]
    Unbuilt(String),
}

/// The port's error for what the SDK says.
pub fn explain<E>(action: &'static str, key: &ObjectKey, error: &SdkError<E>) -> ObjectsError
where
    E: ProvideErrorMetadata,
{
    if Failure::of(error) == Failure::Full {
        return ObjectsError::Full(key.clone());
    }
    let said = match error {
        SdkError::TimeoutError(_) => Said::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Said::Timeout,
        SdkError::DispatchFailure(_) => Said::Unreachable,
        SdkError::ServiceError(failure) => Said::Answer {
            status: failure.raw().status().as_u16(),
            code: code(error).unwrap_or("without a code").to_owned(),
        },
        SdkError::ConstructionFailure(_) => Said::Unbuilt("check bucket and endpoint".into()),
        _ => Said::Unreadable,
    };
    ObjectsError::Unavailable {
        action,
        key: key.to_string(),
        source: said.into(),
    }
}
