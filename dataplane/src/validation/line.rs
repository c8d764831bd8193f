//! Text of people: one line, or a few.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no short line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one line of 1 to {max} characters without control characters")]
pub struct InvalidLine {
    max: usize,
}

/// One line of 1 to `MAX` characters (Unicode scalar values), no control character among them, no
/// space at its ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Line<const MAX: usize>(String);

impl<const MAX: usize> Line<MAX> {
    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for Line<MAX> {
    type Err = InvalidLine;

    fn from_str(text: &str) -> Result<Self, InvalidLine> {
        let text = text.trim();
        let short = (1..=MAX).contains(&text.chars().count());
        let plain = !text.chars().any(char::is_control);
        let line = (short && plain).then(|| Self(text.to_owned()));
        line.ok_or(InvalidLine { max: MAX })
    }
}

impl<const MAX: usize> TryFrom<String> for Line<MAX> {
    type Error = InvalidLine;

    fn try_from(text: String) -> Result<Self, InvalidLine> {
        text.parse()
    }
}

impl<const MAX: usize> From<Line<MAX>> for String {
    fn from(line: Line<MAX>) -> String {
        line.0
    }
}

impl<const MAX: usize> fmt::Display for Line<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is too long or holds control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be text of at most {max} characters without control characters but line breaks")]
pub struct InvalidText {
    max: usize,
}

/// Text of at most `MAX` characters, perhaps none, over several lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        let short = text.chars().count() <= MAX;
        let plain = text
            .chars()
            .all(|c| !c.is_control() || "\n\r\t".contains(c));
        let text = (short && plain).then_some(Self(text));
        text.ok_or(InvalidText { max: MAX })
    }
}

impl<const MAX: usize> From<Text<MAX>> for String {
    fn from(text: Text<MAX>) -> String {
        text.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_trimmed_and_anything_else_refused() {
        assert_eq!(
            " Ein Ärger ".parse::<Line<9>>().unwrap().as_str(),
            "Ein Ärger"
        );
        for text in ["", "  ", "a\nb", "a\u{0}b", "a\u{7f}b", &"ä".repeat(10)] {
            assert!(text.parse::<Line<9>>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn text_may_be_empty_and_have_lines() {
        for text in ["", "a\nb\tc", &"ä".repeat(9)] {
            assert!(Text::<9>::try_from(text.to_owned()).is_ok(), "{text:?}");
        }
        for text in ["a\u{0}b", "\u{1b}[31m", &"ä".repeat(10)] {
            assert!(Text::<9>::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_a_line_stays_the_same_line(text in ".{0,30}") {
            if let Ok(line) = text.parse::<Line<20>>() {
                prop_assert_eq!(line.as_str().parse::<Line<20>>(), Ok(line));
            }
        }
    }
}
