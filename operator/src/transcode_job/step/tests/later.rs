//! Decisions about a job that is held up, told to wait, or over.

use super::*;

#[test]
fn what_keeps_pods_from_running_is_said_and_forgotten_when_it_goes() {
    for (reason, condition) in [
        ("QuotaExceeded", RECONCILING),
        ("Unschedulable", RECONCILING),
        ("ImageUnavailable", STALLED),
        ("RefusedByApiServer", STALLED),
    ] {
        let trouble = Some(Trouble {
            reason,
            message: "the cause".into(),
        });
        let job = JobSeen {
            trouble,
            ..running()
        };
        let step = first(&plain(), &seen(&[(Stage::Plan, job)]));
        says(&step, Phase::Planning, reason);
        assert_eq!(holds(&step), [condition]);
        assert!(step.notice.unwrap().warning, "{reason}");
        let after = super::step(
            &plain(),
            &step.status,
            &seen(&[(Stage::Plan, running())]),
            at(NOW),
        );
        says(&after, Phase::Planning, "Planning");
    }
}

#[test]
fn a_job_of_an_upload_that_runs_waits_for_its_source_until_there_is_progress() {
    let early =
        spec(serde_json::json!({"source": {"upload": {"id": "u1", "whileUploading": true}}}));
    let planning = seen(&[(Stage::Plan, running())]);
    let begun = first(&early, &seen(&[]));
    says(&begun, Phase::WaitingForSource, "WaitingForSource");
    assert_eq!(begun.actions, [Action::Create(Stage::Plan)]);
    let waits = super::step(&early, &begun.status, &planning, at(NOW));
    says(&waits, Phase::WaitingForSource, "WaitingForSource");
    assert_eq!(holds(&waits), [RECONCILING]);
    assert!(waits.notice.is_none(), "nothing is new");

    let told = TranscodeJobStatus {
        progress: Some(Default::default()),
        ..waits.status
    };
    let planned = super::step(&early, &told, &planning, at(NOW));
    says(&planned, Phase::Planning, "Planning");
    let other = super::step(&plain(), &begun.status, &planning, at(NOW));
    says(&other, Phase::Planning, "Planning");
}

#[test]
fn suspending_stops_pods_and_resuming_goes_on() {
    let suspended = spec(serde_json::json!({"suspend": true}));
    let job = JobSeen {
        parallelism: 4,
        ..running()
    };
    let step = step(
        &suspended,
        &encoding(),
        &seen(&[(Stage::Encode, job.clone())]),
        at(NOW),
    );
    says(&step, Phase::Suspended, "Suspended");
    assert_eq!(step.actions, [Action::Suspend(Stage::Encode, true)]);
    assert_eq!(holds(&step), [SUSPENDED]);

    let job = JobSeen {
        suspended: true,
        ..job
    };
    let still = super::step(
        &suspended,
        &step.status,
        &seen(&[(Stage::Encode, job.clone())]),
        at(NOW),
    );
    assert_eq!((still.actions, still.status == step.status), (vec![], true));

    let on = super::step(
        &plain(),
        &step.status,
        &seen(&[(Stage::Encode, job)]),
        at(NOW + 60),
    );
    says(&on, Phase::Encoding, "Encoding");
    assert_eq!(on.actions, [Action::Suspend(Stage::Encode, false)]);
    assert_eq!(on.status.start_time.map(|t| t.0), Some(at(NOW + 60)));
}

#[test]
fn a_suspended_job_that_never_began_makes_nothing() {
    let step = first(&spec(serde_json::json!({"suspend": true})), &seen(&[]));
    says(&step, Phase::Suspended, "Suspended");
    assert!(step.actions.is_empty());
}

#[test]
fn parallelism_follows_the_spec_and_never_exceeds_the_spans() {
    for (wanted, pods) in [(2, 2), (9, 4)] {
        let job = JobSeen {
            parallelism: 1,
            ..running()
        };
        let spec = spec(serde_json::json!({"parallelism": wanted}));
        let step = step(&spec, &encoding(), &seen(&[(Stage::Encode, job)]), at(NOW));
        assert_eq!(step.actions, [Action::Parallelism(Stage::Encode, pods)]);
    }
}

#[test]
fn a_deadline_wakes_and_then_ends_the_job() {
    let spec = spec(serde_json::json!({"activeDeadlineSeconds": 60}));
    let begun = first(&spec, &seen(&[]));
    assert_eq!(begun.wake_after, Some(Duration::from_secs(60)));
    let late = step(
        &spec,
        &begun.status,
        &seen(&[(Stage::Plan, running())]),
        at(NOW + 60),
    );
    says(&late, Phase::Failed, "DeadlineExceeded");
    assert_eq!(
        (late.actions.as_slice(), late.wake_after),
        (&[Action::Delete(Stage::Plan)][..], None)
    );
}

fn finished(phase: Phase) -> TranscodeJobStatus {
    let job = JobSeen {
        failure: failure("NotAVideo"),
        ..ended(false, "exit code 64", 0)
    };
    let jobs = match phase {
        Phase::Succeeded => vec![(Stage::Plan, planned(0)), (Stage::Publish, published())],
        _ => vec![(Stage::Plan, job)],
    };
    let status = first(&plain(), &seen(&jobs)).status;
    assert_eq!(status.phase, Some(phase));
    status
}

#[test]
fn terminal_stays_terminal_whatever_becomes_of_the_jobs() {
    for phase in [Phase::Succeeded, Phase::Failed] {
        let old = finished(phase);
        let gone = Observed {
            gate: GateSeen::Missing("x".into()),
            ..seen(&[])
        };
        let suspended = spec(serde_json::json!({"suspend": true}));
        for (spec, seen) in [
            (plain(), seen(&[])),
            (plain(), gone),
            (suspended, seen(&[(Stage::Plan, running())])),
        ] {
            let step = step(&spec, &old, &seen, at(NOW + 9));
            assert_eq!(
                (step.status, step.actions, step.wake_after),
                (old.clone(), vec![], None)
            );
        }
    }
}

#[test]
fn a_finished_job_goes_when_its_time_comes() {
    let spec = spec(serde_json::json!({"ttlSecondsAfterFinished": 60}));
    let old = finished(Phase::Succeeded);
    let early = step(&spec, &old, &seen(&[]), at(NOW + 20));
    assert_eq!(
        (early.actions, early.wake_after),
        (vec![], Some(Duration::from_secs(40)))
    );
    let due = step(&spec, &old, &seen(&[]), at(NOW + 60));
    assert_eq!(due.actions, [Action::DeleteSelf]);
}

#[test]
fn a_new_value_of_the_annotation_runs_a_failed_job_again_once() {
    let old = finished(Phase::Failed);
    let job = ended(false, "exit code 64", 9);
    let asked = Observed {
        retry: Some("1".into()),
        ..seen(&[(Stage::Plan, job)])
    };
    let again = step(&plain(), &old, &asked, at(NOW + 9));
    assert_eq!(
        (again.status.attempt, again.status.retried.as_deref()),
        (Some(1), Some("1"))
    );
    assert_eq!(again.actions, [Action::Delete(Stage::Plan)]);
    assert_eq!(
        (again.status.plan.is_none(), &again.status.completion_time),
        (true, &None)
    );
    assert_eq!(holds(&again), [RECONCILING]);
    // The attempt fails too: the same value asks for nothing.
    let failed = TranscodeJobStatus {
        retried: Some("1".into()),
        ..old
    };
    let step = step(&plain(), &failed, &asked, at(NOW + 20));
    assert_eq!((step.status, step.actions), (failed, vec![]));
}

#[test]
fn a_value_set_before_the_failure_asks_for_nothing() {
    let asked = Observed {
        retry: Some("old".into()),
        ..seen(&[])
    };
    assert_eq!(
        first(&plain(), &asked).status.retried.as_deref(),
        Some("old")
    );
}

#[test]
fn a_refused_job_says_whether_room_or_a_rule_is_missing() {
    let old = TranscodeJobStatus::default();
    for (words, reason) in [
        ("exceeded quota: jobs", "QuotaExceeded"),
        ("admission webhook denied it", "RefusedByApiServer"),
    ] {
        let (status, notice) = refused(&old, words, Some(1), at(NOW));
        assert_eq!(status.reason.as_deref(), Some(reason));
        assert!(status.message.unwrap().contains(words) && notice.unwrap().warning);
    }
}

#[test]
fn the_workers_progress_is_never_ours() {
    let old = TranscodeJobStatus {
        progress: Some(Default::default()),
        ..encoding()
    };
    let step = step(
        &plain(),
        &old,
        &seen(&[(Stage::Encode, running())]),
        at(NOW),
    );
    assert_eq!(step.status.progress, None);
}

fn asked(action: Ask, attempt: i32, of: TranscodeJobStatus) -> TranscodeJobStatus {
    TranscodeJobStatus {
        asked: Some(Asked { action, attempt }),
        ..of
    }
}

#[test]
fn a_cancelled_attempt_ends_with_its_pods() {
    let seen = seen(&[(Stage::Encode, running())]);
    let suspended = TranscodeJobStatus {
        phase: Some(Phase::Suspended),
        ..encoding()
    };
    for old in [encoding(), suspended] {
        let step = step(&plain(), &asked(Ask::Cancel, 0, old), &seen, at(NOW));
        says(&step, Phase::Failed, "Cancelled");
        assert_eq!(step.actions, [Action::Delete(Stage::Encode)]);
        assert_eq!(holds(&step), [STALLED, FAILED]);
        assert_eq!(step.status.asked, None, "it is the worker's to write");
    }
    let never_begun = asked(Ask::Cancel, 0, TranscodeJobStatus::default());
    let step = step(&plain(), &never_begun, &super::seen(&[]), at(NOW));
    says(&step, Phase::Failed, "Cancelled");
    assert!(step.actions.is_empty());
}

#[test]
fn cancelling_asks_nothing_of_other_attempts_nor_of_an_output_that_is_being_closed() {
    let job = JobSeen {
        parallelism: 4,
        ..running()
    };
    let working = seen(&[(Stage::Encode, job)]);
    let step = step(
        &plain(),
        &asked(Ask::Cancel, 1, encoding()),
        &working,
        at(NOW),
    );
    says(&step, Phase::Encoding, "Encoding");
    let closing = super::seen(&[(Stage::Publish, running())]);
    let step = super::step(
        &plain(),
        &asked(Ask::Cancel, 0, encoding()),
        &closing,
        at(NOW),
    );
    says(&step, Phase::Publishing, "Publishing");
}

#[test]
fn a_failed_attempt_is_run_again_once_when_asked() {
    let failed = asked(Ask::Retry, 0, finished(Phase::Failed));
    let again = step(&plain(), &failed, &seen(&[]), at(NOW + 9));
    assert_eq!(again.status.attempt, Some(1));
    says(&again, Phase::Pending, "Progressing");
    // The word stands, and the next attempt fails too.
    let old = TranscodeJobStatus {
        attempt: Some(1),
        ..failed
    };
    let step = step(&plain(), &old, &seen(&[]), at(NOW + 20));
    assert_eq!((step.status.attempt, step.actions), (Some(1), vec![]));
    let done = asked(Ask::Retry, 0, finished(Phase::Succeeded));
    let step = super::step(&plain(), &done, &seen(&[]), at(NOW + 20));
    assert_eq!(step.status.phase, Some(Phase::Succeeded));
}
