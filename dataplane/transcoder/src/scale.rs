//! The cascade: each rung is scaled from the one above, the tallest from the decoded picture.
//! swscale in its exact mode, so that the machine's vector units do not change the bytes.

use std::sync::Arc;

use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling::{Context, Flags};

use crate::error::{During, EngineError};

/// Scalers of a ladder.
pub struct Cascade {
    rungs: Vec<Rung>,
}

struct Rung {
    width: u32,
    height: u32,
    scaler: Option<Scaler>,
}

/// A scaler and what it was made for: pictures may change in mid-stream.
struct Scaler {
    context: Context,
    full_range: bool,
}

impl Cascade {
    /// Scalers for these sizes, tallest first.
    pub fn new(sizes: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let rung = |(width, height)| Rung {
            width,
            height,
            scaler: None,
        };
        Self {
            rungs: sizes.into_iter().map(rung).collect(),
        }
    }

    /// The picture in every size, in the order of the sizes. PTS and kind are carried over.
    pub fn scale(
        &mut self,
        picture: ff::frame::Video,
    ) -> Result<Vec<Arc<ff::frame::Video>>, EngineError> {
        let mut above = Arc::new(picture);
        let mut pictures = Vec::with_capacity(self.rungs.len());
        for rung in &mut self.rungs {
            above = rung.scale(&above)?;
            pictures.push(above.clone());
        }
        Ok(pictures)
    }
}

impl Rung {
    fn scale(
        &mut self,
        from: &Arc<ff::frame::Video>,
    ) -> Result<Arc<ff::frame::Video>, EngineError> {
        let full_range =
            from.color_range() == ff::color::Range::JPEG || from.format() == Pixel::YUVJ420P;
        let same = (from.width(), from.height()) == (self.width, self.height);
        if same && from.format() == Pixel::YUV420P && !full_range {
            return Ok(from.clone());
        }
        let mut to = ff::frame::Video::empty();
        self.scaler(from, full_range)?
            .run(from, &mut to)
            .during("scale a picture")?;
        to.set_pts(from.pts());
        to.set_kind(from.kind());
        to.set_color_range(ff::color::Range::MPEG);
        Ok(Arc::new(to))
    }

    fn scaler(
        &mut self,
        from: &ff::frame::Video,
        full_range: bool,
    ) -> Result<&mut Context, EngineError> {
        let fits = |s: &Scaler| {
            let input = s.context.input();
            (input.format, input.width, input.height, s.full_range)
                == (from.format(), from.width(), from.height(), full_range)
        };
        if !self.scaler.as_ref().is_some_and(fits) {
            self.scaler = Some(Scaler {
                context: self.context(from, full_range)?,
                full_range,
            });
        }
        self.scaler
            .as_mut()
            .map(|s| &mut s.context)
            .ok_or_else(|| EngineError::Internal("a scaler is missing".into()))
    }

    fn context(&self, from: &ff::frame::Video, full_range: bool) -> Result<Context, EngineError> {
        let flags = Flags::BICUBIC | Flags::ACCURATE_RND | Flags::BITEXACT;
        let mut context = Context::get(
            from.format(),
            from.width(),
            from.height(),
            Pixel::YUV420P,
            self.width,
            self.height,
            flags,
        )
        .during("set up scaling")?;
        // SAFETY: the scaler is initialised; the coefficient tables are static data of swscale and
        // the same on both sides, so only the range is converted.
        unsafe {
            let table = ffi::sws_getCoefficients(ffi::SWS_CS_DEFAULT);
            let (one, range) = (1 << 16, i32::from(full_range));
            ffi::sws_setColorspaceDetails(
                context.as_mut_ptr(),
                table,
                range,
                table,
                0,
                0,
                one,
                one,
            );
        }
        Ok(context)
    }
}
