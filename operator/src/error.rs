//! What can go wrong in a pass, said so that a person knows what to do.

/// Error of a reconciler. Logged once, by the driver that schedules the next try.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server understood the request and said no; asking again changes nothing before
    /// somebody changes something.
    #[error("the API server refused to {doing}: {message}")]
    Refused {
        /// What was tried, such as `create Job demo`.
        doing: String,
        /// HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// The request did not get through or its answer made no sense.
    #[error("could not {doing}; it is tried again: {source}")]
    Api {
        /// What was tried.
        doing: String,
        /// Why not.
        #[source]
        source: Box<kube::Error>,
    },
    /// No answer in time.
    #[error("no answer in time to {doing}; it is tried again")]
    Deadline {
        /// What was tried.
        doing: String,
    },
    /// The lease is gone: another operator works now.
    #[error("did not {doing}: this operator is not the leader any more")]
    NotLeader {
        /// What was to be done.
        doing: String,
    },
    /// An object of the wanted name belongs to somebody else.
    #[error("{kind} {name} exists and belongs to somebody else; delete it or rename the owner")]
    NameTaken {
        /// Kind of the object.
        kind: String,
        /// Its name.
        name: String,
    },
    /// An object from the API server lacks what every object has.
    #[error("{kind} has no {field}; was it read from the API server?")]
    Incomplete {
        /// Kind of the object.
        kind: String,
        /// The missing field.
        field: &'static str,
    },
    /// An object could not be written as JSON.
    #[error("could not write {doing} as JSON: {source}")]
    Json {
        /// What was to be written.
        doing: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// What the operator wrote there was changed by somebody else.
    #[error("cannot read {what}, which is the operator's own: undo what was done to it: {source}")]
    Unreadable {
        /// What was read.
        what: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Result of a pass or a part of it.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Sorts an error of the client: a refusal stays one until something changes.
    pub fn from_kube(doing: String, error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if matches!(status.code, 400 | 403 | 405 | 413 | 422) => {
                Error::Refused {
                    doing,
                    code: status.code,
                    message: status.message.clone(),
                }
            }
            source => Error::Api {
                doing,
                source: Box::new(source),
            },
        }
    }

    /// The server's words when it refused.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Error::Refused { message, .. } => Some(message),
            _ => None,
        }
    }

    /// A short word for metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Error::Refused { .. } => "refused",
            Error::Api { .. } => "api",
            Error::Deadline { .. } => "deadline",
            Error::NotLeader { .. } => "not_leader",
            Error::NameTaken { .. } => "name_taken",
            Error::Incomplete { .. } => "incomplete",
            Error::Json { .. } => "json",
            Error::Unreadable { .. } => "unreadable",
        }
    }
}
