//! Text tracks: subtitles of the source and of files beside it, captions in its pictures. Plan reads
//! every packet of the source anyway, so it makes all text at once, whole and before any picture is
//! encoded: the same bytes whoever does it, and nothing that later steps wait for.

mod ass;
mod captions;
pub mod cue;
mod cut;
mod decoder;
pub mod embedded;
mod names;
mod side;
mod ttml;

use std::path::Path;

use sha2::{Digest, Sha256};
use streamgate_contract::job_files;
use streamgate_contract::plan::{Plan, SourceFacts};
use streamgate_contract::text::{MAX_TEXT_TRACKS, SideFile, TextPlan};

use crate::error::EngineError;
use crate::plan::language;
use cue::{Placed, placed};
use embedded::{Found, Text};
use names::Names;

/// A text track and its object.
#[derive(Debug)]
pub struct Made {
    /// What the plan says of it.
    pub plan: TextPlan,
    /// The bytes.
    pub object: Vec<u8>,
}

/// Makes the text tracks of an output whose other tracks are planned: files in the order of the
/// order, then what was found in the source. What of the source cannot be offered becomes a note.
pub fn tracks(
    work: &Path,
    files: &[SideFile],
    found: &Found,
    plan: &mut Plan,
) -> Result<Vec<Made>, EngineError> {
    let mut studio = Studio::of(plan)?;
    let mut made = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let cues = side::read(&work.join(job_files::side_name(number)), number)?;
        let cues = placed(cues, 0, studio.length);
        let text = of_file(file);
        let track = studio.track(&text, &cues).map_err(|error| match error {
            EngineError::LimitExceeded(why) => EngineError::Subtitles { number, why },
            other => other,
        });
        made.push(track?);
    }
    let mut notes = found.notes.clone();
    for text in &found.texts {
        let cues = placed(text.cues.clone(), studio.origin, studio.length);
        if cues.is_empty() {
            continue;
        }
        let about = format!("subtitles in {}", text.language);
        if made.len() >= MAX_TEXT_TRACKS {
            notes.push(format!(
                "{about} are more than {MAX_TEXT_TRACKS} tracks; left out"
            ));
            continue;
        }
        match studio.track(text, &cues) {
            Ok(track) => made.push(track),
            Err(EngineError::LimitExceeded(_)) => {
                notes.push(format!("{about} are too large; left out"));
            }
            Err(other) => return Err(other),
        }
    }
    notes.truncate(embedded::MAX_NOTES);
    plan.text = made.iter().map(|track| track.plan.clone()).collect();
    plan.captions = found.captions;
    plan.notes = notes;
    Ok(made)
}

fn of_file(file: &SideFile) -> Text {
    Text {
        language: language::plain(&file.language),
        label: file.label.clone(),
        traits: file.traits,
        captions: false,
        cues: Vec::new(),
    }
}

/// What all text tracks of an output have in common.
struct Studio {
    starts: Vec<u64>,
    timescale: u32,
    /// Where the output begins on the container's clock, in milliseconds.
    origin: i64,
    /// Milliseconds of the output.
    length: u64,
    names: Names,
}

impl Studio {
    /// Text is cut where the first track is: there players load the next of everything.
    fn of(plan: &Plan) -> Result<Self, EngineError> {
        let nothing = || EngineError::Internal("a plan without tracks".into());
        let first = plan.tracks.first().ok_or_else(nothing)?;
        let end = first.starts.last().copied().unwrap_or(0);
        let length = (u128::from(end) * 1_000).div_ceil(first.timescale.max(1).into());
        Ok(Self {
            starts: first.starts.clone(),
            timescale: first.timescale,
            origin: origin(&plan.source),
            length: u64::try_from(length).unwrap_or(u64::MAX),
            names: Names::default(),
        })
    }

    fn track(&mut self, text: &Text, cues: &[Placed]) -> Result<Made, EngineError> {
        let grid = (self.starts.as_slice(), self.timescale);
        let cut = cut::cut(cues, grid, &language::three_letters(&text.language))?;
        let (id, label) = self.names.of(text)?;
        let plan = TextPlan {
            id,
            sha256: hex::encode(Sha256::digest(&cut.bytes)),
            bytes: cut.bytes.len() as u64,
            language: text.language.clone(),
            label,
            traits: text.traits,
            captions: text.captions,
            cues: u32::try_from(cues.len()).unwrap_or(u32::MAX),
            vtt: cut.vtt,
            init: cut.init,
            fragments: cut.fragments,
        };
        Ok(Made {
            plan,
            object: cut.bytes,
        })
    }
}

/// When the output begins, in milliseconds of the container's clock.
fn origin(facts: &SourceFacts) -> i64 {
    let (ticks, base) = crate::audio::origin(facts);
    let scaled = i128::from(ticks) * i128::from(base.num) * 1_000;
    i64::try_from(scaled.div_euclid(base.den.max(1).into())).unwrap_or(0)
}
