//! The cascade: the tallest rung is scaled from the decoded picture, every other from the shortest
//! rung at least twice as tall, else from the tallest; one of the same size in another codec takes
//! its pictures. Less than halving twice in a row costs more
//! quality than it saves work: 720 to 540 to 480 lines loses 0.9 VMAF, 720 to 480 to 240 loses 0.1.
//!
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
    matrix: u8,
}

struct Rung {
    /// The rung it is scaled from; the decoded picture if none.
    above: Option<usize>,
    width: u32,
    height: u32,
    scaler: Option<Scaler>,
    spare: Spare,
}

/// Which of the rungs rung `n` is scaled from: one before it that is not lower. Those of one codec
/// stand tallest first, and codecs behind each other.
fn above(heights: &[u32], n: usize) -> Option<usize> {
    let height = *heights.get(n)?;
    let before = || heights.iter().copied().enumerate().take(n);
    let same = before().find(|(_, h)| *h == height);
    let halved = before().filter(|(_, h)| h / 2 >= height);
    let tallest = before().filter(|(_, h)| *h > height);
    let chosen = same
        .or(halved.min_by_key(|(_, h)| *h))
        .or(tallest.max_by_key(|(_, h)| *h));
    chosen.map(|(index, _)| index)
}

/// Pictures that come back when nobody holds them any more: new ones would cost the kernel's
/// clearing of every page, and as many as are on their way at once are enough.
#[derive(Default)]
struct Spare(Vec<Arc<ff::frame::Video>>);

impl Spare {
    /// A picture nobody else holds.
    fn take(&mut self) -> ff::frame::Video {
        let free = self.0.iter().position(|p| Arc::strong_count(p) == 1);
        let picture = free.map(|at| self.0.swap_remove(at));
        picture
            .and_then(Arc::into_inner)
            .unwrap_or_else(ff::frame::Video::empty)
    }

    fn lend(&mut self, picture: ff::frame::Video) -> Arc<ff::frame::Video> {
        let picture = Arc::new(picture);
        self.0.push(picture.clone());
        picture
    }
}

/// A scaler and what it was made for: pictures may change in mid-stream.
struct Scaler {
    context: Context,
    full_range: bool,
}

impl Cascade {
    /// Scalers for these sizes, tallest first; `matrix` (H.273) is that of the result.
    pub fn new(sizes: impl IntoIterator<Item = (u32, u32)>, matrix: u8) -> Self {
        let sizes: Vec<(u32, u32)> = sizes.into_iter().collect();
        let heights: Vec<u32> = sizes.iter().map(|s| s.1).collect();
        let rung = |(n, (width, height))| Rung {
            above: above(&heights, n),
            width,
            height,
            scaler: None,
            spare: Spare::default(),
        };
        Self {
            rungs: sizes.into_iter().enumerate().map(rung).collect(),
            matrix,
        }
    }

    /// The picture in every size, in the order of the sizes. PTS, kind and captions are carried over.
    pub fn scale(
        &mut self,
        picture: ff::frame::Video,
    ) -> Result<Vec<Arc<ff::frame::Video>>, EngineError> {
        let decoded = Arc::new(picture);
        let mut pictures: Vec<Arc<ff::frame::Video>> = Vec::with_capacity(self.rungs.len());
        for rung in &mut self.rungs {
            let above = rung.above.and_then(|n| pictures.get(n));
            let scaled = rung.scale(above.unwrap_or(&decoded), self.matrix)?;
            pictures.push(scaled);
        }
        Ok(pictures)
    }
}

impl Rung {
    fn scale(
        &mut self,
        from: &Arc<ff::frame::Video>,
        matrix: u8,
    ) -> Result<Arc<ff::frame::Video>, EngineError> {
        let full_range =
            from.color_range() == ff::color::Range::JPEG || from.format() == Pixel::YUVJ420P;
        let same = (from.width(), from.height()) == (self.width, self.height);
        if same && from.format() == Pixel::YUV420P && !full_range {
            return Ok(from.clone());
        }
        let mut to = self.spare.take();
        // The encoder may still hold the pixels; then writing would change what it reads.
        if !writable(&to) {
            to = ff::frame::Video::empty();
        }
        self.scaler(from, full_range, matrix)?
            .run(from, &mut to)
            .during("scale a picture")?;
        to.set_pts(from.pts());
        to.set_kind(from.kind());
        to.set_color_range(ff::color::Range::MPEG);
        carry_captions(from, &mut to)?;
        Ok(self.spare.lend(to))
    }

    fn scaler(
        &mut self,
        from: &ff::frame::Video,
        full_range: bool,
        matrix: u8,
    ) -> Result<&mut Context, EngineError> {
        let fits = |s: &Scaler| {
            let input = s.context.input();
            (input.format, input.width, input.height, s.full_range)
                == (from.format(), from.width(), from.height(), full_range)
        };
        if !self.scaler.as_ref().is_some_and(fits) {
            self.scaler = Some(Scaler {
                context: self.context(from, full_range, matrix)?,
                full_range,
            });
        }
        self.scaler
            .as_mut()
            .map(|s| &mut s.context)
            .ok_or_else(|| EngineError::Internal("a scaler is missing".into()))
    }

    fn context(
        &self,
        from: &ff::frame::Video,
        full_range: bool,
        matrix: u8,
    ) -> Result<Context, EngineError> {
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
        .of_source("set up scaling")?;
        // SAFETY: the scaler is initialised; the coefficient tables are static data of swscale. They
        // are the same on both sides: only the range is converted, unless the source is RGB.
        unsafe {
            let table = ffi::sws_getCoefficients(matrix.into());
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

/// Takes over the captions that ride in a picture (CEA-608, ATSC A/53), and drops those of a picture
/// that was here before.
fn carry_captions(from: &ff::frame::Video, to: &mut ff::frame::Video) -> Result<(), EngineError> {
    const CAPTIONS: ffi::AVFrameSideDataType = ffi::AVFrameSideDataType::AV_FRAME_DATA_A53_CC;
    // SAFETY: both frames are valid for the call and `to` belongs to this function alone. The new
    // reference to the captions' buffer is owned by `to` if that takes it, and given back if not.
    unsafe {
        ffi::av_frame_remove_side_data(to.as_mut_ptr(), CAPTIONS);
        let captions = ffi::av_frame_get_side_data(from.as_ptr(), CAPTIONS);
        if captions.is_null() {
            return Ok(());
        }
        let mut buffer = ffi::av_buffer_ref((*captions).buf);
        let taken = ffi::av_frame_new_side_data_from_buf(to.as_mut_ptr(), CAPTIONS, buffer);
        if taken.is_null() {
            ffi::av_buffer_unref(&mut buffer);
            return Err(EngineError::Internal("no memory for captions".into()));
        }
    }
    Ok(())
}

/// The pixels of a picture belong to it alone.
fn writable(picture: &ff::frame::Video) -> bool {
    // SAFETY: the frame is valid for the borrow and only its reference counts are read.
    unsafe { ffi::av_frame_is_writable(picture.as_ptr().cast_mut()) > 0 }
}

#[cfg(test)]
mod tests {
    use super::above;

    #[test]
    fn rungs_are_halved_or_taken_from_the_tallest() {
        let heights = [1080, 720, 540, 480, 360, 240];
        let from: Vec<_> = (0..6).map(|n| above(&heights, n)).collect();
        assert_eq!(from, [None, Some(0), Some(0), Some(0), Some(1), Some(3)]);
    }

    #[test]
    fn a_taller_rung_of_another_codec_is_not_enlarged_from_a_lower_one() {
        let heights = [360, 240, 1080, 540, 360];
        let from: Vec<_> = (0..5).map(|n| above(&heights, n)).collect();
        assert_eq!(from, [None, Some(0), None, Some(2), Some(0)]);
    }
}
