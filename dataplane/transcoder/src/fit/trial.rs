//! One rung on trial: encoded as it would be, decoded, shown at the size of the reference.

use ffmpeg_next as ff;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling::{Context, Flags};

use super::Picture;
use super::likeness::{Likeness, Luma};
use super::need::Weight;
use crate::encode::{Encoded, VideoEncoder, VideoSettings};
use crate::error::{During, EngineError};

/// Every so manyth picture is compared: neighbours say the same.
const EACH: usize = 4;

/// Adds what `pictures` look like after the encoder, against `reference`, to `likeness`, and says what
/// they weigh.
pub(super) fn compare(
    settings: &VideoSettings,
    pictures: &[Picture],
    reference: &[Picture],
    likeness: &mut Likeness,
) -> Result<Weight, EngineError> {
    let mut shown: Option<Context> = None;
    let (decoded, weight) = encoded(settings, pictures)?;
    for picture in decoded {
        let number = picture.pts().and_then(|n| usize::try_from(n).ok());
        let Some(number) = number.filter(|n| n % EACH == 0) else {
            continue;
        };
        let Some(wanted) = reference.get(number) else {
            continue;
        };
        let scaler = match &mut shown {
            Some(scaler) => scaler,
            none => none.insert(scaler(&picture, wanted)?),
        };
        let mut large = ff::frame::Video::empty();
        scaler.run(&picture, &mut large).during("scale a picture")?;
        likeness.add(&luma(wanted), &luma(&large));
    }
    Ok(weight)
}

fn luma(picture: &ff::frame::Video) -> Luma {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Luma::quarter(picture.data(0), picture.stride(0), (width, height))
}

fn scaler(from: &ff::frame::Video, to: &ff::frame::Video) -> Result<Context, EngineError> {
    let flags = Flags::BICUBIC | Flags::ACCURATE_RND | Flags::BITEXACT;
    let (width, height) = (to.width(), to.height());
    Context::get(
        from.format(),
        from.width(),
        from.height(),
        Pixel::YUV420P,
        width,
        height,
        flags,
    )
    .during("set up scaling")
}

/// The pictures as a player decodes them, and what they weigh on their way there.
fn encoded(
    settings: &VideoSettings,
    pictures: &[Picture],
) -> Result<(Vec<ff::frame::Video>, Weight), EngineError> {
    let mut encoder = VideoEncoder::open(settings)?;
    let mut decoder = encoder.decoder()?;
    let mut shown = Vec::with_capacity(pictures.len());
    let mut weight = Weight::default();
    let mut decode = |encoded: Encoded| -> Result<(), EngineError> {
        weight.add(encoded.number == 0, encoded.data.len());
        let mut packet = ff::Packet::copy(&encoded.data);
        packet.set_pts(Some(encoded.number));
        decoder.send_packet(&packet).during("decode a trial")?;
        take(&mut decoder, &mut shown)
    };
    for picture in pictures {
        encoder.send(picture)?;
        while let Some(encoded) = encoder.receive()? {
            decode(encoded)?;
        }
    }
    encoder.finish()?;
    while let Some(encoded) = encoder.receive()? {
        decode(encoded)?;
    }
    decoder.send_eof().during("decode a trial")?;
    take(&mut decoder, &mut shown)?;
    Ok((shown, weight))
}

fn take(
    decoder: &mut ff::decoder::Video,
    shown: &mut Vec<ff::frame::Video>,
) -> Result<(), EngineError> {
    loop {
        let mut picture = ff::frame::Video::empty();
        match decoder.receive_frame(&mut picture) {
            Ok(()) => shown.push(picture),
            Err(ff::Error::Eof) => return Ok(()),
            Err(ff::Error::Other { errno }) if errno == libc::EAGAIN => return Ok(()),
            Err(e) => return Err(e).during("decode a trial"),
        }
    }
}
