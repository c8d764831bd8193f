//! What an upload says about itself. Source: tus 1.0.0, `Upload-Metadata`: pairs of a key and its
//! value in base64, separated by commas.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::validation::Line;

/// Most bytes of the whole header.
const MAX_HEADER_BYTES: usize = 4096;
/// Most characters of one value.
const MAX_CHARS: usize = 200;

/// A value that is read here.
type Value = Line<MAX_CHARS>;

/// Why metadata is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// The header is too long.
    #[error("Upload-Metadata has more than {MAX_HEADER_BYTES} bytes; send less")]
    TooLong,
    /// A pair is not a key and base64.
    #[error(
        "Upload-Metadata is not a list of keys with base64 values; separate pairs by commas and use each key once"
    )]
    Malformed,
    /// A value is not a short line of text.
    #[error("metadata {0:?} must be one line of 1 to {MAX_CHARS} characters of UTF-8")]
    Value(&'static str),
}

/// What an upload says about itself. Keys nobody here reads are kept in `raw` only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Title for people.
    pub title: Option<String>,
    /// Name of the file.
    pub filename: Option<String>,
    /// Gate rule of the content it becomes.
    pub rule: Option<String>,
    /// Media type the client believes it has; decides nothing.
    pub content_type: Option<String>,
    /// The header as it came: HEAD gives it back.
    pub raw: String,
    /// `Repr-Digest` as it came: what the whole must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// `Upload-Concat` as it came: HEAD gives it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concat: Option<String>,
}

impl Metadata {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is malformed or a value that is read here is no short line.
    pub fn parse(header: &str) -> Result<Self, InvalidMetadata> {
        if header.len() > MAX_HEADER_BYTES {
            return Err(InvalidMetadata::TooLong);
        }
        let pairs = pairs(header)?;
        let value = |name| line(&pairs, name);
        Ok(Self {
            title: value("title")?,
            filename: value("filename")?,
            rule: value("rule")?,
            content_type: value("content-type")?,
            raw: header.to_owned(),
            concat: None,
            digest: None,
        })
    }

    /// Takes a value by its name, such as a query or a field of a form tells it; names nobody here
    /// reads are passed over.
    ///
    /// # Errors
    /// When a value that is read here is no short line.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidMetadata> {
        let (name, place) = match name {
            "title" => ("title", &mut self.title),
            "filename" => ("filename", &mut self.filename),
            "rule" => ("rule", &mut self.rule),
            "content-type" => ("content-type", &mut self.content_type),
            _ => return Ok(()),
        };
        let value: Result<Value, _> = value.parse();
        let value = value.map_err(|_| InvalidMetadata::Value(name))?;
        *place = Some(value.into());
        Ok(())
    }

    /// The title the content gets.
    pub fn title(&self) -> &str {
        let named = self.title.as_deref().or(self.filename.as_deref());
        named.unwrap_or("Untitled")
    }
}

type Pair<'a> = (&'a str, Vec<u8>);

fn pairs(header: &str) -> Result<Vec<Pair<'_>>, InvalidMetadata> {
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for text in header.split(',').map(str::trim).filter(|t| !t.is_empty()) {
        let (key, value) = text.split_once(' ').unwrap_or((text, ""));
        let plain = key.bytes().all(|b| b.is_ascii_graphic());
        if !plain || pairs.iter().any(|(known, _)| *known == key) {
            return Err(InvalidMetadata::Malformed);
        }
        let value = STANDARD.decode(value.trim());
        pairs.push((key, value.map_err(|_| InvalidMetadata::Malformed)?));
    }
    Ok(pairs)
}

fn line(pairs: &[Pair<'_>], name: &'static str) -> Result<Option<String>, InvalidMetadata> {
    let Some((_, value)) = pairs.iter().find(|(key, _)| *key == name) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value).map_err(|_| InvalidMetadata::Value(name))?;
    let value: Result<Value, _> = text.parse();
    let value = value.map_err(|_| InvalidMetadata::Value(name))?;
    Ok(Some(value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(pairs: &[(&str, &str)]) -> String {
        let pair = |(key, value): &(&str, &str)| format!("{key} {}", STANDARD.encode(value));
        pairs.iter().map(pair).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn known_keys_are_read_and_foreign_ones_kept() {
        let text = header(&[("title", " Ein Ärger "), ("rule", "holders"), ("x", "\0")]);
        let metadata = Metadata::parse(&format!("{text}, is_confidential")).unwrap();
        assert_eq!(metadata.title(), "Ein Ärger");
        assert_eq!(metadata.rule.as_deref(), Some("holders"));
        assert!(metadata.raw.ends_with("is_confidential"));
    }

    #[test]
    fn the_title_falls_back_to_the_file_name() {
        assert_eq!(Metadata::parse("").unwrap().title(), "Untitled");
        let named = Metadata::parse(&header(&[("filename", "a.mp4")])).unwrap();
        assert_eq!(named.title(), "a.mp4");
    }

    #[test]
    fn malformed_lists_and_values_are_refused() {
        for text in [
            "title =",
            "title a b",
            "title YQ==,title YQ==",
            "ti\u{e9} YQ==",
        ] {
            assert_eq!(
                Metadata::parse(text),
                Err(InvalidMetadata::Malformed),
                "{text}"
            );
        }
        for value in ["", "  ", "a\nb", &"ä".repeat(201)] {
            let outcome = Metadata::parse(&header(&[("title", value)]));
            assert_eq!(outcome, Err(InvalidMetadata::Value("title")), "{value:?}");
        }
        assert_eq!(
            Metadata::parse(&"a".repeat(4097)),
            Err(InvalidMetadata::TooLong)
        );
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(text in ".{0,200}") {
            let _ = Metadata::parse(&text);
        }
    }
}
