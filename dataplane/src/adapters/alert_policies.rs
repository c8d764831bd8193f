//! AlertPolicies of a Kubernetes cluster: watched, so that looking at them asks nobody; the
//! evaluation is written by server-side apply; Events are made in events.k8s.io.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;
use futures::StreamExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::events::{Event as Note, EventType, Recorder, Reporter};
use kube::runtime::watcher::{self, Event};
use kube::{Client, Resource};
use serde_json::json;
use streamgate_contract::labels::MANAGER_MONITOR;
use streamgate_crds::AlertPolicy;
use streamgate_crds::alert_policy::Evaluation;
use tokio_util::sync::CancellationToken;

use crate::ports::Source;
use crate::ports::notices::{Events, Notice, NoticeStatus};
use crate::ports::policies::{Policies, PoliciesError, Policy, Written};

/// Bytes of an Event's note; the API server takes 1,024.
const MAX_NOTE: usize = 1_000;

/// The AlertPolicies of one StreamGate.
pub struct KubernetesPolicies {
    client: Client,
    gate: String,
    namespace: String,
    recorder: Recorder,
    /// By UID; `None` until the first list is complete.
    known: RwLock<Option<HashMap<String, AlertPolicy>>>,
}

impl KubernetesPolicies {
    /// Knows nothing until [`KubernetesPolicies::run`] watches. `instance` names this process in
    /// Events.
    pub fn new(client: Client, namespace: &str, gate: &str, instance: &str) -> Self {
        let reporter = Reporter {
            controller: "streamgate.io/monitor".to_owned(),
            instance: Some(instance.to_owned()),
        };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            gate: gate.to_owned(),
            namespace: namespace.to_owned(),
            known: RwLock::new(None),
        }
    }

    /// Watches until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        stop.run_until_cancelled(self.follow()).await;
    }

    async fn follow(&self) {
        let events = kube::runtime::watcher(self.api(), watcher::Config::default());
        let mut events = pin!(events.default_backoff());
        let (mut listed, mut healthy) = (HashMap::new(), true);
        while let Some(event) = events.next().await {
            match &event {
                // Said once per outage: the watcher tries again on its own.
                Err(error) if healthy => {
                    tracing::warn!(%error, "cannot watch AlertPolicies; trying again");
                }
                Ok(_) if !healthy => tracing::info!("watching AlertPolicies again"),
                _ => {}
            }
            healthy = event.is_ok();
            if let Ok(event) = event {
                self.take(event, &mut listed);
            }
        }
    }

    fn take(&self, event: Event<AlertPolicy>, listed: &mut HashMap<String, AlertPolicy>) {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(found) => listed.extend(self.own(found)),
            Event::InitDone => self.change(|known| *known = Some(std::mem::take(listed))),
            Event::Apply(found) => self.remember(found),
            Event::Delete(gone) => self.forget(&gone.metadata.uid.unwrap_or_default()),
        }
    }

    /// The policy by its UID, if it is one of this gate.
    fn own(&self, found: AlertPolicy) -> Option<(String, AlertPolicy)> {
        let own = found.spec.stream_gate_ref.name == self.gate;
        let uid = found.metadata.uid.clone().filter(|_| own)?;
        Some((uid, found))
    }

    fn remember(&self, found: AlertPolicy) {
        let uid = found.metadata.uid.clone().unwrap_or_default();
        match self.own(found) {
            Some((uid, found)) => self.change(|known| {
                known.get_or_insert_default().insert(uid, found);
            }),
            None => self.forget(&uid),
        }
    }

    fn forget(&self, uid: &str) {
        self.change(|known| {
            known.get_or_insert_default().remove(uid);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Option<HashMap<String, AlertPolicy>>)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn api(&self) -> Api<AlertPolicy> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Learns what changed under a write, without waiting for the watch.
    async fn look_again(&self, policy: &Policy) -> Result<Written, PoliciesError> {
        match self.api().get_opt(&policy.name).await {
            Ok(Some(found)) => self.remember(found),
            Ok(None) => self.forget(&policy.uid),
            Err(error) => return Err(failed("read an AlertPolicy")(error)),
        }
        Ok(Written::Stale)
    }
}

fn failed(action: &'static str) -> impl FnOnce(kube::Error) -> PoliciesError {
    move |e| PoliciesError {
        action,
        source: e.into(),
    }
}

/// `None` for an object without an identity, which the API server never sends.
fn policy(found: &AlertPolicy) -> Option<Policy> {
    let status = found.status.clone().unwrap_or_default();
    let present = status.observed_generation == found.metadata.generation;
    let good = |c: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        c.type_ == "Ready" && c.status == "True"
    };
    let ready = status.conditions.iter().any(|c| good(&c));
    Some(Policy {
        uid: found.metadata.uid.clone()?,
        namespace: found.metadata.namespace.clone()?,
        name: found.metadata.name.clone()?,
        version: found.metadata.resource_version.clone()?,
        spec: found.spec.clone().into(),
        ready: ready && present && found.metadata.deletion_timestamp.is_none(),
        evaluation: status.evaluation,
    })
}

#[async_trait]
impl Policies for KubernetesPolicies {
    fn all(&self) -> Option<Vec<Policy>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref()?.values();
        Some(known.filter_map(policy).collect())
    }

    async fn write(
        &self,
        policy: &Policy,
        evaluation: &Evaluation,
    ) -> Result<Written, PoliciesError> {
        // UID and version are preconditions: a write never lands on a policy that was made anew,
        // and of two monitors only one writes a change.
        let patch = json!({
            "apiVersion": AlertPolicy::api_version(&()),
            "kind": AlertPolicy::kind(&()),
            "metadata": {"uid": policy.uid, "resourceVersion": policy.version},
            "status": {"evaluation": evaluation},
        });
        let params = PatchParams::apply(MANAGER_MONITOR).force();
        let api = self.api();
        let patch = Patch::Apply(&patch);
        let written = api.patch_status(&policy.name, &params, &patch);
        match written.await {
            Ok(found) => {
                self.remember(found);
                Ok(Written::Done)
            }
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => {
                self.look_again(policy).await
            }
            Err(error) => Err(failed("write the evaluation of an AlertPolicy")(error)),
        }
    }
}

#[async_trait]
impl Events for KubernetesPolicies {
    async fn record(&self, policy: &Policy, notice: &Notice) -> Result<(), Source> {
        let mut about = AlertPolicy::new(&policy.name, (*policy.spec).clone());
        about.metadata.namespace = Some(policy.namespace.clone());
        about.metadata.uid = Some(policy.uid.clone());
        self.recorder
            .publish(&note(notice), &about.object_ref(&()))
            .await?;
        Ok(())
    }
}

fn note(notice: &Notice) -> Note {
    let (type_, reason, verb) = match notice.status {
        NoticeStatus::Firing => (EventType::Warning, "AlertFiring", "fires"),
        NoticeStatus::Resolved => (EventType::Normal, "AlertResolved", "is over"),
    };
    let summary = notice.annotations.get("summary");
    let summary = summary.map_or(String::new(), |text| format!(": {text}"));
    let labels = notice.labels.iter().filter(|(n, _)| *n != "alertname");
    let labels: Vec<_> = labels.map(|(n, v)| format!("{n}={v}")).collect();
    let labels = match labels.is_empty() {
        true => String::new(),
        false => format!(" ({})", labels.join(", ")),
    };
    let mut text = format!("{} {verb}{summary}{labels}", notice.rule);
    text.truncate(text.floor_char_boundary(MAX_NOTE));
    Note {
        type_,
        reason: reason.to_owned(),
        note: Some(text),
        // Part of what makes Events the same: notices of different rules are not counted together.
        action: notice.rule.clone(),
        secondary: None,
    }
}
