//! Names that one component makes and another takes apart: children of a StreamGate,
//! Jobs of a TranscodeJob, pods of a Job, object keys. Pure text in, text out.

use serde::{Deserialize, Serialize};

use crate::ids::{ContentId, OutputId, TrackId, UploadId};
use crate::roles::Role;
use crate::stills::Still;

/// A step of a TranscodeJob; each is one Indexed Job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Probe; ladder, grid, byte map, init segments.
    Plan,
    /// One index per span, audio included.
    Encode,
    /// Close the output and make it the content's current one.
    Publish,
}

impl Step {
    /// The step's name in labels and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Step::Plan => "plan",
            Step::Encode => "encode",
            Step::Publish => "publish",
        }
    }

    const EVERY: [Step; 3] = [Step::Plan, Step::Encode, Step::Publish];
}

/// Name of a StreamGate's child for one role: `<gate>-<role>`.
pub fn child(gate: &str, role: Role) -> String {
    format!("{gate}-{role}")
}

/// Name of the Job that runs `step` of the TranscodeJob with this UID, on this attempt.
/// At most 50 characters, so that `-<index>-<suffix>` of a pod fits into 63.
pub fn job(transcode_job_uid: &str, attempt: u32, step: Step) -> String {
    let uid: String = transcode_job_uid.chars().filter(|c| *c != '-').collect();
    format!("tj-{uid}-{attempt}-{}", step.name())
}

/// What the name of a job pod says: which TranscodeJob, attempt, step and completion index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPod {
    /// UID of the TranscodeJob, in its hyphenated form.
    pub transcode_job_uid: String,
    /// Attempt, from 0.
    pub attempt: u32,
    /// Step of the job.
    pub step: Step,
    /// Completion index of the pod.
    pub index: u32,
}

/// Takes the name of a job pod apart; `None` for a name that [`job`] and the Job controller did not make.
pub fn job_pod(pod: &str) -> Option<JobPod> {
    let mut parts = pod.strip_prefix("tj-")?.split('-');
    let uid = hyphenated(parts.next()?)?;
    let attempt = parts.next()?.parse().ok()?;
    let step = parts.next()?;
    let step = Step::EVERY.into_iter().find(|s| s.name() == step)?;
    let index = parts.next()?.parse().ok()?;
    let suffix = parts.next()?;
    let whole = parts.next().is_none() && !suffix.is_empty();
    whole.then_some(JobPod {
        transcode_job_uid: uid,
        attempt,
        step,
        index,
    })
}

fn hyphenated(hex: &str) -> Option<String> {
    let ok = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    ok.then(|| uuid(hex))
}

/// 32 hex digits in the form of a UUID (RFC 9562, 4).
pub(crate) fn uuid(hex: &str) -> String {
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

/// Key of an object for part `part` (from 0) of an upload. The suffix is random for each try:
/// objects are written once, so a try after a crash must not meet what the crash left. Which
/// object is the part stands in the catalog.
pub fn upload_part_key(upload: &UploadId, part: u32, suffix: u64) -> String {
    format!("uploads/{upload}/{part:05}-{suffix:016x}")
}

/// Prefix of the keys of an upload.
pub fn upload_prefix(upload: &UploadId) -> String {
    format!("uploads/{upload}")
}

/// First 16 hex digits of a SHA-256 given in hex.
fn short(sha256: &str) -> &str {
    sha256.get(..16).unwrap_or(sha256)
}

/// Key of a track's init segment.
pub fn init_key(content: &ContentId, output: &OutputId, track: &TrackId, sha256: &str) -> String {
    format!(
        "contents/{content}/{output}/{track}/init-{}.mp4",
        short(sha256)
    )
}

/// Key of a text track's object.
pub fn text_key(content: &ContentId, output: &OutputId, track: &TrackId, sha256: &str) -> String {
    format!("contents/{content}/{output}/{track}/text-{}", short(sha256))
}

/// Key of a still image.
pub fn still_key(content: &ContentId, output: &OutputId, still: Still, sha256: &str) -> String {
    format!(
        "contents/{content}/{output}/extras/{}-{}.jpg",
        still.name(),
        short(sha256)
    )
}

/// Key of a media segment; numbers start at 0.
pub fn segment_key(
    content: &ContentId,
    output: &OutputId,
    track: &TrackId,
    number: u32,
    sha256: &str,
) -> String {
    format!(
        "contents/{content}/{output}/{track}/{number:06}-{}.m4s",
        short(sha256)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

    #[test]
    fn job_names_leave_room_for_index_and_suffix() {
        let name = job(UID, 9999, Step::Publish);
        assert!(name.len() + "-99999-abcde".len() <= 63, "{name}");
    }

    #[test]
    fn foreign_pod_names_are_no_job_pods() {
        for pod in [
            "",
            "tj-",
            "web-0",
            "tj-xyz-0-plan-0-abcde",
            "demo-all-6f7d8-abcde",
        ] {
            assert_eq!(job_pod(pod), None, "{pod}");
        }
        assert_eq!(
            job_pod(&format!("{}-0-abcde-x", job(UID, 0, Step::Plan))),
            None
        );
    }

    proptest! {
        #[test]
        fn a_pod_name_gives_back_what_it_was_made_of(attempt: u32, index: u32) {
            let pod = format!("{}-{index}-x7k2p", job(UID, attempt, Step::Encode));
            let parts = JobPod { transcode_job_uid: UID.into(), attempt, step: Step::Encode, index };
            prop_assert_eq!(job_pod(&pod), Some(parts));
        }
    }
}
