//! Couriers and transcoders that die in the middle.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::fixture::{assert_same_as_undisturbed, planned, source};
use crate::pod::Pod;
use crate::worker::{State, Worker};

fn planned_state() -> State {
    State::planned(source(), planned().plan.clone())
}

#[tokio::test]
async fn a_courier_started_again_loses_and_repeats_nothing() {
    let mut state = planned_state();
    state.slow = Duration::from_millis(150);
    let worker = Worker::start(state).await;
    let mut pod = Pod::new("encode-1", &worker.url());
    pod.start();
    for commits in [1, 3, 5] {
        worker.until(|s| s.committed.len() >= commits).await;
        pod.kill_courier();
        pod.start_courier();
    }
    assert_eq!(pod.end().await, 0, "{:?}", pod.message());
    let state = worker.state();
    assert_eq!(state.committed.len(), 8);
    let repeated = state.commits.iter().filter(|(_, first)| !first).count();
    println!("{} PUTs, {repeated} commits repeated", state.puts.len());
    drop(state);
    assert_same_as_undisturbed(&worker.state());
}

#[tokio::test]
async fn a_courier_killed_while_it_fetches_begins_anew() {
    let worker = Worker::start(planned_state()).await;
    let mut pod = Pod::new("encode-3", &worker.url());
    for _ in 0..3 {
        pod.start_courier();
        tokio::time::sleep(Duration::from_millis(15)).await;
        pod.kill_courier();
    }
    pod.start();
    assert_eq!(pod.end().await, 0);
    assert_eq!(worker.state().committed.len(), 6);
}

#[tokio::test]
async fn a_courier_that_is_done_stays_done_when_started_again() {
    let worker = Worker::start(planned_state()).await;
    let mut pod = Pod::new("encode-3", &worker.url());
    pod.start();
    assert_eq!(pod.end().await, 0);
    let served = worker.state().served;
    pod.start_courier();
    tokio::time::sleep(Duration::from_millis(300)).await;
    pod.stop_courier().await;
    assert_eq!(worker.state().served, served);
}

#[tokio::test]
async fn a_killed_transcoder_costs_at_most_one_chunk() {
    let worker = Worker::start(planned_state()).await;
    let mut first = Pod::new("encode-0", &worker.url());
    first.start();
    worker.until(|s| s.committed.len() >= 5).await;
    first.kill_transcoder();
    first.stop_courier().await;
    let kept: BTreeSet<_> = worker.state().committed.keys().cloned().collect();
    let mut second = Pod::new("encode-0", &worker.url());
    second.start();
    assert_eq!(second.end().await, 0);
    let state = worker.state();
    let repeated: BTreeSet<u32> = state
        .commits
        .iter()
        .filter(|(_, first)| !first)
        .map(|(object, _)| match object {
            streamgate_contract::job_api::Object::Segment { number, .. } => *number,
            streamgate_contract::job_api::Object::Init { .. }
            | streamgate_contract::job_api::Object::Text { .. }
            | streamgate_contract::job_api::Object::Still { .. } => u32::MAX,
        })
        .collect();
    println!("kept {} segments, repeated chunks {repeated:?}", kept.len());
    assert!(repeated.len() <= 1 && kept.len() >= 5);
    assert_eq!(state.committed.len(), 8);
    drop(state);
    assert_same_as_undisturbed(&worker.state());
}
