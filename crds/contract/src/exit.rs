//! Exit codes of the transcoder container; the Job's podFailurePolicy is built from them.

/// Done, and everything of the step is committed.
pub const DONE: u8 = 0;
/// The source is refused for good: typed reason, no retry.
pub const SOURCE_REFUSED: u8 = 64;
/// The settings are refused for good: typed reason, no retry.
pub const SETTINGS_REFUSED: u8 = 65;
/// Something unexpected: tried again within the back-off limit.
pub const INTERNAL: u8 = 70;
/// Gate or store out of reach: ignored by podFailurePolicy and tried again.
pub const OUT_OF_REACH: u8 = 75;
