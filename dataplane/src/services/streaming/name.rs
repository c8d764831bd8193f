//! Names of the files of a track: `init-{h}.mp4` and `{number:06}-{h}.m4s`, as HLS lists them, and
//! `init.mp4` and `{number:06}.m4s`, as DASH counts them. A name has one form.

use std::str::FromStr;

/// Digits of a hash in a name.
pub const HASH_DIGITS: usize = 16;

/// The name of a segment or init segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// Number of the segment; `None` for the init segment.
    pub number: Option<u32>,
    /// First digits of its SHA-256; `None` in a name that only says the place.
    pub hash: Option<String>,
}

/// A text that is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a segment; follow the URLs of the playlists")]
pub struct NoFileName;

impl FromStr for FileName {
    type Err = NoFileName;

    fn from_str(text: &str) -> Result<Self, NoFileName> {
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
            (number, "m4s") => Some(canonical(number).ok_or(NoFileName)?),
            _ => return Err(NoFileName),
        };
        let hash = hash.map(str::to_owned);
        Ok(Self { number, hash })
    }
}

fn canonical(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (format!("{number:06}") == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        let segment: FileName = "000012-0123456789abcdef.m4s".parse().unwrap();
        assert_eq!(segment.number, Some(12));
        let init: FileName = "init-0123456789abcdef.mp4".parse().unwrap();
        assert_eq!(init.number, None);
        let counted: FileName = "000012.m4s".parse().unwrap();
        assert_eq!((counted.number, counted.hash), (Some(12), None));
        let init: FileName = "init.mp4".parse().unwrap();
        assert_eq!((init.number, init.hash), (None, None));
        for wrong in [
            "",
            "12.m4s",
            "000012.mp4",
            "init.m4s",
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
            assert_eq!(wrong.parse::<FileName>(), Err(NoFileName), "{wrong}");
        }
    }
}
