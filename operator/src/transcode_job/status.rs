//! The words of a TranscodeJob's status: phases, conditions, messages, Events.

use k8s_openapi::jiff::Timestamp;
use streamgate_contract::job_files::{Published, Usage};
use streamgate_contract::names::Step as Stage;
use streamgate_contract::plan::{PlanSummary, TrackLevel};
use streamgate_contract::quality::TrackQuality;
use streamgate_crds::conditions::{
    self, COMPLETE, FAILED, READY, RECONCILING, STALLED, SUSPENDED, Saying, reason,
};
use streamgate_crds::transcode_job::{
    CostStatus, LoudnessStatus, OutputStatus, Phase, PlanStatus, QualityStatus, TranscodeJobStatus,
};

use crate::events::Notice;

/// What a reason means for the conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Under way.
    Working,
    /// Waits for something that may come by itself.
    Waiting,
    /// Waits for somebody to change something.
    Stalled,
    /// Told to wait.
    Suspended,
    /// Succeeded.
    Done,
    /// Given up.
    Failed,
}

/// Puts phase, reason, message and every condition into the status.
pub fn say(
    status: &mut TranscodeJobStatus,
    phase: Phase,
    word: &str,
    message: &str,
    mood: Mood,
    generation: Option<i64>,
    now: Timestamp,
) {
    let message = bounded(message);
    let holds = [
        (READY, mood == Mood::Done),
        (RECONCILING, matches!(mood, Mood::Working | Mood::Waiting)),
        (STALLED, matches!(mood, Mood::Stalled | Mood::Failed)),
        (COMPLETE, mood == Mood::Done),
        (FAILED, mood == Mood::Failed),
        (SUSPENDED, mood == Mood::Suspended),
    ];
    let sayings = holds.map(|(kind, holds)| Saying::new(kind, holds, word, message.clone()));
    status.conditions = conditions::set(&status.conditions, &sayings, generation, now);
    status.phase = Some(phase);
    status.reason = Some(word.to_owned());
    status.message = Some(message);
    status.observed_generation = generation;
}

/// An Event for a new reason; none for a changed message.
pub fn notice(old: &TranscodeJobStatus, new: &TranscodeJobStatus) -> Option<Notice> {
    let word = new.reason.clone().filter(|_| old.reason != new.reason)?;
    let stalled = conditions::is_true(&new.conditions, STALLED);
    let scarce = [reason::QUOTA_EXCEEDED, reason::UNSCHEDULABLE].contains(&word.as_str());
    Some(Notice {
        warning: stalled || scarce,
        reason: word,
        note: new.message.clone().unwrap_or_default(),
    })
}

/// Phase while a stage is at work.
pub fn phase(stage: Stage) -> Phase {
    match stage {
        Stage::Plan => Phase::Planning,
        Stage::Encode => Phase::Encoding,
        Stage::Publish => Phase::Publishing,
    }
}

/// Reason while a stage is at work.
pub fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Plan => reason::PLANNING,
        Stage::Encode => reason::ENCODING,
        Stage::Publish => reason::PUBLISHING,
    }
}

/// A sentence about a stage at work.
pub fn doing(stage: Stage, status: &TranscodeJobStatus) -> String {
    match stage {
        Stage::Plan => "the source is probed and cut".to_owned(),
        Stage::Encode => {
            let of = status.plan.as_ref().map_or(0, |plan| plan.spans);
            let ranges = status.spans.as_ref().map_or("", |s| s.completed.as_str());
            format!("{} of {of} spans are encoded", count(ranges))
        }
        Stage::Publish => "the output is closed".to_owned(),
    }
}

/// How many indexes ranges such as `0-2,4` name.
pub fn count(ranges: &str) -> u64 {
    let one = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
        (last.checked_sub(first)?).checked_add(1)
    };
    ranges
        .split(',')
        .filter_map(one)
        .fold(0, u64::saturating_add)
}

/// The status without what others write.
pub fn ours(status: &TranscodeJobStatus) -> TranscodeJobStatus {
    TranscodeJobStatus {
        progress: None,
        asked: None,
        ..status.clone()
    }
}

/// What Plan decided, as the status shows it.
pub fn plan(summary: PlanSummary) -> PlanStatus {
    PlanStatus {
        spans: i32::try_from(summary.spans).unwrap_or(i32::MAX),
        segments: i32::try_from(summary.segments).unwrap_or(i32::MAX),
        duration_milliseconds: i64::try_from(summary.duration_milliseconds).unwrap_or(i64::MAX),
        tracks: summary
            .tracks
            .into_iter()
            .take(64)
            .map(String::from)
            .collect(),
        notes: summary.notes.iter().take(8).map(|n| bounded(n)).collect(),
        engine: summary.engine.chars().take(256).collect(),
        loudness: summary.levels.iter().take(16).map(loudness).collect(),
    }
}

fn loudness(of: &TrackLevel) -> LoudnessStatus {
    let decibels = |hundredths: i32| format!("{:.2}", f64::from(hundredths) / 100.0);
    LoudnessStatus {
        track: of.track.to_string(),
        lufs: of.level.loudness.map(decibels),
        true_peak: of.level.true_peak.map(decibels),
        gain: decibels(of.level.gain),
    }
}

/// What Publish closed, as the status shows it.
pub fn output(published: &Published) -> OutputStatus {
    OutputStatus {
        content: published.content.chars().take(63).collect(),
        id: published.output.chars().take(63).collect(),
        segments: i32::try_from(published.segments).unwrap_or(i32::MAX),
        bytes: i64::try_from(published.bytes).unwrap_or(i64::MAX),
        taken_from: published
            .taken_from
            .as_ref()
            .map(|id| id.chars().take(63).collect()),
    }
}

/// How near the rungs come to the source, as the status shows it.
pub fn quality(published: &Published) -> Vec<QualityStatus> {
    let one = |of: &TrackQuality| {
        let (psnr, ssim) = (of.nearness.psnr()?, of.nearness.ssim()?);
        Some(QualityStatus {
            track: of.track.to_string(),
            psnr: format!("{psnr:.2}"),
            ssim: format!("{ssim:.4}"),
            pictures: i64::try_from(of.nearness.pictures).unwrap_or(i64::MAX),
        })
    };
    published.quality.iter().filter_map(one).take(24).collect()
}

/// What the job's pods took, as the status shows it.
pub fn cost(usage: &Usage) -> CostStatus {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    CostStatus {
        cpu_seconds: whole(usage.cpu_milliseconds.div_ceil(1_000)),
        pod_seconds: whole(usage.pod_milliseconds.div_ceil(1_000)),
        fetched_bytes: whole(usage.fetched_bytes),
    }
}

/// The API server refuses longer texts.
pub fn bounded(text: &str) -> String {
    text.chars().take(4_096).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_counted_index_by_index() {
        for (ranges, indexes) in [("", 0), ("4", 1), ("0-2,4", 4), ("0-9999", 10_000)] {
            assert_eq!(count(ranges), indexes, "{ranges:?}");
        }
    }

    #[test]
    fn ranges_that_make_no_sense_count_nothing() {
        for ranges in ["x", "3-1", "-", "1-x", "0-18446744073709551615"] {
            assert_eq!(count(ranges), 0, "{ranges:?}");
        }
    }
}
