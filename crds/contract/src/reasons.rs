//! Reasons: stable CamelCase words that people and machines match on. Used as the reason of
//! conditions and Events, in termination messages and in the transcoder's `failed` events.

/// Why a source or a step was refused or failed, as the engine or the courier says it.
pub mod job {
    /// The bytes are no media container we open.
    pub const NOT_A_VIDEO: &str = "NotAVideo";
    /// The container ends before its media does.
    pub const TRUNCATED: &str = "SourceTruncated";
    /// There are neither pictures nor sound.
    pub const NO_MEDIA_STREAM: &str = "NoMediaStream";
    /// The source has no bytes or no frames.
    pub const EMPTY: &str = "SourceEmpty";
    /// A codec we do not decode.
    pub const UNSUPPORTED_CODEC: &str = "UnsupportedCodec";
    /// Picture size, rate, duration or stream count beyond the limits.
    pub const LIMIT_EXCEEDED: &str = "SourceLimitExceeded";
    /// The named source (upload, file in a claim) does not exist.
    pub const SOURCE_NOT_FOUND: &str = "SourceNotFound";
    /// The upload that was to be encoded while it runs was ended, refused or left alone before its last
    /// byte.
    pub const SOURCE_ABANDONED: &str = "SourceAbandoned";
    /// A file with subtitles is none, is cut off or beyond the limits.
    pub const SUBTITLES_REFUSED: &str = "SubtitlesRefused";
    /// A read outside the bytes the plan said this span needs.
    pub const SOURCE_HOLE: &str = "SourceHole";
    /// A chunk's codec configuration differs from the track's init segment.
    pub const INIT_MISMATCH: &str = "InitMismatch";
    /// The settings cannot be met.
    pub const SETTINGS_REFUSED: &str = "SettingsRefused";
    /// The node offers no Landlock and `sandbox` is `Required`.
    pub const SANDBOX_UNAVAILABLE: &str = "SandboxUnavailable";
    /// Gate or store could not be reached in time.
    pub const OUT_OF_REACH: &str = "GateOutOfReach";
    /// No room left on the volume.
    pub const VOLUME_FULL: &str = "VolumeFull";
    /// The kernel ended the container for its memory.
    pub const OUT_OF_MEMORY: &str = "OutOfMemory";
    /// The courier refused a file of the transcoder: link, wrong kind, too large, changed.
    pub const FILE_REFUSED: &str = "FileRefused";
    /// Anything else.
    pub const INTERNAL: &str = "InternalError";
}
