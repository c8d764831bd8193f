//! Events (events.k8s.io) about our objects, published by a task of their own: a pass never
//! waits for one, and a flood is dropped rather than kept.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use streamgate_contract::labels::MANAGER_OPERATOR;
use tokio::sync::mpsc;

/// Events that may wait to be published.
const QUEUE: usize = 1_024;
/// Longest note the API server takes.
const MAX_NOTE: usize = 1_000;

/// What an Event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether somebody should have a look.
    pub warning: bool,
    /// A word of `conditions::reason` or of the contract's reasons.
    pub reason: String,
    /// A sentence for a person.
    pub note: String,
}

/// Where Events are handed in.
#[derive(Clone)]
pub struct Events(mpsc::Sender<(ObjectReference, Notice)>);

impl Events {
    /// The way in, and the task that publishes until every way in is dropped.
    pub fn new(client: Client, identity: &str) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (way_in, mut queue) = mpsc::channel(QUEUE);
        let reporter = Reporter {
            controller: MANAGER_OPERATOR.to_owned(),
            instance: Some(identity.to_owned()),
        };
        let recorder = Recorder::new(client, reporter);
        let task = async move {
            while let Some((object, notice)) = queue.recv().await {
                if let Err(error) = recorder.publish(&event(notice), &object).await {
                    tracing::warn!(%error, object = object.name, "could not publish an Event");
                }
            }
        };
        (Self(way_in), task)
    }

    /// Hands in an Event about an object.
    pub fn publish(&self, object: ObjectReference, notice: Notice) {
        if self.0.try_send((object, notice)).is_err() {
            tracing::warn!("an Event was dropped: too many wait to be published");
        }
    }
}

fn event(notice: Notice) -> Event {
    let kind = if notice.warning {
        EventType::Warning
    } else {
        EventType::Normal
    };
    Event {
        type_: kind,
        action: notice.reason.clone(),
        reason: notice.reason,
        note: Some(notice.note.chars().take(MAX_NOTE).collect()),
        secondary: None,
    }
}
