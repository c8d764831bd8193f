//! CMAF packaging with the boxes of `mp4-atom`: init segments and media segments as values in,
//! bytes out. `tfdt` is the grid's time, composition offsets are signed, there is no edit list on
//! video; the first picture of a segment has a `moof` of its own for I-frame playlists.

mod av1;
mod avc;
mod hevc;
pub mod init;
mod nal;
pub mod segment;
pub mod subtitle;
mod vp9;

use streamgate_contract::renditions::VideoCodec;

use crate::encode::VideoSettings;
use crate::error::EngineError;

/// The record of an encoder's configuration that goes into the sample entry: avcC, hvcC, av1C or
/// vpcC, without the box around it.
pub fn config(settings: &VideoSettings, headers: &[u8]) -> Result<Vec<u8>, EngineError> {
    match settings.codec {
        VideoCodec::H264 => avc::config(headers),
        VideoCodec::Hevc => hevc::config(headers),
        VideoCodec::Av1 => av1::config(headers),
        VideoCodec::Vp9 => Ok(vp9::config(settings)),
    }
}

/// What a codecs parameter (RFC 6381) calls a record.
pub fn codecs(settings: &VideoSettings, record: &[u8]) -> String {
    match settings.codec {
        VideoCodec::H264 => avc::codecs(record),
        VideoCodec::Hevc => hevc::codecs(record),
        VideoCodec::Av1 => av1::codecs(record, settings.colour),
        VideoCodec::Vp9 => vp9::codecs(record),
    }
}

/// A picture as an encoder gives it, as a sample.
pub fn sample(codec: VideoCodec, picture: Vec<u8>) -> Vec<u8> {
    match codec {
        VideoCodec::H264 | VideoCodec::Hevc => nal::sample(&picture),
        VideoCodec::Av1 => av1::sample(&picture),
        VideoCodec::Vp9 => picture,
    }
}
