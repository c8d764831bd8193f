//! CMAF packaging with the boxes of `mp4-atom`: init segments and media segments as values in,
//! bytes out. `tfdt` is the grid's time, composition offsets are signed, there is no edit list on
//! video; the first picture of a segment has a `moof` of its own for I-frame playlists.

pub mod avc;
pub mod init;
pub mod segment;
