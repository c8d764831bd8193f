//! One x264 run through libavcodec. Everything that decides bytes is said explicitly, nothing is
//! read from the machine: one thread, pinned lookahead, CPU-independent code paths, explicit
//! level, buffer and colour. Times are frame numbers within the run, so a run's bytes depend on
//! its pictures and settings only.

mod level;

use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use streamgate_contract::plan::{Colour, Media, Plan, Ratio, TrackPlan};

use crate::engine;
use crate::error::{During, EngineError};
use crate::package::avc;

/// Settings of a rung's encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoSettings {
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
}

impl VideoSettings {
    /// Settings of a video track of a plan; `None` for other tracks.
    pub fn of(plan: &Plan, track: &TrackPlan) -> Option<Self> {
        let Media::Video {
            width,
            height,
            max_kbps,
            crf,
            frame_rate,
        } = track.media
        else {
            return None;
        };
        Some(Self {
            width,
            height,
            max_kbps,
            crf,
            rate: frame_rate,
            gop_frames: plan.grid.gop_frames,
            segment_frames: plan.grid.segment_frames,
            colour: plan.source.video.colour,
        })
    }

    /// Bits of one segment at the cap: the size of the rate control's buffer.
    fn buffer_bits(&self) -> u64 {
        let frames = u64::from(self.segment_frames) * u64::try_from(self.rate.den).unwrap_or(1);
        let rate = u64::try_from(self.rate.num).unwrap_or(1).max(1);
        (u64::from(self.max_kbps) * 1_000 * frames / rate).max(1_000)
    }

    fn x264_params(&self) -> String {
        format!(
            "threads=1:lookahead-threads=1:sliced-threads=0:sync-lookahead=0:cpu-independent=1:\
             keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:intra-refresh=0:\
             nal-hrd=none:vbv-init=0.9:repeat-headers=0:annexb=1:aud=0:force-cfr=1:\
             videoformat=component:fullrange=off:chromaloc=0{scalar}",
            gop = self.gop_frames,
            scalar = if engine::scalar() { ":asm=0" } else { "" }
        )
    }

    fn options(&self) -> ff::Dictionary<'static> {
        let mut options = ff::Dictionary::new();
        let mut set = |key: &str, value: String| options.set(key, &value);
        set("preset", "veryfast".into());
        set("profile", "high".into());
        set("level", level::level(self, self.buffer_bits()).into());
        set("crf", self.crf.to_string());
        set("maxrate", (u64::from(self.max_kbps) * 1_000).to_string());
        set("bufsize", self.buffer_bits().to_string());
        set("threads", "1".into());
        set("flags", "+global_header+cgop".into());
        set("forced-idr", "1".into());
        set("a53cc", "0".into());
        set("color_primaries", self.colour.primaries.to_string());
        set("color_trc", self.colour.transfer.to_string());
        set("colorspace", self.colour.matrix.to_string());
        set("color_range", "tv".into());
        set("x264-params", self.x264_params());
        options
    }
}

/// A finished picture in decode order.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Frame number within the run.
    pub number: i64,
    /// Starts a closed group.
    pub key: bool,
    /// NAL units with start codes.
    pub data: Vec<u8>,
}

/// One encoder run.
pub struct VideoEncoder {
    encoder: ff::encoder::Video,
}

impl VideoEncoder {
    /// Opens an encoder in its one initial state.
    pub fn open(settings: &VideoSettings) -> Result<Self, EngineError> {
        let codec = ff::encoder::find_by_name("libx264")
            .ok_or_else(|| EngineError::Internal("FFmpeg was built without libx264".into()))?;
        let context = ff::codec::Context::new_with_codec(codec);
        let mut video = context.encoder().video().during("set up x264")?;
        video.set_width(settings.width);
        video.set_height(settings.height);
        video.set_format(ff::format::Pixel::YUV420P);
        video.set_aspect_ratio((1, 1));
        let rate = rational(settings.rate);
        video.set_time_base(rate.invert());
        video.set_frame_rate(Some(rate));
        let encoder = video.open_with(settings.options()).map_err(|e| {
            EngineError::Settings(format!(
                "x264 does not take {}x{} at {} kbit/s ({e}); choose other renditions",
                settings.width, settings.height, settings.max_kbps
            ))
        })?;
        Ok(Self { encoder })
    }

    /// The avcC record of this run.
    pub fn config(&self) -> Result<Vec<u8>, EngineError> {
        // SAFETY: extradata is owned by the open codec context and never changed after opening;
        // it is copied before the borrow of `self` ends.
        let extradata = unsafe {
            let context: *const ffi::AVCodecContext = self.encoder.as_ptr();
            let size = usize::try_from((*context).extradata_size).unwrap_or(0);
            if (*context).extradata.is_null() {
                return Err(EngineError::Internal("x264 gave no headers".into()));
            }
            std::slice::from_raw_parts((*context).extradata, size).to_vec()
        };
        avc::config(&extradata)
    }

    /// Gives a picture; its PTS is its number within the run.
    pub fn send(&mut self, frame: &ff::frame::Video) -> Result<(), EngineError> {
        self.encoder.send_frame(frame).during("encode a picture")
    }

    /// Says that no picture follows.
    pub fn finish(&mut self) -> Result<(), EngineError> {
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

/// A ratio as FFmpeg's.
pub(crate) fn rational(ratio: Ratio) -> ff::Rational {
    let int = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
    ff::Rational::new(int(ratio.num), int(ratio.den))
}
