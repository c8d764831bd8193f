//! Do the text tracks of a plan hold together?

use std::collections::BTreeSet;

use streamgate_contract::plan::Plan;
use streamgate_contract::stills::Still;
use streamgate_contract::text::{MAX_LABEL, MAX_TEXT_BYTES, MAX_TEXT_TRACKS, Slice, TextPlan};

use super::{Check, ensure};
use crate::services::worker::signature::is_sha256;

/// Most bytes of a piece that players load at once.
const MAX_PIECE: u64 = 16 << 20;
/// Most notes, and most bytes of one.
const MAX_NOTES: usize = 8;
const MAX_NOTE: usize = 256;

/// Says what is wrong with the text tracks and the notes.
pub(super) fn tracks(plan: &Plan) -> Check {
    let text = &plan.text;
    // Files of the job and streams of the source may both be as many as there can be.
    ensure(
        text.len() <= 2 * MAX_TEXT_TRACKS,
        "it has too many text tracks",
    )?;
    let others = plan.tracks.iter().map(|track| track.id.clone());
    let stills = Still::ALL.into_iter().map(Still::track);
    let mut ids: BTreeSet<_> = others.chain(stills).collect();
    let mut labels = BTreeSet::new();
    for track in text {
        let new = ids.insert(track.id.clone()) && labels.insert(&track.label);
        ensure(new, "a text track has the name of another")?;
        one(track, plan.grid.segments)?;
    }
    let short = plan.notes.iter().all(|note| note.len() <= MAX_NOTE);
    ensure(
        short && plan.notes.len() <= MAX_NOTES,
        "its notes are too long",
    )
}

fn one(track: &TextPlan, segments: u32) -> Check {
    let sized = (1..=MAX_TEXT_BYTES).contains(&track.bytes);
    ensure(
        sized && is_sha256(&track.sha256),
        "a text track has no size or no hash",
    )?;
    let count = segments as usize;
    ensure(
        track.vtt.len() == count && track.fragments.len() == count,
        "the pieces of a text track are not its segments",
    )?;
    let inside =
        |slice: &Slice| slice.0 < slice.1 && slice.1 <= track.bytes && slice.len() <= MAX_PIECE;
    let mut pieces = track
        .vtt
        .iter()
        .chain(&track.fragments)
        .chain([&track.init]);
    ensure(
        pieces.all(inside),
        "a piece of a text track lies outside of it",
    )?;
    let named = (1..=MAX_LABEL * 4 + 8).contains(&track.label.len());
    let readable = !track.label.chars().any(|c| c.is_control() || c == '"');
    let tag = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let language = (1..=35).contains(&track.language.len()) && track.language.chars().all(tag);
    ensure(
        named && readable && language,
        "a text track has no plain name or language",
    )
}

#[cfg(test)]
mod tests {
    use super::super::plan as check;
    use super::*;
    use crate::services::worker::testing;
    use streamgate_contract::plan::SourceLimits;
    use streamgate_contract::text::TextTraits;

    fn track() -> TextPlan {
        TextPlan {
            id: "s-en".parse().unwrap(),
            sha256: "0a".repeat(32),
            bytes: 100,
            language: "en".into(),
            label: "English".into(),
            traits: TextTraits::default(),
            captions: false,
            cues: 1,
            vtt: vec![Slice(10, 20); 6],
            init: Slice(0, 10),
            fragments: vec![Slice(20, 100); 6],
        }
    }

    #[test]
    fn text_is_bounded_and_its_names_are_its_own() {
        let with = |change: fn(&mut TextPlan)| {
            let mut plan = testing::plan();
            let mut track = track();
            change(&mut track);
            plan.text = vec![track];
            check(&plan, &SourceLimits::default())
        };
        assert_eq!(with(|_| ()), Ok(()));
        let changes: [fn(&mut TextPlan); 10] = [
            |t| t.bytes = 0,
            |t| t.sha256.clear(),
            |t| t.vtt.truncate(5),
            |t| t.fragments[5].1 = 101,
            |t| t.init = Slice(7, 7),
            |t| t.id = "v720".parse().unwrap(),
            |t| t.id = Still::Poster.track(),
            |t| t.label = "two\nlines".into(),
            |t| t.label = "a \"b\"".into(),
            |t| t.language = "e n".into(),
        ];
        for change in changes {
            assert!(with(change).is_err());
        }
        let mut twice = testing::plan();
        twice.text = vec![track(), track()];
        assert!(check(&twice, &SourceLimits::default()).is_err());
    }
}
