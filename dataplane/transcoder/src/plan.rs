//! The decisions of Plan as pure functions: grid, ladder, byte map, audio cuts. Numbers in,
//! numbers out; nothing here opens a file or knows FFmpeg, so every law has a table or a
//! property test beside it.

pub mod audio_cuts;
pub mod byte_map;
pub mod grid;
pub mod ladder;
pub mod language;
pub mod timeline;
