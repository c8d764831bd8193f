//! The encoders of sound: libavcodec's AAC-LC in its exact mode, and libopus; 48 kHz stereo.

use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use ffmpeg_next::format::sample::{Sample, Type};
use streamgate_contract::renditions::{AudioCodec, AudioSettings};

use crate::error::{During, EngineError};
use crate::plan::audio_cuts::{Framing, RATE};

/// Channels of every encoded rendition.
pub const CHANNELS: u32 = 2;

/// An encoder.
pub struct SoundEncoder {
    encoder: ff::encoder::Audio,
    format: Sample,
    frame: usize,
}

impl SoundEncoder {
    /// Opens an encoder.
    pub fn open(codec: AudioCodec, kbps: u32) -> Result<Self, EngineError> {
        let (name, format) = match codec {
            AudioCodec::Aac => ("aac", Sample::F32(Type::Planar)),
            AudioCodec::Opus => ("libopus", Sample::F32(Type::Packed)),
        };
        let found = ff::encoder::find_by_name(name)
            .ok_or_else(|| EngineError::Internal(format!("FFmpeg was built without {name}")))?;
        let context = ff::codec::Context::new_with_codec(found);
        let mut audio = context.encoder().audio().during("set up audio encoding")?;
        let rate = i32::try_from(RATE).unwrap_or(48_000);
        audio.set_rate(rate);
        audio.set_format(format);
        audio.set_channel_layout(ff::ChannelLayout::STEREO);
        audio.set_bit_rate(kbps as usize * 1_000);
        audio.set_time_base((1, rate));
        let mut options = ff::Dictionary::new();
        options.set("flags", "+bitexact+global_header");
        options.set("threads", "1");
        let encoder = audio.open_with(options).map_err(|e| {
            EngineError::Settings(format!(
                "{name} does not take {kbps} kbit/s ({e}); use 32 to 512"
            ))
        })?;
        let frame = encoder.frame_size() as usize;
        Ok(Self {
            encoder,
            format,
            frame,
        })
    }

    /// Opens the encoder that `settings` ask for.
    pub fn of(settings: &AudioSettings) -> Result<Self, EngineError> {
        Self::open(settings.codec, settings.kbps)
    }

    /// How its frames come.
    pub fn framing(&self) -> Framing {
        // SAFETY: a plain field of the open context that is set while opening.
        let padding = unsafe { (*self.encoder.as_ptr()).initial_padding };
        Framing {
            frame: self.frame as u64,
            priming: u64::try_from(padding).unwrap_or(0),
            rate: RATE,
        }
    }

    /// The encoder's headers: the AudioSpecificConfig of AAC.
    pub fn headers(&self) -> Vec<u8> {
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

    /// Gives one frame, left and right, that begins at sample `start`.
    pub fn send(&mut self, start: u64, channels: [&[f32]; 2]) -> Result<(), EngineError> {
        let length = channels[0].len();
        let mut frame = ff::frame::Audio::new(self.format, length, ff::ChannelLayout::STEREO);
        frame.set_rate(RATE);
        frame.set_pts(i64::try_from(start).ok());
        if self.format.is_planar() {
            for (plane, samples) in channels.iter().enumerate() {
                frame.plane_mut::<f32>(plane)[..length].copy_from_slice(samples);
            }
        } else {
            let pairs = channels[0].iter().zip(channels[1]);
            for (pair, (left, right)) in frame.plane_mut::<(f32, f32)>(0).iter_mut().zip(pairs) {
                *pair = (*left, *right);
            }
        }
        self.encoder.send_frame(&frame).during("encode audio")
    }

    /// Says that no frame follows.
    pub fn finish(&mut self) -> Result<(), EngineError> {
        self.encoder.send_eof().during("finish encoding audio")
    }

    /// The next encoded frame.
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
