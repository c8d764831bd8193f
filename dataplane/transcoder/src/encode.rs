//! One run of a video encoder through libavcodec. Times are frame numbers within the run, so a
//! run's bytes depend on its pictures and settings only.

mod level;
mod options;

use std::collections::BTreeMap;

use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use streamgate_contract::plan::{Colour, Media, Plan, Ratio, TrackPlan};
use streamgate_contract::renditions::VideoCodec;

use crate::error::{During, EngineError};
use crate::package;

/// Settings of a rung's encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoSettings {
    /// Codec.
    pub codec: VideoCodec,
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
    /// Cap in kbit/s over one segment.
    pub max_kbps: u32,
    /// Constant rate factor.
    pub crf: u32,
    /// Average frames per second.
    pub rate: Ratio,
    /// Frames in a group of pictures.
    pub gop_frames: u32,
    /// Frames in a segment.
    pub segment_frames: u32,
    /// Colour to declare.
    pub colour: Colour,
    /// Options of the encoder, as the contract allows them.
    pub options: BTreeMap<String, String>,
}

impl VideoSettings {
    /// Settings of a video track of a plan; `None` for other tracks.
    pub fn of(plan: &Plan, track: &TrackPlan) -> Option<Self> {
        let Media::Video {
            codec,
            width,
            height,
            max_kbps,
            crf,
            frame_rate,
            ref options,
        } = track.media
        else {
            return None;
        };
        Some(Self {
            codec,
            width,
            height,
            max_kbps,
            crf,
            rate: frame_rate,
            gop_frames: plan.grid.gop_frames,
            segment_frames: plan.grid.segment_frames,
            colour: plan.source.video.as_ref()?.colour,
            options: options.clone(),
        })
    }

    /// Bits of one segment at the cap: the size of the rate control's buffer.
    fn buffer_bits(&self) -> u64 {
        let frames = u64::from(self.segment_frames) * u64::try_from(self.rate.den).unwrap_or(1);
        let rate = u64::try_from(self.rate.num).unwrap_or(1).max(1);
        (u64::from(self.max_kbps) * 1_000 * frames / rate).max(1_000)
    }

    fn refused(&self, error: ff::Error) -> EngineError {
        EngineError::Settings(format!(
            "{} does not take {}x{} at {} kbit/s ({error}); choose other renditions",
            options::encoder(self.codec),
            self.width,
            self.height,
            self.max_kbps
        ))
    }
}

/// A finished picture in decode order.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Frame number within the run.
    pub number: i64,
    /// Starts a closed group.
    pub key: bool,
    /// As the encoder gives it: NAL units with start codes, OBUs, a VP9 frame.
    pub data: Vec<u8>,
}

/// One encoder run.
pub struct VideoEncoder {
    encoder: ff::encoder::Video,
    codec: VideoCodec,
    size: (u32, u32),
    begun: bool,
    finished: bool,
}

impl VideoEncoder {
    /// Opens an encoder in its one initial state.
    pub fn open(settings: &VideoSettings) -> Result<Self, EngineError> {
        let name = options::encoder(settings.codec);
        let codec = ff::encoder::find_by_name(name)
            .ok_or_else(|| EngineError::Internal(format!("FFmpeg was built without {name}")))?;
        let context = ff::codec::Context::new_with_codec(codec);
        let mut video = context.encoder().video().during("set up a video encoder")?;
        video.set_width(settings.width);
        video.set_height(settings.height);
        video.set_format(ff::format::Pixel::YUV420P);
        video.set_aspect_ratio((1, 1));
        let rate = rational(settings.rate);
        video.set_time_base(rate.invert());
        video.set_frame_rate(Some(rate));
        let encoder = video
            .open_with(options::options(settings))
            .map_err(|e| settings.refused(e))?;
        Ok(Self {
            encoder,
            codec: settings.codec,
            size: (settings.width, settings.height),
            begun: false,
            finished: false,
        })
    }

    /// The record of this run's configuration, for the sample entry.
    pub fn config(&self, settings: &VideoSettings) -> Result<Vec<u8>, EngineError> {
        package::config(settings, &self.headers())
    }

    /// What a decoder of this run's pictures has to know.
    fn parameters(&self) -> ff::codec::Parameters {
        ff::codec::Parameters::from(&self.encoder)
    }

    /// A decoder of this run's pictures, with one thread.
    pub fn decoder(&self) -> Result<ff::decoder::Video, EngineError> {
        let context = ff::codec::Context::from_parameters(self.parameters());
        let mut context = context.during("set up decoding")?;
        context.set_threading(ff::codec::threading::Config {
            kind: ff::codec::threading::Type::None,
            count: 1,
            ..Default::default()
        });
        let decoder = context.decoder().video();
        decoder.during("open the decoder of what was encoded")
    }

    fn headers(&self) -> Vec<u8> {
        // SAFETY: extradata is owned by the open codec context and never changed after opening;
        // it is copied before the borrow of `self` ends.
        unsafe {
            let context: *const ffi::AVCodecContext = self.encoder.as_ptr();
            let size = usize::try_from((*context).extradata_size).unwrap_or(0);
            match (*context).extradata.is_null() {
                true => Vec::new(),
                false => std::slice::from_raw_parts((*context).extradata, size).to_vec(),
            }
        }
    }

    /// Gives a picture; its PTS is its number within the run.
    pub fn send(&mut self, frame: &ff::frame::Video) -> Result<(), EngineError> {
        self.begun = true;
        self.encoder.send_frame(frame).during("encode a picture")
    }

    /// Says that no picture follows.
    pub fn finish(&mut self) -> Result<(), EngineError> {
        self.finished = true;
        self.encoder.send_eof().during("finish an encoder run")
    }

    /// The next finished picture, `None` when more must be sent or all is out.
    pub fn receive(&mut self) -> Result<Option<Encoded>, EngineError> {
        let mut packet = ff::Packet::empty();
        match self.encoder.receive_packet(&mut packet) {
            Ok(()) => Ok(Some(Encoded {
                number: packet.pts().unwrap_or(-1),
                key: packet.is_key(),
                data: packet.data().unwrap_or_default().to_vec(),
            })),
            Err(ff::Error::Eof) => Ok(None),
            Err(ff::Error::Other { errno }) if errno == libc::EAGAIN => Ok(None),
            Err(e) => Err(e).during("take an encoded picture"),
        }
    }
}

impl Drop for VideoEncoder {
    /// Closing SVT-AV1 waits for its threads, which end after the last picture alone: an encoder
    /// that was opened for its headers, or left in the middle, is brought to its end first.
    fn drop(&mut self) {
        if self.codec != VideoCodec::Av1 || self.finished {
            return;
        }
        if !self.begun && self.send(&grey(self.size)).is_err() {
            return;
        }
        if self.finish().is_ok() {
            while let Ok(Some(_)) = self.receive() {}
        }
    }
}

/// A picture for an encoder of which nothing but its word about itself is wanted.
pub(crate) fn grey((width, height): (u32, u32)) -> ff::frame::Video {
    let mut frame = ff::frame::Video::new(ff::format::Pixel::YUV420P, width, height);
    for plane in 0..frame.planes() {
        frame.data_mut(plane).fill(128);
    }
    frame.set_pts(Some(0));
    frame
}

/// A ratio as FFmpeg's.
pub(crate) fn rational(ratio: Ratio) -> ff::Rational {
    let int = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
    ff::Rational::new(int(ratio.num), int(ratio.den))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings of a rung of 25 frames a second.
    pub(crate) fn settings(width: u32, height: u32, max_kbps: u32) -> VideoSettings {
        VideoSettings {
            codec: VideoCodec::H264,
            width,
            height,
            max_kbps,
            crf: 23,
            rate: Ratio { num: 25, den: 1 },
            gop_frames: 50,
            segment_frames: 100,
            colour: Colour::default(),
            options: BTreeMap::new(),
        }
    }
}
