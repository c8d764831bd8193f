//! Names of the files of a track: `init-{h}.mp4`, `{number:06}-{h}.m4s` and, of text,
//! `{number:06}-{h}.vtt`, as HLS lists them, and the same without `-{h}`, as DASH counts them. A name
//! has one form.

/// Digits of a hash in a name.
pub const HASH_DIGITS: usize = 16;
/// Fewest digits of a number in a name.
const NUMBER_DIGITS: usize = 6;

/// The name of a segment or init segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileName<'a> {
    /// Number of the segment; `None` for the init segment.
    pub number: Option<u32>,
    /// First digits of its SHA-256; `None` in a name that only says the place.
    pub hash: Option<&'a str>,
    /// It is WebVTT.
    pub webvtt: bool,
}

/// A text that is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a segment; follow the URLs of the playlists")]
pub struct NoFileName;

impl<'a> FileName<'a> {
    /// Reads a name.
    ///
    /// # Errors
    /// When it is none, or not in the one form it has.
    pub fn parse(text: &'a str) -> Result<Self, NoFileName> {
        let (stem, extension) = text.split_once('.').ok_or(NoFileName)?;
        let (number, hash) = match stem.split_once('-') {
            Some((number, hash)) => (number, Some(hash)),
            None => (stem, None),
        };
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hash.is_some_and(|hash| hash.len() != HASH_DIGITS || !hash.bytes().all(hex)) {
            return Err(NoFileName);
        }
        let number = match (number, extension) {
            ("init", "mp4") => None,
            (number, "m4s" | "vtt") => Some(canonical(number).ok_or(NoFileName)?),
            _ => return Err(NoFileName),
        };
        Ok(Self {
            number,
            hash,
            webvtt: extension == "vtt",
        })
    }
}

/// Six digits, or more without a zero in front.
fn canonical(text: &str) -> Option<u32> {
    let long = text.len() > NUMBER_DIGITS && !text.starts_with('0');
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let one_form = digits && (text.len() == NUMBER_DIGITS || long);
    one_form.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        let segment = FileName::parse("000012-0123456789abcdef.m4s").unwrap();
        assert_eq!(segment.number, Some(12));
        let init = FileName::parse("init-0123456789abcdef.mp4").unwrap();
        assert_eq!(init.number, None);
        let counted = FileName::parse("000012.m4s").unwrap();
        assert_eq!((counted.number, counted.hash), (Some(12), None));
        let init = FileName::parse("init.mp4").unwrap();
        assert_eq!(
            FileName::parse("1000000.m4s").unwrap().number,
            Some(1_000_000)
        );
        assert!(FileName::parse("99999999999.m4s").is_err());
        assert_eq!((init.number, init.hash), (None, None));
        let text = FileName::parse("000003-0123456789abcdef.vtt").unwrap();
        assert_eq!(
            (text.number, text.webvtt, counted.webvtt),
            (Some(3), true, false)
        );
        for wrong in [
            "",
            "12.m4s",
            "000012.mp4",
            "init.m4s",
            "init.vtt",
            "-.m4s",
            "000012-.m4s",
            "000012-0123456789abcdef.mp4",
            "init-0123456789abcdef.m4s",
            "12-0123456789abcdef.m4s",
            "0000012-0123456789abcdef.m4s",
            "+00012-0123456789abcdef.m4s",
            "000012-0123456789ABCDEF.m4s",
            "000012-0123.m4s",
            "000012-0123456789abcdef.m4s.m4s",
            "000012-../../../../../.m4s",
        ] {
            assert_eq!(FileName::parse(wrong), Err(NoFileName), "{wrong}");
        }
    }
}
