//! The table of decisions: every transition and every reason, each said in a sentence.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use streamgate_contract::job_files::{Failure, Published, Termination, Usage};
use streamgate_contract::names::Step as Stage;
use streamgate_contract::plan::PlanSummary;
use streamgate_contract::quality::{Nearness, TrackQuality};
use streamgate_crds::conditions::{self, COMPLETE, FAILED, READY, RECONCILING, STALLED, SUSPENDED};
use streamgate_crds::stream_gate::TranscodeDefaults;
use streamgate_crds::transcode_job::{Ask, Asked, Phase, TranscodeJobSpec, TranscodeJobStatus};

use super::super::job::GateFacts;
use super::super::seen::{End, JobSeen, Trouble};
use super::*;

mod later;

const NOW: i64 = 1_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn spec(overlay: serde_json::Value) -> TranscodeJobSpec {
    let mut spec =
        serde_json::json!({"streamGateRef": {"name": "demo"}, "source": {"upload": {"id": "u1"}}});
    let (Some(all), Some(more)) = (spec.as_object_mut(), overlay.as_object()) else {
        unreachable!()
    };
    all.extend(more.clone());
    serde_json::from_value(spec).unwrap()
}

fn plain() -> TranscodeJobSpec {
    spec(serde_json::json!({}))
}

fn seen(jobs: &[(Stage, JobSeen)]) -> Observed {
    Observed {
        gate: GateSeen::Ready(Box::new(GateFacts {
            name: "demo".into(),
            namespace: "media".into(),
            uid: "gate-uid".into(),
            version: "1.0".into(),
            transcode: TranscodeDefaults::default(),
        })),
        missing_claim: None,
        jobs: jobs.iter().cloned().collect(),
        retry: None,
        generation: Some(1),
    }
}

fn running() -> JobSeen {
    JobSeen {
        active: 1,
        parallelism: 1,
        ..JobSeen::default()
    }
}

fn ended(complete: bool, message: &str, ago: i64) -> JobSeen {
    JobSeen {
        end: Some(End {
            complete,
            at: at(NOW - ago),
            message: message.into(),
        }),
        ..running()
    }
}

fn planned(spans: u32) -> JobSeen {
    let summary = PlanSummary {
        spans,
        segments: 30,
        duration_milliseconds: 24_000,
        tracks: vec!["v720".parse().unwrap()],
        notes: Vec::new(),
        engine: "engine 1".into(),
        levels: Vec::new(),
    };
    JobSeen {
        result: Some(Termination::Plan(summary)),
        ..ended(true, "", 0)
    }
}

fn published() -> JobSeen {
    published_from(None)
}

fn published_from(taken_from: Option<&str>) -> JobSeen {
    let published = Published {
        taken_from: taken_from.map(str::to_owned),
        quality: vec![TrackQuality {
            track: "v720".parse().unwrap(),
            nearness: Nearness {
                pictures: 2,
                squared_error: 2 * 6_502_500,
                similarity: 2 * 987_400,
            },
        }],
        content: "clip".into(),
        output: "o1".into(),
        segments: 30,
        bytes: 9_000,
        cost: Usage {
            cpu_milliseconds: 41_001,
            pod_milliseconds: 60_000,
            fetched_bytes: 5_000,
        },
    };
    JobSeen {
        result: Some(Termination::Published(published)),
        ..ended(true, "", 0)
    }
}

fn failure(reason: &str) -> Option<Failure> {
    Some(Failure {
        reason: reason.into(),
        detail: "what was wrong".into(),
        chunk: None,
    })
}

/// Status after one pass over `seen`, from a status that knows nothing.
fn first(spec: &TranscodeJobSpec, seen: &Observed) -> Step {
    step(spec, &TranscodeJobStatus::default(), seen, at(NOW))
}

/// Status of a job whose plan of four spans is known.
fn encoding() -> TranscodeJobStatus {
    let status = first(&plain(), &seen(&[(Stage::Plan, planned(4))])).status;
    assert_eq!(status.phase, Some(Phase::Encoding));
    status
}

fn says(step: &Step, phase: Phase, reason: &str) {
    let (is, why) = (step.status.phase, step.status.reason.as_deref());
    assert_eq!(
        (is, why),
        (Some(phase), Some(reason)),
        "{:?}",
        step.status.message
    );
}

fn holds(step: &Step) -> Vec<&'static str> {
    [READY, RECONCILING, STALLED, COMPLETE, FAILED, SUSPENDED]
        .into_iter()
        .filter(|kind| conditions::is_true(&step.status.conditions, kind))
        .collect()
}

#[test]
fn a_new_job_is_planned() {
    let step = first(&plain(), &seen(&[]));
    says(&step, Phase::Planning, "Planning");
    assert_eq!(step.actions, [Action::Create(Stage::Plan)]);
    assert_eq!(holds(&step), [RECONCILING]);
    assert_eq!(step.status.attempt, Some(0));
    assert_eq!(step.status.start_time.map(|t| t.0), Some(at(NOW)));
}

#[test]
fn nothing_is_begun_before_its_needs_are_met_and_each_need_has_its_reason() {
    let table: [(GateSeen, Option<&str>, &str, &str); 4] = [
        (
            GateSeen::Missing("media/demo".into()),
            None,
            "StreamGateNotFound",
            STALLED,
        ),
        (
            GateSeen::NotAllowed("add it".into()),
            None,
            "NamespaceNotAllowed",
            STALLED,
        ),
        (
            GateSeen::NotReady("soon".into()),
            None,
            "GateNotReady",
            RECONCILING,
        ),
        (
            seen(&[]).gate,
            Some("films"),
            "PersistentVolumeClaimNotFound",
            STALLED,
        ),
    ];
    for (gate, claim, reason, condition) in table {
        let missing_claim = claim.map(str::to_owned);
        let observed = Observed {
            gate,
            missing_claim,
            ..seen(&[])
        };
        let step = first(&plain(), &observed);
        says(&step, Phase::Pending, reason);
        assert_eq!(
            (step.actions.as_slice(), holds(&step)),
            (&[][..], vec![condition])
        );
        assert_eq!(step.notice.map(|n| n.reason).as_deref(), Some(reason));
        // The same again says nothing new; the cause gone, work begins.
        let again = super::step(&plain(), &step.status, &observed, at(NOW + 9));
        assert_eq!(
            (again.status.clone(), again.notice),
            (step.status.clone(), None)
        );
        let after = super::step(&plain(), &step.status, &seen(&[]), at(NOW + 9));
        says(&after, Phase::Planning, "Planning");
        assert_eq!(after.actions, [Action::Create(Stage::Plan)]);
    }
}

#[test]
fn a_plan_leads_to_encode_in_the_same_pass() {
    let step = first(&plain(), &seen(&[(Stage::Plan, planned(4))]));
    says(&step, Phase::Encoding, "Encoding");
    assert_eq!(step.actions, [Action::Create(Stage::Encode)]);
    let plan = step.status.plan.unwrap();
    assert_eq!(
        (plan.spans, plan.segments, plan.duration_milliseconds),
        (4, 30, 24_000)
    );
}

#[test]
fn a_plan_without_spans_leads_to_publish() {
    let step = first(&plain(), &seen(&[(Stage::Plan, planned(0))]));
    says(&step, Phase::Publishing, "Publishing");
    assert_eq!(step.actions, [Action::Create(Stage::Publish)]);
}

#[test]
fn spans_are_shown_as_the_job_counts_them() {
    let job = JobSeen {
        completed: "0-1,3".into(),
        failed: String::new(),
        active: 1,
        parallelism: 4,
        ..running()
    };
    let step = step(
        &plain(),
        &encoding(),
        &seen(&[(Stage::Encode, job)]),
        at(NOW),
    );
    let spans = step.status.spans.unwrap();
    assert_eq!((spans.active, spans.completed.as_str()), (1, "0-1,3"));
    assert_eq!(
        step.status.message.as_deref(),
        Some("3 of 4 spans are encoded")
    );
    assert!(step.actions.is_empty());
}

#[test]
fn a_complete_encode_leads_to_publish() {
    let step = step(
        &plain(),
        &encoding(),
        &seen(&[(Stage::Encode, ended(true, "", 0))]),
        at(NOW),
    );
    says(&step, Phase::Publishing, "Publishing");
    assert_eq!(step.actions, [Action::Create(Stage::Publish)]);
}

#[test]
fn a_closed_output_ends_the_job() {
    let step = step(
        &plain(),
        &encoding(),
        &seen(&[(Stage::Publish, published())]),
        at(NOW),
    );
    says(&step, Phase::Succeeded, "Published");
    assert_eq!(holds(&step), [READY, COMPLETE]);
    let cost = step.status.cost.as_ref().unwrap();
    assert_eq!((cost.cpu_seconds, cost.pod_seconds), (42, 60));
    let [quality] = &step.status.quality[..] else {
        panic!("{:?}", step.status.quality);
    };
    assert_eq!((&*quality.psnr, &*quality.ssim), ("40.00", "0.9874"));
    let output = step.status.output.unwrap();
    assert_eq!((output.content.as_str(), output.bytes), ("clip", 9_000));
    assert_eq!(step.notice.map(|n| n.warning), Some(false));
}

#[test]
fn an_output_that_was_taken_over_says_so() {
    let closed = published_from(Some("other-0"));
    let seen = seen(&[(Stage::Publish, closed)]);
    let step = step(&plain(), &encoding(), &seen, at(NOW));
    says(&step, Phase::Succeeded, "TakenOver");
    let output = step.status.output.as_ref().unwrap();
    assert_eq!(output.taken_from.as_deref(), Some("other-0"));
    let message = step.status.message.as_deref().unwrap();
    assert!(message.contains("other-0"), "{message}");
}

#[test]
fn a_refusal_of_the_source_is_final_with_the_engines_reason() {
    for stage in [Stage::Plan, Stage::Encode] {
        let job = JobSeen {
            failure: failure("NotAVideo"),
            ..ended(false, "exit code 64", 0)
        };
        let old = if stage == Stage::Plan {
            TranscodeJobStatus::default()
        } else {
            encoding()
        };
        let step = step(&plain(), &old, &seen(&[(stage, job)]), at(NOW));
        says(&step, Phase::Failed, "NotAVideo");
        assert_eq!(holds(&step), [STALLED, FAILED]);
        assert_eq!(step.status.message.as_deref(), Some("what was wrong"));
        assert!(step.actions.is_empty());
        assert_eq!(step.notice.map(|n| n.warning), Some(true));
    }
}

#[test]
fn a_failure_that_is_tried_again_is_told_but_ends_nothing() {
    let job = JobSeen {
        failure: failure("InternalError"),
        ..running()
    };
    let step = first(&plain(), &seen(&[(Stage::Plan, job)]));
    says(&step, Phase::Planning, "Planning");
    assert!(
        step.status
            .message
            .unwrap()
            .contains("tried again after InternalError")
    );
}

#[test]
fn pods_that_failed_too_often_without_a_word_exceed_the_backoff_limit() {
    let job = JobSeen {
        failed: "2".into(),
        ..ended(false, "Job has failed indexes", 10)
    };
    let step = step(
        &plain(),
        &encoding(),
        &seen(&[(Stage::Encode, job)]),
        at(NOW),
    );
    says(&step, Phase::Failed, "BackoffLimitExceeded");
    assert!(step.status.message.unwrap().contains("index 2"));
}

#[test]
fn memory_that_was_not_enough_twice_ends_the_job() {
    let job = JobSeen {
        out_of_memory_twice: true,
        failure: failure("OutOfMemory"),
        parallelism: 4,
        ..running()
    };
    let step = step(
        &plain(),
        &encoding(),
        &seen(&[(Stage::Encode, job)]),
        at(NOW),
    );
    says(&step, Phase::Failed, "OutOfMemory");
    assert_eq!(step.actions, [Action::Delete(Stage::Encode)]);
}

#[test]
fn a_result_that_is_not_seen_yet_is_waited_for() {
    let step = first(&plain(), &seen(&[(Stage::Plan, ended(true, "", 2))]));
    says(&step, Phase::Planning, "Planning");
    assert!(step.actions.is_empty());
    assert_eq!(step.wake_after, Some(Duration::from_secs(3)));
}

#[test]
fn a_lost_result_runs_the_step_again_three_times_and_no_more() {
    let mut status = TranscodeJobStatus::default();
    let lost = seen(&[(Stage::Plan, ended(true, "", 60))]);
    for rerun in 1..=3 {
        let step = step(&plain(), &status, &lost, at(NOW));
        assert_eq!(step.actions, [Action::Delete(Stage::Plan)]);
        assert_eq!(step.status.reruns, Some(rerun));
        status = step.status;
    }
    let step = step(&plain(), &status, &lost, at(NOW));
    says(&step, Phase::Failed, "InternalError");
}

#[test]
fn a_refusal_whose_words_were_lost_runs_the_step_again() {
    let lost = seen(&[(Stage::Plan, ended(false, "failed with exit code 64", 60))]);
    assert_eq!(
        first(&plain(), &lost).actions,
        [Action::Delete(Stage::Plan)]
    );
}

#[test]
fn a_job_on_its_way_out_is_waited_for() {
    let job = JobSeen {
        deleting: true,
        ..running()
    };
    assert!(
        first(&plain(), &seen(&[(Stage::Plan, job)]))
            .actions
            .is_empty()
    );
}
