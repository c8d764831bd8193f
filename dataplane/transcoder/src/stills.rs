//! Poster and storyboard as JPEG images, from key frames of the source: a picture for a tile costs a
//! seek and the decoding of one packet, so Plan can make them for hours of video in a moment.

use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling::{Context, Flags};
use sha2::{Digest, Sha256};
use streamgate_contract::plan::VideoFacts;
use streamgate_contract::stills::{StillPlan, Stills, Tiles};

use crate::decode::{MAX_PIXELS, seek_to_key};
use crate::error::{During, EngineError};
use crate::input::{Depth, MediaInput};
use crate::source::Source;
use crate::treat::Treat;

/// Most tiles of a storyboard.
const MOST_TILES: u64 = 100;
/// Tiles in a row.
const COLUMNS: u32 = 10;
/// Least media time of a tile, in milliseconds.
const LEAST_MILLISECONDS: u64 = 1_000;
/// Height of a tile in pixels.
const TILE_HEIGHT: u32 = 90;
/// Most height of a poster in pixels.
const POSTER_HEIGHT: u32 = 720;
/// The poster is the picture after this share of the whole, in percent.
const POSTER_PERCENT: u64 = 10;
/// Quantiser of JPEG, from 1 (best) to 31.
const QUANTISER: i32 = 4;
/// Matrix of JPEG (H.273): that of BT.601.
const JPEG_MATRIX: i32 = 5;

/// The stills and their bytes.
pub struct Made {
    /// What the plan says of them.
    pub plan: Stills,
    /// A JPEG image.
    pub poster: Vec<u8>,
    /// A JPEG image.
    pub storyboard: Vec<u8>,
}

/// Makes the stills of a video whose tallest rung has this size.
pub fn make(source: &Source, facts: &VideoFacts, size: (u32, u32)) -> Result<Made, EngineError> {
    let mut keys = KeyPictures::open(source, facts)?;
    let milliseconds = facts.duration_milliseconds().max(1);
    let poster_size = at_height(size, size.1.min(POSTER_HEIGHT));
    let poster = keys.seek(milliseconds * POSTER_PERCENT / 100)?;
    let poster = jpeg(&scaled(&keys.decode(&poster)?, poster_size, facts)?)?;

    let tiles = tiles(milliseconds, size);
    let sheet_size = (tiles.columns * tiles.width, tiles.rows() * tiles.height);
    let mut sheet = Sheet::new(sheet_size);
    let mut last: Option<(Option<i64>, ff::frame::Video)> = None;
    for number in 0..tiles.count {
        let at = u64::from(number) * u64::from(tiles.milliseconds);
        let key = keys.seek(at)?;
        let tile = match last.take() {
            // Many tiles lie between two key frames: what the last one shows is this one, too.
            Some((of, tile)) if of.is_some() && of == key.pts() => tile,
            _ => scaled(&keys.decode(&key)?, (tiles.width, tiles.height), facts)?,
        };
        sheet.place(&tile, tiles.corner(number));
        last = Some((key.pts(), tile));
    }
    let storyboard = jpeg(&sheet.0)?;
    let plan = Stills {
        poster: described(&poster, poster_size),
        storyboard: described(&storyboard, sheet_size),
        tiles,
    };
    Ok(Made {
        plan,
        poster,
        storyboard,
    })
}

/// How many tiles a video gets, and how large.
fn tiles(milliseconds: u64, size: (u32, u32)) -> Tiles {
    let each = milliseconds.div_ceil(MOST_TILES).max(LEAST_MILLISECONDS);
    let count = u32::try_from(milliseconds.div_ceil(each))
        .unwrap_or(1)
        .max(1);
    let (width, height) = at_height(size, TILE_HEIGHT);
    Tiles {
        count,
        columns: count.min(COLUMNS),
        width,
        height,
        milliseconds: u32::try_from(each).unwrap_or(u32::MAX),
    }
}

/// The size at another height, rounded to even both ways.
fn at_height((width, height): (u32, u32), wanted: u32) -> (u32, u32) {
    let wanted = (wanted & !1).max(2);
    let height = u64::from(height.max(1));
    let half = (u64::from(width) * u64::from(wanted) + height) / (2 * height);
    let even = u32::try_from(half * 2).unwrap_or(u32::MAX) & !1;
    (even.clamp(2, 16 * wanted), wanted)
}

fn described(bytes: &[u8], (width, height): (u32, u32)) -> StillPlan {
    StillPlan {
        sha256: hex::encode(Sha256::digest(bytes)),
        bytes: bytes.len() as u64,
        width,
        height,
    }
}

/// Key frames of a source, each decoded alone.
struct KeyPictures<'a> {
    input: MediaInput,
    decoder: ff::decoder::Video,
    facts: &'a VideoFacts,
}

impl<'a> KeyPictures<'a> {
    fn open(source: &Source, facts: &'a VideoFacts) -> Result<Self, EngineError> {
        let stream = facts.stream as usize;
        let mut input = MediaInput::open(source, Depth::Index)?;
        input.select(stream);
        let found = input.context().stream(stream);
        let parameters = found.ok_or(EngineError::Empty("no pictures"))?.parameters();
        let mut context =
            ff::codec::Context::from_parameters(parameters).of_source("set up decoding")?;
        context.set_threading(ff::codec::threading::Config {
            kind: ff::codec::threading::Type::None,
            count: 1,
            ..Default::default()
        });
        // SAFETY: a plain field of a context that is not open yet.
        unsafe { (*context.as_mut_ptr()).max_pixels = MAX_PIXELS };
        let decoder = context.decoder().video();
        Ok(Self {
            input,
            decoder: decoder.of_source("open the video decoder")?,
            facts,
        })
    }

    /// The packet of the key frame at or before a time from the first picture.
    fn seek(&mut self, milliseconds: u64) -> Result<ff::Packet, EngineError> {
        let base = self.facts.time_base;
        let ticks =
            i128::from(milliseconds) * i128::from(base.den) / (1_000 * i128::from(base.num.max(1)));
        let first = self.facts.pts.first().copied().unwrap_or(0);
        let pts = first.saturating_add(i64::try_from(ticks).unwrap_or(i64::MAX));
        seek_to_key(&mut self.input, self.facts.stream as usize, pts)
    }

    /// A key frame as it is to be shown.
    fn decode(&mut self, packet: &ff::Packet) -> Result<ff::frame::Video, EngineError> {
        self.decoder.flush();
        self.decoder
            .send_packet(packet)
            .of_source("decode a key frame")?;
        self.decoder.send_eof().of_source("decode a key frame")?;
        let mut picture = ff::frame::Video::empty();
        self.decoder
            .receive_frame(&mut picture)
            .of_source("decode a key frame")?;
        let mut treat = Treat::new(self.facts);
        let mut done = treat.push(0, picture)?;
        done.extend(treat.finish()?);
        let shown = done.into_iter().next().map(|(_, picture)| picture);
        shown.ok_or_else(|| EngineError::Internal("a still is lost in its treatment".into()))
    }
}

/// A picture in another size, with the full range and the matrix of JPEG.
fn scaled(
    picture: &ff::frame::Video,
    (width, height): (u32, u32),
    facts: &VideoFacts,
) -> Result<ff::frame::Video, EngineError> {
    let full =
        picture.color_range() == ff::color::Range::JPEG || picture.format() == Pixel::YUVJ420P;
    let (from, to) = (picture.format(), Pixel::YUVJ420P);
    let flags = Flags::AREA | Flags::ACCURATE_RND | Flags::BITEXACT;
    let mut context = Context::get(
        from,
        picture.width(),
        picture.height(),
        to,
        width,
        height,
        flags,
    )
    .of_source("set up scaling")?;
    // SAFETY: the scaler is initialised; the coefficient tables are static data of swscale.
    unsafe {
        let source = ffi::sws_getCoefficients(facts.colour.matrix.into());
        let target = ffi::sws_getCoefficients(JPEG_MATRIX);
        let (one, range) = (1 << 16, i32::from(full));
        ffi::sws_setColorspaceDetails(context.as_mut_ptr(), source, range, target, 1, 0, one, one);
    }
    let mut scaled = ff::frame::Video::empty();
    context.run(picture, &mut scaled).during("scale a still")?;
    Ok(scaled)
}

/// A black picture that others are put into.
struct Sheet(ff::frame::Video);

impl Sheet {
    fn new((width, height): (u32, u32)) -> Self {
        let mut sheet = ff::frame::Video::new(Pixel::YUVJ420P, width, height);
        for plane in 0..sheet.planes() {
            sheet.data_mut(plane).fill(if plane == 0 { 0 } else { 128 });
        }
        Self(sheet)
    }

    fn place(&mut self, tile: &ff::frame::Video, (left, top): (u32, u32)) {
        for plane in 0..tile.planes() {
            let half = u32::from(plane > 0);
            let (left, top) = ((left >> half) as usize, (top >> half) as usize);
            let (width, height) = (
                (tile.width() >> half) as usize,
                (tile.height() >> half) as usize,
            );
            let (from, to) = (tile.stride(plane), self.0.stride(plane));
            let target = self.0.data_mut(plane);
            let rows = tile.data(plane).chunks(from).take(height);
            for (row, source) in rows.enumerate() {
                let at = (top + row) * to + left;
                if let (Some(to), Some(from)) =
                    (target.get_mut(at..at + width), source.get(..width))
                {
                    to.copy_from_slice(from);
                }
            }
        }
    }
}

/// A picture as JPEG.
fn jpeg(picture: &ff::frame::Video) -> Result<Vec<u8>, EngineError> {
    let codec = ff::encoder::find(ff::codec::Id::MJPEG)
        .ok_or_else(|| EngineError::Internal("FFmpeg was built without MJPEG".into()))?;
    let context = ff::codec::Context::new_with_codec(codec);
    let mut video = context.encoder().video().during("set up JPEG")?;
    video.set_width(picture.width());
    video.set_height(picture.height());
    video.set_format(Pixel::YUVJ420P);
    video.set_time_base((1, 25));
    let mut options = ff::Dictionary::new();
    options.set("threads", "1");
    options.set("dct", "int");
    options.set("flags", "+qscale+bitexact");
    options.set(
        "global_quality",
        &(QUANTISER * ffi::FF_QP2LAMBDA).to_string(),
    );
    let mut encoder = video.open_with(options).during("set up JPEG")?;
    let mut picture = picture.clone();
    picture.set_pts(Some(0));
    // SAFETY: a plain field of a frame that belongs to this function.
    unsafe { (*picture.as_mut_ptr()).quality = QUANTISER * ffi::FF_QP2LAMBDA };
    encoder.send_frame(&picture).during("encode a still")?;
    encoder.send_eof().during("encode a still")?;
    let mut packet = ff::Packet::empty();
    encoder
        .receive_packet(&mut packet)
        .during("encode a still")?;
    let bytes = packet.data().map(<[u8]>::to_vec).unwrap_or_default();
    match bytes.is_empty() {
        true => Err(EngineError::Internal("a still has no bytes".into())),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_videos_get_longer_tiles_and_not_more() {
        let of = |milliseconds| {
            let tiles = tiles(milliseconds, (1_280, 720));
            (tiles.count, tiles.columns, tiles.milliseconds)
        };
        assert_eq!(of(400), (1, 1, 1_000));
        assert_eq!(of(24_000), (24, 10, 1_000));
        assert_eq!(of(7_200_000), (100, 10, 72_000));
        assert_eq!(at_height((1_280, 720), 90), (160, 90));
        assert_eq!(at_height((404, 720), 90), (50, 90));
    }
}
