//! Delivers notices beside the evaluation, so that a slow receiver delays nobody: one bounded
//! queue per handler, in order, each notice tried for a bounded time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use streamgate_crds::alert_policy::{Handler, HandlerState};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::metrics::Metrics;
use crate::ports::clock::Clock;
use crate::ports::notices::{Events, Notice, Webhooks};
use crate::ports::policies::Policy;

/// Notices that wait for one handler at most.
const QUEUE: usize = 256;
/// Pauses between the tries of one notice; with ten seconds for each try, at most seven minutes.
const PAUSES: [u64; 7] = [1, 2, 5, 15, 30, 60, 240];
/// Characters of an error in the status.
const MAX_ERROR: usize = 1_024;

/// A handler of a policy: UID, name and URL. A new URL is a new handler.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Receiver {
    policy: String,
    handler: String,
    url: String,
}

type States = Arc<Mutex<HashMap<(String, String), HandlerState>>>;

/// The queues.
pub struct Deliveries {
    webhooks: Arc<dyn Webhooks>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    queues: Mutex<HashMap<Receiver, mpsc::Sender<Notice>>>,
    states: States,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Deliveries {
    pub fn new(webhooks: Arc<dyn Webhooks>, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self {
            webhooks,
            clock,
            metrics,
            queues: Mutex::default(),
            states: States::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Takes up what the status told of the handlers.
    pub fn restore(&self, policy: &Policy) {
        let known = policy.evaluation.iter().flat_map(|e| &e.handlers);
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        for state in known {
            let key = (policy.uid.clone(), state.name.clone());
            states.entry(key).or_insert_with(|| state.clone());
        }
    }

    /// Queues a notice for every handler of the policy; never waits.
    pub fn send(&self, policy: &Policy, notice: &Notice) {
        for handler in &policy.spec.handlers {
            if self
                .queue(policy, handler)
                .try_send(notice.clone())
                .is_err()
            {
                self.metrics.overflowed.inc();
                let error = "too many notices wait for this handler; one was dropped";
                tracing::warn!(policy = policy.name, handler = handler.name, error);
                let key = (policy.uid.clone(), handler.name.clone());
                fail(&self.states, key, error.to_owned());
            }
        }
    }

    /// Records a notice on its policy; never waits.
    pub fn record(&self, events: Arc<dyn Events>, policy: &Policy, notice: Notice) {
        let (policy, stop) = (policy.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            let recorded = stop.run_until_cancelled(events.record(&policy, &notice));
            if let Some(Err(error)) = recorded.await {
                let policy = policy.name.as_str();
                tracing::warn!(policy, %error, "an Event was not made");
            }
        });
    }

    /// What became of the deliveries of a policy's present handlers that were used.
    pub fn states(&self, policy: &Policy) -> Vec<HandlerState> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = |handler: &Handler| {
            let key = (policy.uid.clone(), handler.name.clone());
            states.get(&key).cloned()
        };
        policy.spec.handlers.iter().filter_map(state).collect()
    }

    /// Forgets the queues and states of policies that are gone; what waits is still delivered.
    pub fn keep(&self, policies: &[Policy]) {
        let known = |uid: &str| policies.iter().any(|policy| policy.uid == uid);
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|receiver, _| known(&receiver.policy));
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.retain(|(uid, _), _| known(uid));
    }

    /// Ends: gives what waits `grace` to be delivered.
    pub async fn end(&self, grace: Duration) {
        self.queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait())
            .await
            .is_err()
        {
            self.stop.cancel();
            self.tasks.wait().await;
        }
    }

    fn queue(&self, policy: &Policy, handler: &Handler) -> mpsc::Sender<Notice> {
        let receiver = Receiver {
            policy: policy.uid.clone(),
            handler: handler.name.clone(),
            url: handler.webhook.url.clone(),
        };
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        // An earlier URL of the same handler gets nothing more.
        queues.retain(|other, _| {
            *other == receiver
                || (&other.policy, &other.handler) != (&receiver.policy, &receiver.handler)
        });
        let start = || {
            let (sender, waiting) = mpsc::channel(QUEUE);
            let worker = Worker {
                webhooks: self.webhooks.clone(),
                clock: self.clock.clone(),
                metrics: self.metrics.clone(),
                states: self.states.clone(),
                receiver: receiver.clone(),
            };
            let stop = self.stop.clone();
            self.tasks.spawn(async move {
                stop.run_until_cancelled(worker.run(waiting)).await;
            });
            sender
        };
        queues.entry(receiver.clone()).or_insert_with(start).clone()
    }
}

struct Worker {
    webhooks: Arc<dyn Webhooks>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    states: States,
    receiver: Receiver,
}

impl Worker {
    async fn run(self, mut waiting: mpsc::Receiver<Notice>) {
        while let Some(notice) = waiting.recv().await {
            self.deliver(&notice).await;
        }
    }

    async fn deliver(&self, notice: &Notice) {
        let mut pauses = PAUSES.iter();
        loop {
            let error = match self.webhooks.post(&self.receiver.url, notice).await {
                Ok(()) => return self.delivered(),
                Err(error) => error,
            };
            fail(&self.states, self.key(), error.to_string());
            match pauses.next().filter(|_| error.may_pass()) {
                Some(pause) => {
                    self.metrics.retried.inc();
                    tokio::time::sleep(Duration::from_secs(*pause)).await;
                }
                None => {
                    self.metrics.failed.inc();
                    let handler = self.receiver.handler.as_str();
                    let policy = notice.policy.name.as_str();
                    tracing::warn!(policy, handler, %error, "a notice was given up");
                    return;
                }
            }
        }
    }

    fn key(&self) -> (String, String) {
        (self.receiver.policy.clone(), self.receiver.handler.clone())
    }

    fn delivered(&self) {
        self.metrics.delivered.inc();
        let now = Timestamp::from_second(self.clock.now()).ok().map(Time);
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = HandlerState {
            name: self.receiver.handler.clone(),
            last_success: now,
            error: None,
        };
        states.insert(self.key(), state);
    }
}

fn fail(states: &States, key: (String, String), error: String) {
    let mut states = states.lock().unwrap_or_else(PoisonError::into_inner);
    let name = key.1.clone();
    let state = states.entry(key).or_insert(HandlerState {
        name,
        last_success: None,
        error: None,
    });
    state.error = Some(error.chars().take(MAX_ERROR).collect());
}
