//! What can go wrong in the engine, what it is called towards the operator (a reason) and which
//! exit code it becomes. A reason of the source or the settings is final; the rest is tried again.

use streamgate_contract::exit;
use streamgate_contract::ids::TrackId;
use streamgate_contract::job_files::Failure;
use streamgate_contract::reasons::job;

/// A failure of the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No container we open.
    #[error("the source is not a video this engine opens: {0}; use MP4, MOV, MKV, WebM or MPEG-TS")]
    NotAVideo(String),
    /// Media is missing at the end or inside.
    #[error("the source is cut off or damaged: {0}; upload the whole file again")]
    Truncated(String),
    /// Neither pictures nor sound.
    #[error("the source has neither pictures nor sound; use a file with one of them")]
    NoMediaStream,
    /// No bytes or no frames.
    #[error("the source is empty: {0}; upload a file that holds a video")]
    Empty(&'static str),
    /// A codec outside the allow-list.
    #[error(
        "the source's {0} is not decoded here; convert it to a common codec such as H.264 with AAC"
    )]
    UnsupportedCodec(String),
    /// Beyond a limit of the order.
    #[error("the source exceeds a limit: {0}; make it smaller or raise the limit")]
    LimitExceeded(String),
    /// A file with subtitles that cannot be offered.
    #[error("subtitle file {number} of the job is refused: {why}; use SubRip, WebVTT or TTML")]
    Subtitles {
        /// Its place in the job, from 0.
        number: usize,
        /// What is wrong.
        why: String,
    },
    /// A read where no bytes were fetched.
    #[error("byte {0} of the source is needed but outside the byte map of this span")]
    SourceHole(u64),
    /// An encoder run disagrees with the init segment.
    #[error(
        "the codec configuration of track {0} differs from its init segment; plan the job again"
    )]
    InitMismatch(TrackId),
    /// Settings that cannot be met.
    #[error("{0}")]
    Settings(String),
    /// The sandbox could not be entered.
    #[error(transparent)]
    Sandbox(#[from] crate::sandbox::SandboxError),
    /// The courier never came.
    #[error("no order arrived within {0} seconds; see the courier's log")]
    OutOfReach(u64),
    /// A file of the shared folder.
    #[error("cannot {what}: {source}")]
    File {
        /// The operation.
        what: String,
        /// The cause.
        source: std::io::Error,
    },
    /// A call of FFmpeg's libraries.
    #[error("cannot {what}: {source}")]
    Media {
        /// The operation.
        what: &'static str,
        /// The cause.
        source: ffmpeg_next::Error,
    },
    /// An invariant of the engine does not hold.
    #[error("internal error: {0}")]
    Internal(String),
    /// Any of these while encoding a chunk.
    #[error("{source}")]
    InChunk {
        /// The chunk.
        chunk: u32,
        /// What happened.
        source: Box<EngineError>,
    },
}

impl EngineError {
    /// The reason, a word of the contract.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotAVideo(_) => job::NOT_A_VIDEO,
            Self::Truncated(_) => job::TRUNCATED,
            Self::NoMediaStream => job::NO_MEDIA_STREAM,
            Self::Empty(_) => job::EMPTY,
            Self::UnsupportedCodec(_) => job::UNSUPPORTED_CODEC,
            Self::LimitExceeded(_) => job::LIMIT_EXCEEDED,
            Self::Subtitles { .. } => job::SUBTITLES_REFUSED,
            Self::SourceHole(_) => job::SOURCE_HOLE,
            Self::InitMismatch(_) => job::INIT_MISMATCH,
            Self::Settings(_) => job::SETTINGS_REFUSED,
            Self::Sandbox(_) => job::SANDBOX_UNAVAILABLE,
            Self::OutOfReach(_) => job::OUT_OF_REACH,
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                job::VOLUME_FULL
            }
            Self::File { .. } | Self::Media { .. } | Self::Internal(_) => job::INTERNAL,
            Self::InChunk { source, .. } => source.reason(),
        }
    }

    /// The exit code that goes with the reason.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotAVideo(_)
            | Self::Truncated(_)
            | Self::NoMediaStream
            | Self::Empty(_)
            | Self::UnsupportedCodec(_)
            | Self::LimitExceeded(_)
            | Self::Subtitles { .. } => exit::SOURCE_REFUSED,
            Self::Settings(_) | Self::Sandbox(_) => exit::SETTINGS_REFUSED,
            Self::OutOfReach(_) => exit::OUT_OF_REACH,
            Self::InChunk { source, .. } => source.exit_code(),
            _ => exit::INTERNAL,
        }
    }

    /// The failure as the operator reads it.
    pub fn failure(&self) -> Failure {
        let chunk = match self {
            Self::InChunk { chunk, .. } => Some(*chunk),
            _ => None,
        };
        Failure {
            reason: self.reason().to_owned(),
            detail: self.to_string(),
            chunk,
        }
    }

    /// FFmpeg does not get on with the source: its fault, and trying again does not help, unless
    /// the machine's reading failed.
    pub(crate) fn of_source(what: &'static str, source: ffmpeg_next::Error) -> Self {
        use ffmpeg_next::Error;
        match source {
            Error::Other { errno: libc::EIO } => Self::Media { what, source },
            Error::Other {
                errno: libc::ENOMEM,
            } => Self::LimitExceeded(format!(
                "cannot {what}: its headers ask for too large a block of memory"
            )),
            _ => Self::Truncated(format!("cannot {what} ({source})")),
        }
    }

    /// Names the chunk that was in work.
    pub fn in_chunk(self, chunk: u32) -> Self {
        match self {
            Self::InChunk { .. } => self,
            other => Self::InChunk {
                chunk,
                source: Box::new(other),
            },
        }
    }
}

/// Says what was being done when a call of FFmpeg failed.
pub(crate) trait During<T> {
    /// Adds the operation, as the words after "cannot".
    fn during(self, what: &'static str) -> Result<T, EngineError>;

    /// The same for what is done to the source.
    fn of_source(self, what: &'static str) -> Result<T, EngineError>;
}

impl<T> During<T> for Result<T, ffmpeg_next::Error> {
    fn during(self, what: &'static str) -> Result<T, EngineError> {
        self.map_err(|source| EngineError::Media { what, source })
    }

    fn of_source(self, what: &'static str) -> Result<T, EngineError> {
        self.map_err(|source| EngineError::of_source(what, source))
    }
}

/// Says what was being done when a file operation failed.
pub(crate) trait WithFile<T> {
    /// Adds the operation, as the words after "cannot".
    fn doing(self, what: impl Into<String>) -> Result<T, EngineError>;
}

impl<T> WithFile<T> for std::io::Result<T> {
    fn doing(self, what: impl Into<String>) -> Result<T, EngineError> {
        let what = what.into();
        self.map_err(|source| EngineError::File { what, source })
    }
}
