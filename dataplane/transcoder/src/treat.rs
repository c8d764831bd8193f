//! What pictures go through before scaling, where the source needs it: deinterlacing, tone mapping
//! of high dynamic range, turning. A libavfilter graph of one thread, owned by one thread; pictures
//! keep their numbers on the way, because a filter may hand them out later than it took them.

use ffmpeg_next as ff;
use ffmpeg_next::ffi;
use ffmpeg_next::filter::Graph;
use ffmpeg_next::format::Pixel;
use streamgate_contract::plan::{Treatment, VideoFacts};

use crate::error::{During, EngineError};

/// Highlights up to this many times the reference white (100 cd/m²) are kept apart; said rather
/// than read from the stream, so that a chunk does not depend on metadata of others.
const PEAK: u32 = 10;

/// Pictures by number.
pub type Numbered = Vec<(u64, ff::frame::Video)>;

/// The treatment of a source's pictures.
pub struct Treat {
    filters: String,
    running: Option<Running>,
}

/// A graph and what it was made for: pictures may change in mid-stream.
struct Running {
    graph: Graph,
    made_for: (Pixel, u32, u32),
}

impl Treat {
    /// The treatment that Plan decided on.
    pub fn new(video: &VideoFacts) -> Self {
        Self {
            filters: filters(&video.treatment),
            running: None,
        }
    }

    /// Takes a picture; gives those that are finished.
    pub fn push(
        &mut self,
        number: u64,
        mut picture: ff::frame::Video,
    ) -> Result<Numbered, EngineError> {
        if self.filters.is_empty() {
            return Ok(vec![(number, picture)]);
        }
        let kind = (picture.format(), picture.width(), picture.height());
        let mut done = Vec::new();
        if self.running.as_ref().is_some_and(|r| r.made_for != kind) {
            done = self.finish()?;
        }
        let running = match &mut self.running {
            Some(running) => running,
            none => none.insert(Running::new(kind, &self.filters)?),
        };
        picture.set_pts(i64::try_from(number).ok());
        running.send(&picture)?;
        done.extend(running.receive()?);
        Ok(done)
    }

    /// The rest.
    pub fn finish(&mut self) -> Result<Numbered, EngineError> {
        match self.running.take() {
            Some(mut running) => running.finish(),
            None => Ok(Vec::new()),
        }
    }
}

/// The chain in libavfilter's words; empty when nothing is to be done.
fn filters(treatment: &Treatment) -> String {
    let mut chain: Vec<String> = Vec::new();
    if treatment.deinterlace {
        chain.push("bwdif=mode=send_frame:parity=auto:deint=interlaced".into());
    }
    if let Some(transfer) = treatment.tone_map {
        chain.push(format!(
            "zscale=tin={transfer}:pin=9:min=9:rin=tv:t=linear:p=9:m=gbr:npl=100:agamma=false,\
             format=gbrpf32le,zscale=p=709,tonemap=tonemap=hable:desat=0:peak={PEAK},\
             zscale=t=709:m=709:r=tv,format=yuv420p"
        ));
    }
    match treatment.quarter_turns % 4 {
        1 => chain.push("transpose=clock".into()),
        2 => chain.push("hflip,vflip".into()),
        3 => chain.push("transpose=cclock".into()),
        _ => {}
    }
    if treatment.mirrored {
        chain.push("hflip".into());
    }
    chain.join(",")
}

impl Running {
    fn new(made_for: (Pixel, u32, u32), filters: &str) -> Result<Self, EngineError> {
        let graph = graph(made_for, filters).of_source("set up the treatment of pictures")?;
        Ok(Self { graph, made_for })
    }

    fn send(&mut self, picture: &ff::frame::Video) -> Result<(), EngineError> {
        let mut input = end(&mut self.graph, "in")?;
        input.source().add(picture).during("treat a picture")
    }

    fn receive(&mut self) -> Result<Numbered, EngineError> {
        let mut output = end(&mut self.graph, "out")?;
        let mut sink = output.sink();
        let ticks = sink.time_base();
        let mut done = Vec::new();
        loop {
            let mut picture = ff::frame::Video::empty();
            match sink.frame(&mut picture) {
                Ok(()) => {}
                Err(ff::Error::Eof) => return Ok(done),
                Err(ff::Error::Other { errno }) if errno == libc::EAGAIN => return Ok(done),
                Err(e) => return Err(e).during("take a treated picture"),
            }
            done.push((number(&picture, ticks)?, picture));
        }
    }

    fn finish(&mut self) -> Result<Numbered, EngineError> {
        let mut input = end(&mut self.graph, "in")?;
        input.source().flush().during("finish the treatment")?;
        self.receive()
    }
}

/// A picture's number: its time in seconds, as the graph's input counts one a second.
fn number(picture: &ff::frame::Video, ticks: ff::Rational) -> Result<u64, EngineError> {
    let pts = i128::from(picture.pts().unwrap_or(-1));
    let (num, den) = (ticks.numerator(), ticks.denominator().max(1));
    u64::try_from(pts * i128::from(num) / i128::from(den))
        .map_err(|_| EngineError::Internal("a treated picture lost its number".into()))
}

fn end(graph: &mut Graph, name: &str) -> Result<ff::filter::Context, EngineError> {
    graph
        .get(name)
        .ok_or_else(|| EngineError::Internal("a filter graph lost its ends".into()))
}

fn graph((format, width, height): (Pixel, u32, u32), filters: &str) -> Result<Graph, ff::Error> {
    let mut graph = Graph::new();
    // SAFETY: a plain field of a graph that has no filters yet.
    unsafe { (*graph.as_mut_ptr()).nb_threads = 1 };
    let find = |name| ff::filter::find(name).ok_or(ff::Error::FilterNotFound);
    let pixels = ffi::AVPixelFormat::from(format) as i32;
    let input =
        format!("video_size={width}x{height}:pix_fmt={pixels}:time_base=1/1:pixel_aspect=1/1");
    graph.add(&find("buffer")?, "in", &input)?;
    graph.add(&find("buffersink")?, "out", "")?;
    graph.output("in", 0)?.input("out", 0)?.parse(filters)?;
    graph.validate()?;
    Ok(graph)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(fill: u8) -> ff::frame::Video {
        let mut picture = ff::frame::Video::new(Pixel::YUV420P, 64, 32);
        for plane in 0..3 {
            picture.data_mut(plane).fill(fill);
        }
        picture
    }

    fn treat(treatment: Treatment) -> Treat {
        Treat {
            filters: filters(&treatment),
            running: None,
        }
    }

    #[test]
    fn nothing_to_do_is_no_graph() {
        let mut treat = treat(Treatment::default());
        assert_eq!(treat.push(7, picture(1)).unwrap()[0].0, 7);
        assert!(treat.finish().unwrap().is_empty());
    }

    #[test]
    fn pictures_keep_their_numbers_through_filters_that_hold_them_back() {
        let mut treat = treat(Treatment {
            deinterlace: true,
            quarter_turns: 1,
            ..Treatment::default()
        });
        let mut out = Vec::new();
        for number in 41..47 {
            out.extend(treat.push(number, picture(9)).unwrap());
        }
        out.extend(treat.finish().unwrap());
        let numbers: Vec<u64> = out.iter().map(|p| p.0).collect();
        assert_eq!(numbers, [41, 42, 43, 44, 45, 46]);
        assert_eq!((out[0].1.width(), out[0].1.height()), (32, 64));
    }
}
