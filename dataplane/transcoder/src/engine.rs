//! Which engine this is: crate, FFmpeg's libraries and x264. The same bytes come only from the
//! same engine, so a plan names it and another engine refuses the plan.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use streamgate_contract::plan::{Colour, Plan, Ratio};
use streamgate_contract::renditions::VideoCodec;

use crate::encode::{VideoEncoder, VideoSettings, grey};
use crate::error::EngineError;

/// Large blocks of this size or more go back to the kernel when freed. Left to itself glibc moves
/// the bound up with every large block freed, and each thread's heap keeps the pictures of others.
const LARGE: libc::c_int = 1 << 20;

/// Most bytes of one allocation of FFmpeg's libraries: holds a picture of the largest size allowed
/// and the index of a day of video; a header that promises more is lying.
const MAX_ALLOCATION: usize = 256 << 20;

/// With this variable set the machine's vector units are left alone. Tests show by it that they do
/// not decide the bytes; nothing else sets it.
const SCALAR: &str = "STREAMGATE_TEST_SCALAR";

/// Vector units are masked.
pub(crate) fn scalar() -> bool {
    static SCALAR_SET: OnceLock<bool> = OnceLock::new();
    *SCALAR_SET.get_or_init(|| std::env::var_os(SCALAR).is_some())
}

/// Prepares FFmpeg's libraries: quiet, since what they say of hostile media helps nobody.
pub fn prepare() -> Result<(), EngineError> {
    // SAFETY: `mallopt` only sets numbers of the allocator; it may be called at any time.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
    ff::init().map_err(|e| EngineError::Internal(format!("FFmpeg does not start: {e}")))?;
    ff::log::set_level(ff::log::Level::Fatal);
    // SAFETY: both calls only set a number of libavutil, before anything of it is in use.
    unsafe {
        ffi::av_max_alloc(MAX_ALLOCATION);
        if scalar() {
            ffi::av_force_cpu_flags(0);
        }
    }
    Ok(())
}

/// The engine's name.
pub fn name() -> Result<&'static str, EngineError> {
    static NAME: OnceLock<String> = OnceLock::new();
    if let Some(name) = NAME.get() {
        return Ok(name);
    }
    let codec = ff::codec::version();
    let name = format!(
        "streamgate-transcoder {} libavcodec {}.{}.{} {}",
        env!("CARGO_PKG_VERSION"),
        codec >> 16,
        codec >> 8 & 0xff,
        codec & 0xff,
        x264()?
    );
    Ok(NAME.get_or_init(|| name))
}

/// Refuses the plan of another engine.
pub fn check(plan: &Plan) -> Result<(), EngineError> {
    let own = name()?;
    if plan.engine == own {
        return Ok(());
    }
    Err(EngineError::Settings(format!(
        "the plan was made by engine {:?} and this is {own:?}; run the job on the image that planned it, or plan it again",
        plan.engine
    )))
}

/// x264's build, which it only tells inside a stream: so one small picture is encoded.
fn x264() -> Result<String, EngineError> {
    let settings = VideoSettings {
        codec: VideoCodec::H264,
        width: 64,
        height: 64,
        max_kbps: 100,
        crf: 30,
        rate: Ratio { num: 25, den: 1 },
        gop_frames: 1,
        segment_frames: 1,
        colour: Colour::default(),
        options: BTreeMap::new(),
    };
    let mut encoder = VideoEncoder::open(&settings)?;
    encoder.send(&grey((64, 64)))?;
    encoder.finish()?;
    let data = encoder.receive()?.map(|p| p.data).unwrap_or_default();
    let text = String::from_utf8_lossy(&data);
    let build = text
        .split_once("x264 - ")
        .and_then(|(_, rest)| rest.split_once(" - "))
        .map(|(build, _)| build.to_owned());
    build
        .map(|b| format!("x264 {b}"))
        .ok_or_else(|| EngineError::Internal("x264 does not say its build".into()))
}
