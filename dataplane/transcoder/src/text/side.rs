//! Files with subtitles beside the source: SubRip and WebVTT by FFmpeg's demuxers and decoders, TTML
//! by a reader of XML. They come from outside like the source does: whatever is wrong with one
//! refuses it with a reason, under bounds of bytes, nodes and cues.

use std::fs;
use std::path::Path;

use streamgate_contract::text::MAX_SIDE_BYTES;

use super::cue::{Cue, MAX_CUES};
use super::decoder::TextDecoder;
use super::ttml;
use crate::error::{EngineError, WithFile};
use crate::input::{MediaInput, TextFormat};
use crate::source::Source;

/// Cues of file `number` of the order, on the output's clock.
pub(super) fn read(path: &Path, number: usize) -> Result<Vec<Cue>, EngineError> {
    let refused = |why: String| EngineError::Subtitles { number, why };
    let size = fs::metadata(path)
        .doing("find a file with subtitles")?
        .len();
    if size > MAX_SIDE_BYTES {
        let why = format!("it has {size} bytes, at most {MAX_SIDE_BYTES}");
        return Err(refused(why));
    }
    let bytes = fs::read(path).doing("read a file with subtitles")?;
    let text = decoded(&bytes).ok_or_else(|| refused("it is no text in UTF-8 or UTF-16".into()))?;
    let cues = match kind(&text) {
        Kind::Ttml => ttml::cues(&text).map_err(refused)?,
        Kind::WebVtt => demuxed(path, &cues_alone(&text), TextFormat::WebVtt)?,
        Kind::SubRip => demuxed(path, &text, TextFormat::SubRip)?,
    };
    match cues.len() {
        0 => Err(refused("no cue is found in it".into())),
        1..=MAX_CUES => Ok(cues),
        _ => Err(refused(format!("it has more than {MAX_CUES} cues"))),
    }
}

/// The text, of UTF-8 or, with a mark of the order of bytes, UTF-16.
fn decoded(bytes: &[u8]) -> Option<String> {
    let wide = |swap: fn([u8; 2]) -> u16| {
        let units = bytes[2..]
            .chunks_exact(2)
            .map(|pair| swap([pair[0], pair[1]]));
        char::decode_utf16(units)
            .collect::<Result<String, _>>()
            .ok()
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => {
            let text = std::str::from_utf8(bytes).ok()?;
            Some(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Ttml,
    WebVtt,
    SubRip,
}

/// Told by the beginning: names and types of clients decide nothing.
fn kind(text: &str) -> Kind {
    let text = text.trim_start();
    if text.starts_with('<') {
        Kind::Ttml
    } else if text.starts_with("WEBVTT") {
        Kind::WebVtt
    } else {
        Kind::SubRip
    }
}

/// WebVTT without blocks of style and regions, at which some versions of the demuxer end.
fn cues_alone(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let aside = |block: &&str| {
        let first = block.trim_start_matches('\n').lines().next();
        matches!(first.map(str::trim_end), Some("STYLE" | "REGION"))
    };
    let kept: Vec<&str> = text.split("\n\n").filter(|block| !aside(block)).collect();
    kept.join("\n\n")
}

/// Demuxes a text, which is laid down beside its file in the one form that needs no guessing.
fn demuxed(path: &Path, text: &str, format: TextFormat) -> Result<Vec<Cue>, EngineError> {
    let path = path.with_extension("text");
    fs::write(&path, text).doing("write a text to be read")?;
    let mut input = MediaInput::open_text(&Source::whole(&path)?, format)?;
    let stream = input.context().streams().next();
    let stream = stream.ok_or_else(|| EngineError::Internal("a text has no stream".into()))?;
    let mut decoder = TextDecoder::of(stream.parameters(), stream.time_base())?;
    let mut cues = Vec::new();
    while let Some(packet) = input.read()? {
        cues.extend(decoder.decode(&packet));
        if cues.len() > MAX_CUES {
            break;
        }
    }
    Ok(cues)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Result<Vec<Cue>, EngineError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subtitles-0");
        fs::write(&path, bytes).unwrap();
        read(&path, 0)
    }

    fn brief(cues: &[Cue]) -> Vec<(i64, i64, &str, &str)> {
        let brief = |c: &Cue| (c.start, c.end.unwrap());
        cues.iter()
            .map(|c| (brief(c).0, brief(c).1, c.text.as_str(), c.settings.as_str()))
            .collect::<Vec<_>>()
    }

    #[test]
    fn subrip_is_read() {
        let text = "\u{feff}1\r\n00:00:01,500 --> 00:00:02,000\r\n<i>Grüße</i> & 1 < 2\r\nzwei\r\n\r\n\
                    2\r\n01:00:00,000 --> 01:00:01,250\r\nlate\r\n";
        let cues = of(text.as_bytes()).unwrap();
        let expected = [
            (1_500, 2_000, "<i>Grüße</i> &amp; 1 &lt; 2\nzwei", ""),
            (3_600_000, 3_601_250, "late", ""),
        ];
        assert_eq!(brief(&cues), expected);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(of(&wide).unwrap(), cues);
    }

    #[test]
    fn webvtt_is_read_with_its_places_and_without_its_styles() {
        let text = "WEBVTT - title\n\nSTYLE\n::cue { color: red }\n\nNOTE nothing\n\nid\n\
                    00:01.000 --> 00:02.500 line:10% align:start region:x\n<v Ann>Hi</v> &amp; bye\n";
        let cues = of(text.as_bytes()).unwrap();
        let expected = [(1_000, 2_500, "Hi &amp; bye", "line:10% align:start")];
        assert_eq!(brief(&cues), expected);
    }

    #[test]
    fn what_is_no_text_or_says_nothing_is_refused_with_a_reason() {
        for (bytes, why) in [
            (&b"\xff\xd8\xff\xe0\x00\x10JFIF"[..], "UTF-8"),
            (b"", "no cue"),
            (b"no times here\n", "no cue"),
            (b"<html><body/></html>", "TTML"),
            (b"<tt xmlns='http://www.w3.org/ns/ttml'><body>", "XML"),
        ] {
            let refused = of(bytes).unwrap_err();
            assert!(matches!(refused, EngineError::Subtitles { number: 0, .. }));
            assert!(refused.to_string().contains(why), "{refused}");
        }
        let large = vec![b'a'; MAX_SIDE_BYTES as usize + 1];
        assert!(of(&large).unwrap_err().to_string().contains("at most"));
        let many: String = (0..=MAX_CUES)
            .map(|n| format!("{n}\n00:00:01,000 --> 00:00:02,000\n{n}\n\n"))
            .collect();
        assert!(
            of(many.as_bytes())
                .unwrap_err()
                .to_string()
                .contains("more than")
        );
    }
}
