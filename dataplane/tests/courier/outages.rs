//! A worker or a store that does not answer, expires, or refuses.

use std::path::Path;
use std::time::{Duration, Instant};

use streamgate_contract::exit;
use streamgate_contract::job_files::Termination;
use streamgate_contract::reasons::job;
use streamgate_dataplane::courier::{PublishArgs, publish};

use crate::fixture::{assert_same_as_undisturbed, planned, source};
use crate::pod::{Pod, TOKEN};
use crate::worker::{State, Worker};

fn planned_state() -> State {
    State::planned(source(), planned().plan.clone())
}

#[tokio::test]
async fn a_worker_down_at_the_start_is_waited_for() {
    let mut worker = Worker::absent(planned_state()).await;
    let mut pod = Pod::new("encode-3", &worker.url());
    pod.start();
    tokio::time::sleep(Duration::from_secs(3)).await;
    worker.rise().await;
    assert_eq!(pod.end().await, 0);
    assert_eq!(worker.state().committed.len(), 6);
}

#[tokio::test]
async fn a_store_that_refuses_for_a_while_costs_nothing() {
    let worker = Worker::start(planned_state()).await;
    let mut pod = Pod::new("encode-2", &worker.url());
    pod.start();
    worker.until(|s| s.committed.len() >= 2).await;
    worker.state().store_down_until = Some(Instant::now() + Duration::from_secs(10));
    assert_eq!(pod.end().await, 0);
    assert_eq!(worker.state().committed.len(), 8);
    assert_same_as_undisturbed(&worker.state());
}

#[tokio::test]
async fn a_worker_gone_in_the_middle_is_waited_for() {
    let mut worker = Worker::start(planned_state()).await;
    let mut pod = Pod::new("encode-0", &worker.url());
    pod.start();
    worker.until(|s| s.committed.len() >= 2).await;
    worker.fall().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    worker.rise().await;
    assert_eq!(pod.end().await, 0);
    assert_eq!(worker.state().committed.len(), 8);
    assert_same_as_undisturbed(&worker.state());
}

#[tokio::test]
async fn an_expired_address_is_asked_for_anew() {
    let worker = Worker::start(planned_state()).await;
    let mut pod = Pod::new("encode-3", &worker.url());
    pod.start_courier();
    worker.until(|s| s.served > 0).await;
    worker.state().signature += 1;
    pod.start_transcoder();
    assert_eq!(pod.end().await, 0);
    worker.state().check();
}

#[tokio::test]
async fn patience_ends_with_a_code_that_is_tried_again() {
    let worker = Worker::absent(planned_state()).await;
    let mut pod = Pod::new("encode-3", &worker.url());
    pod.args.patience_seconds = 1;
    pod.start();
    assert_eq!(pod.exit_code().await, i32::from(exit::OUT_OF_REACH));
    let given = pod.given_up().await;
    assert_eq!(
        (given.exit_code, given.failed.reason.as_str()),
        (75, job::OUT_OF_REACH)
    );
    let Some(Termination::Failed(failure)) = pod.message() else {
        panic!("{:?}", pod.message());
    };
    assert!(!failure.detail.contains("127.0.0.1"), "{}", failure.detail);
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let elsewhere = Worker::start(planned_state()).await;
    let mut state = planned_state();
    let object = "/internal/v1/objects/source/0?signature=0";
    state.redirect = Some(elsewhere.url() + object);
    let worker = Worker::start(state).await;
    let mut pod = Pod::new("encode-3", &worker.url());
    pod.args.patience_seconds = 1;
    pod.start_courier();
    assert_eq!(pod.given_up().await.exit_code, exit::OUT_OF_REACH);
    assert_eq!(elsewhere.state().served, 0);
}

#[tokio::test]
async fn a_refusal_of_the_worker_ends_the_job_with_its_reason() {
    let mut state = planned_state();
    state.refusal = Some((422, job::SOURCE_NOT_FOUND));
    let worker = Worker::start(state).await;
    let mut pod = Pod::new("plan", &worker.url());
    pod.start_courier();
    let given = pod.given_up().await;
    assert_eq!(
        (given.exit_code, given.failed.reason.as_str()),
        (64, job::SOURCE_NOT_FOUND)
    );
}

#[tokio::test]
async fn a_source_missing_in_the_claim_is_named() {
    let claim = tempfile::tempdir().unwrap();
    for path in ["gone.mp4", "../token", "/etc/passwd"] {
        let mut state = planned_state();
        state.mounted = Some(path.to_owned());
        let worker = Worker::start(state).await;
        let mut pod = Pod::new("plan", &worker.url());
        pod.args.mounted = Some(claim.path().to_owned());
        pod.start_courier();
        let given = pod.given_up().await;
        assert_eq!(
            (given.exit_code, given.failed.reason.as_str()),
            (64, job::SOURCE_NOT_FOUND)
        );
    }
}

#[tokio::test]
async fn a_source_shorter_than_planned_is_truncated() {
    let mut state = planned_state();
    state.source.truncate(1_600_000);
    let worker = Worker::start(state).await;
    let mut pod = Pod::new("encode-2", &worker.url());
    pod.start_courier();
    let given = pod.given_up().await;
    assert_eq!(
        (given.exit_code, given.failed.reason.as_str()),
        (64, job::TRUNCATED)
    );
}

#[tokio::test]
async fn a_token_that_is_replaced_is_read_anew() {
    let worker = Worker::start(planned_state()).await;
    let mut pod = Pod::new("stranger", &worker.url());
    pod.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!pod.work().join("plan.json").exists());
    std::fs::write(&pod.args.token, format!("{TOKEN}encode-3")).unwrap();
    assert_eq!(pod.end().await, 0);
}

fn publish_args(url: String, folder: &Path) -> PublishArgs {
    std::fs::write(folder.join("token"), format!("{TOKEN}publish")).unwrap();
    PublishArgs {
        worker_url: url,
        token: folder.join("token"),
        termination: folder.join("termination"),
        patience_seconds: 1,
    }
}

fn message(folder: &Path) -> Option<Termination> {
    Termination::from_message(&std::fs::read_to_string(folder.join("termination")).unwrap())
}

#[tokio::test]
async fn publish_says_what_was_published() {
    let folder = tempfile::tempdir().unwrap();
    let worker = Worker::start(planned_state()).await;
    let code = publish(publish_args(worker.url(), folder.path()))
        .await
        .unwrap();
    assert_eq!(code, exit::DONE);
    assert!(
        matches!(message(folder.path()), Some(Termination::Published(p)) if p.output == "output")
    );
}

#[tokio::test]
async fn publish_tells_refusals_from_outages() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = Worker::start(planned_state()).await;
    for (refusal, code) in [((422, job::INIT_MISMATCH), 64), ((503, "StoreDown"), 75)] {
        worker.state().refusal = Some(refusal);
        let args = publish_args(worker.url(), folder.path());
        assert_eq!(publish(args).await.unwrap(), code, "{refusal:?}");
    }
    worker.fall().await;
    let args = publish_args(worker.url(), folder.path());
    assert_eq!(publish(args).await.unwrap(), exit::OUT_OF_REACH);
    let Some(Termination::Failed(failure)) = message(folder.path()) else {
        panic!("no failure");
    };
    assert_eq!(failure.reason, job::OUT_OF_REACH);
}
