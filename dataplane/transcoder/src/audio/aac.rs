//! libavcodec's AAC-LC encoder in its exact mode, and the init segment that goes with it.

use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use ffmpeg_next::format::sample::{Sample, Type};

use crate::error::{During, EngineError};
use crate::package::init::{self, AudioInit};
use crate::plan::audio_cuts::{FRAME, RATE};

/// Samples the encoder puts before the first one: one frame.
pub const PRIMING: u32 = 1_024;
/// Channels of every audio rendition.
pub const CHANNELS: u32 = 2;

/// The encoder.
pub struct AacEncoder {
    encoder: ff::encoder::Audio,
}

impl AacEncoder {
    /// Opens the encoder at `kbps`.
    pub fn open(kbps: u32) -> Result<Self, EngineError> {
        let codec = ff::encoder::find_by_name("aac")
            .ok_or_else(|| EngineError::Internal("FFmpeg was built without AAC".into()))?;
        let context = ff::codec::Context::new_with_codec(codec);
        let mut audio = context.encoder().audio().during("set up AAC")?;
        audio.set_rate(i32::try_from(RATE).unwrap_or(48_000));
        audio.set_format(Sample::F32(Type::Planar));
        audio.set_channel_layout(ff::ChannelLayout::STEREO);
        audio.set_bit_rate(kbps as usize * 1_000);
        audio.set_time_base((1, i32::try_from(RATE).unwrap_or(48_000)));
        let mut options = ff::Dictionary::new();
        options.set("flags", "+bitexact+global_header");
        options.set("threads", "1");
        let encoder = audio.open_with(options).map_err(|e| {
            EngineError::Settings(format!(
                "AAC does not take {kbps} kbit/s ({e}); use 32 to 512"
            ))
        })?;
        Ok(Self { encoder })
    }

    /// The AudioSpecificConfig.
    pub fn config(&self) -> Vec<u8> {
        // SAFETY: extradata is owned by the open codec context and never changed after opening;
        // it is copied before the borrow of `self` ends.
        unsafe {
            let context: *const ffi::AVCodecContext = self.encoder.as_ptr();
            let size = usize::try_from((*context).extradata_size).unwrap_or(0);
            if (*context).extradata.is_null() {
                return Vec::new();
            }
            std::slice::from_raw_parts((*context).extradata, size).to_vec()
        }
    }

    /// Gives one frame of 1024 samples, left and right.
    pub fn send(&mut self, number: u64, channels: [&[f32]; 2]) -> Result<(), EngineError> {
        let length = channels[0].len();
        let mut frame =
            ff::frame::Audio::new(Sample::F32(Type::Planar), length, ff::ChannelLayout::STEREO);
        frame.set_rate(RATE);
        frame.set_pts(i64::try_from(number * FRAME).ok());
        for (plane, samples) in channels.iter().enumerate() {
            frame.plane_mut::<f32>(plane)[..length].copy_from_slice(samples);
        }
        self.encoder.send_frame(&frame).during("encode audio")
    }

    /// Says that no frame follows.
    pub fn finish(&mut self) -> Result<(), EngineError> {
        self.encoder.send_eof().during("finish encoding audio")
    }

    /// The next AAC frame.
    pub fn receive(&mut self) -> Result<Option<Vec<u8>>, EngineError> {
        let mut packet = ff::Packet::empty();
        match self.encoder.receive_packet(&mut packet) {
            Ok(()) => Ok(Some(packet.data().unwrap_or_default().to_vec())),
            Err(ff::Error::Eof) => Ok(None),
            Err(ff::Error::Other { errno }) if errno == libc::EAGAIN => Ok(None),
            Err(e) => Err(e).during("take encoded audio"),
        }
    }
}

/// The init segment of the audio track.
pub fn init_segment(
    encoder: &AacEncoder,
    kbps: u32,
    language: &str,
) -> Result<Vec<u8>, EngineError> {
    let plain = language.len() == 3 && language.bytes().all(|b| b.is_ascii_lowercase());
    init::audio(&AudioInit {
        config: &encoder.config(),
        rate: RATE,
        channels: CHANNELS,
        priming: PRIMING,
        bit_rate: kbps * 1_000,
        language: if plain { language } else { "und" },
    })
}
