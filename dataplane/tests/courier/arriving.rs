//! A source that is still being uploaded.

use std::time::Duration;

use streamgate_contract::exit;
use streamgate_contract::reasons::job;
use streamgate_contract::renditions::{GridSettings, standard};

use crate::pod::Pod;
use crate::worker::{State, Worker};

/// The clip of the worked example with its index in front.
fn source() -> Vec<u8> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/footage/faststart.mp4"
    );
    std::fs::read(path).unwrap()
}

fn state(arrived: Option<usize>) -> State {
    let lowest = standard().split_off(3);
    let mut state = State::new(source(), GridSettings::default(), lowest);
    state.arrived = arrived;
    state
}

/// The pod of an upload of which a part has arrived.
async fn begun(arrived: usize) -> (Worker, Pod) {
    let worker = Worker::start(state(Some(arrived))).await;
    let mut pod = Pod::new("plan", &worker.url());
    pod.start();
    (worker, pod)
}

#[tokio::test]
async fn a_source_is_fetched_as_it_arrives_and_handed_in_when_it_is_whole() {
    let (worker, mut pod) = begun(700_000).await;
    let whole = source().len();
    for arrived in [900_000, 1_000_003, 1_200_000, whole - 10, whole] {
        worker
            .until(|state| state.served >= state.arrived.unwrap() as u64)
            .await;
        let mut state = worker.state();
        assert!(state.plan.is_none() && state.objects.is_empty());
        state.arrived = Some(arrived);
        // The last object was exchanged for a longer one: its old address is good no more.
        state.signature += 1;
    }
    worker.until(|state| state.served >= whole as u64).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(worker.state().plan.is_none(), "the upload is not complete");
    worker.state().arrived = None;
    assert_eq!(pod.end().await, 0, "{:?}", pod.message());

    let serial = Worker::start(state(None)).await;
    let mut other = Pod::new("plan", &serial.url());
    other.start();
    assert_eq!(other.end().await, 0, "{:?}", other.message());
    let (ahead, serial) = (worker.state(), serial.state());
    ahead.check();
    assert_eq!((ahead.committed.len(), ahead.inits.len()), (18, 3));
    assert!(ahead.objects == serial.objects && ahead.committed == serial.committed);
    assert_eq!(ahead.source_sha256, serial.source_sha256);
    assert_eq!(ahead.usage[0].fetched_bytes, whole as u64);
}

#[tokio::test]
async fn an_upload_that_is_ended_ends_the_pod_with_its_reason() {
    let (worker, mut pod) = begun(700_000).await;
    worker.until(|state| state.served >= 700_000).await;
    worker.state().refusal = Some((422, job::SOURCE_ABANDONED));
    assert_eq!(pod.exit_code().await, i32::from(exit::SOURCE_REFUSED));
    pod.stop_courier().await;
    let message = format!("{:?}", pod.message());
    assert!(message.contains(job::SOURCE_ABANDONED), "{message}");
    assert!(worker.state().objects.is_empty());
}

#[tokio::test]
async fn a_courier_that_was_ended_meanwhile_has_the_step_tried_again() {
    let (worker, mut pod) = begun(700_000).await;
    worker.until(|state| state.served >= 700_000).await;
    pod.kill_courier();
    pod.start_courier();
    assert_eq!(pod.exit_code().await, i32::from(exit::INTERNAL));
    pod.stop_courier().await;
}
