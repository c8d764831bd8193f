//! Names of text tracks: an identifier for paths and a label for people, both once. Pure.

use std::collections::BTreeSet;

use streamgate_contract::ids::TrackId;
use streamgate_contract::text::MAX_LABEL;

use super::embedded::Text;
use crate::error::EngineError;

/// Identifier of captions of the first channel.
const CAPTIONS: &str = "s-cc1";

/// Names that are taken.
#[derive(Debug, Default)]
pub(super) struct Names {
    ids: BTreeSet<String>,
    labels: BTreeSet<String>,
}

impl Names {
    /// Identifier and label of a text.
    pub(super) fn of(&mut self, text: &Text) -> Result<(TrackId, String), EngineError> {
        let id = match text.captions {
            true => CAPTIONS.to_owned(),
            false => format!("s-{}", text.language.to_ascii_lowercase()),
        };
        let id = free(&mut self.ids, &id, |id, n| format!("{id}-{n}"));
        let label = text.label.as_deref().map(plain).filter(|l| !l.is_empty());
        let label = label.unwrap_or_else(|| described(text));
        let label = free(&mut self.labels, &label, |label, n| format!("{label} {n}"));
        let id = TrackId::try_from(id).map_err(|e| EngineError::Internal(e.to_string()))?;
        Ok((id, label))
    }
}

/// The name, or the first of those with a number behind that is free.
fn free(taken: &mut BTreeSet<String>, name: &str, numbered: fn(&str, usize) -> String) -> String {
    let more = (2..).map(|n| numbered(name, n));
    let mut names = std::iter::once(name.to_owned()).chain(more);
    // There are more names than tracks.
    let found = names.find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(found.clone());
    found
}

/// What may stand in a quoted string of a playlist and be read by people.
fn plain(label: &str) -> String {
    let readable = label.chars().filter(|c| !c.is_control() && *c != '"');
    let short: String = readable.take(MAX_LABEL).collect();
    short.trim().to_owned()
}

fn described(text: &Text) -> String {
    let language = match text.language.as_str() {
        "und" => "Subtitles",
        language => language,
    };
    match (text.traits.forced, text.traits.hearing_impaired) {
        (true, _) => format!("{language} (forced)"),
        (false, true) => format!("{language} (SDH)"),
        (false, false) => language.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgate_contract::text::TextTraits;

    fn text(language: &str, label: Option<&str>) -> Text {
        Text {
            language: language.into(),
            label: label.map(str::to_owned),
            traits: TextTraits::default(),
            captions: false,
            cues: Vec::new(),
        }
    }

    #[test]
    fn names_are_given_once() {
        let mut names = Names::default();
        let mut named = |text: &Text| {
            let (id, label) = names.of(text).unwrap();
            (id.to_string(), label)
        };
        let pair = |id: &str, label: &str| (id.to_owned(), label.to_owned());
        assert_eq!(named(&text("pt-BR", None)), pair("s-pt-br", "pt-BR"));
        assert_eq!(named(&text("pt-BR", None)), pair("s-pt-br-2", "pt-BR 2"));
        let quoted = text("und", Some("A \"quoted\"\nname "));
        assert_eq!(named(&quoted), pair("s-und", "A quotedname"));
        let mut captions = text("und", None);
        captions.captions = true;
        captions.traits.hearing_impaired = true;
        assert_eq!(named(&captions), pair("s-cc1", "Subtitles (SDH)"));
    }
}
