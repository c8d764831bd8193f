//! The only writer. Every write has a deadline inside the lease, is made only when the world
//! differs from what is wanted, and repeating it is harmless.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use streamgate_contract::labels::{MANAGER_OPERATOR, MANAGER_REPLICAS};
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::events::{Events, Notice};
use crate::lease::Tenure;
use crate::unchanged;

/// Longest a write may take.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// Kinds this writer can write: namespaced and known at compile time.
pub trait Writable:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
{
}

impl<K> Writable for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
{
}

/// Writes to the API server on behalf of the leader.
#[derive(Clone)]
pub struct Applier {
    client: Client,
    tenure: Tenure,
    events: Events,
}

impl Applier {
    /// A writer that works while `tenure` lasts.
    pub fn new(client: Client, tenure: Tenure, events: Events) -> Self {
        Self {
            client,
            tenure,
            events,
        }
    }

    /// Makes the cluster's object as wanted by server-side apply and prunes fields we applied
    /// before; no call when `live`, from a watched store, is as wanted already. An object that
    /// another owner controls is left alone.
    ///
    /// # Errors
    /// See [`Error`]; `NameTaken` when the object belongs to somebody else.
    pub async fn apply<K: Writable>(&self, live: Option<&K>, wanted: &K) -> Result<Option<K>> {
        let doing = doing("apply", wanted);
        let (body, hash) = stamped(wanted, &doing)?;
        if let Some(live) = live {
            owned_alike(live, wanted)?;
            if is_applied(live, &body, &hash, &doing)? {
                return Ok(None);
            }
        }
        let api = self.api(wanted)?;
        let name = wanted.name_any();
        // A store that is behind, or that selects by label, may not show an object that exists.
        let mut exists = live.is_some();
        if !exists && let Some(found) = self.within(&doing, api.get_opt(&name)).await? {
            owned_alike(&found, wanted)?;
            exists = true;
        }
        let mut params = PatchParams::apply(MANAGER_OPERATOR);
        params.force = exists;
        let patch = Patch::Apply(&body);
        let written = self
            .within(&doing, api.patch(&name, &params, &patch))
            .await?;
        Ok(Some(written))
    }

    /// Makes an object that nobody changes afterwards; `None` when it exists already.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create<K: Writable>(&self, wanted: &K) -> Result<Option<K>> {
        let doing = doing("create", wanted);
        let params = PostParams {
            field_manager: Some(MANAGER_OPERATOR.to_owned()),
            ..PostParams::default()
        };
        let api = self.api(wanted)?;
        let created = self.attempt(&doing, api.create(&params, wanted)).await?;
        absent_if(created, 409).map_err(|e| Error::from_kube(doing, e))
    }

    /// Changes some fields of an object and leaves the rest; `None` when it is gone or was made
    /// anew in between.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn merge<K: Writable>(&self, live: &K, mut fields: Value) -> Result<Option<K>> {
        let doing = doing("change", live);
        fields["metadata"]["uid"] = json!(live.uid());
        let params = PatchParams {
            field_manager: Some(MANAGER_OPERATOR.to_owned()),
            ..PatchParams::default()
        };
        let api = self.api(live)?;
        let name = live.name_any();
        let patch = Patch::Merge(&fields);
        let patched = self
            .attempt(&doing, api.patch(&name, &params, &patch))
            .await?;
        gone(patched).map_err(|e| Error::from_kube(doing, e))
    }

    /// Changes a Secret by a JSON patch (RFC 6902) without reading it; a test of the patch that fails is
    /// an error.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn patch_secret(
        &self,
        live: &PartialObjectMeta<Secret>,
        operations: &Value,
    ) -> Result<()> {
        let doing = format!("change Secret {}", live.name_any());
        let json = |source| Error::Json {
            doing: doing.clone(),
            source,
        };
        let patch = serde_json::from_value(operations.clone()).map_err(json)?;
        let params = PatchParams {
            field_manager: Some(MANAGER_OPERATOR.to_owned()),
            ..PatchParams::default()
        };
        let namespace = live.namespace().unwrap_or_default();
        let api = Api::<Secret>::namespaced(self.client.clone(), &namespace);
        let name = live.name_any();
        let patch = Patch::Json::<()>(patch);
        // Metadata alone come back.
        self.within(&doing, api.patch_metadata(&name, &params, &patch))
            .await?;
        Ok(())
    }

    /// Lets the number of a Deployment's pods stay as it is when we no longer want one: another name of
    /// ours holds it until an autoscaler writes its own. Otherwise it would fall to one in between.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn let_go_of_replicas(&self, live: &Deployment) -> Result<()> {
        let Some(replicas) = live.spec.as_ref().and_then(|spec| spec.replicas) else {
            return Ok(());
        };
        let doing = doing("hold the replicas of", live);
        let name = live.name_any();
        let body = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "uid": live.uid()},
            "spec": {"replicas": replicas},
        });
        let params = PatchParams::apply(MANAGER_REPLICAS).force();
        let patch = Patch::Apply(&body);
        let api = self.api(live)?;
        self.within(&doing, api.patch(&name, &params, &patch))
            .await?;
        Ok(())
    }

    /// Deletes exactly this object, its dependents in the background; fine when it is gone.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete<K: Writable>(&self, live: &K) -> Result<()> {
        let doing = doing("delete", live);
        let params = DeleteParams::background().preconditions(Preconditions {
            uid: live.uid(),
            resource_version: None,
        });
        let api = self.api(live)?;
        let name = live.name_any();
        let deleted = self.attempt(&doing, api.delete(&name, &params)).await?;
        gone(deleted)
            .map(|_| ())
            .map_err(|e| Error::from_kube(doing, e))
    }

    /// Writes our part of an object's status by server-side apply; fields that `status` leaves
    /// out and others own stay. No call when nothing changed. Returns the new resource version.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn status<K: Writable, S: Serialize + PartialEq>(
        &self,
        object: &K,
        old: &S,
        new: &S,
    ) -> Result<Option<String>> {
        if old == new {
            return Ok(None);
        }
        let doing = doing("write the status of", object);
        // The UID keeps a late write off an object that was deleted and made anew.
        let body = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"name": object.name_any(), "uid": object.uid()},
            "status": new,
        });
        let api = self.api(object)?;
        let name = object.name_any();
        let params = PatchParams::apply(MANAGER_OPERATOR).force();
        let patch = Patch::Apply(&body);
        let written = self
            .attempt(&doing, api.patch_status(&name, &params, &patch))
            .await?;
        let written = gone(written).map_err(|e| Error::from_kube(doing, e))?;
        Ok(written.and_then(|w| w.resource_version()))
    }

    /// Says something about an object as an Event, off the path of the pass.
    pub fn event<K: Writable>(&self, object: &K, notice: Notice) {
        self.events.publish(object.object_ref(&()), notice);
    }

    fn api<K: Writable>(&self, object: &K) -> Result<Api<K>> {
        let namespace = object.namespace().ok_or_else(|| Error::Incomplete {
            kind: K::kind(&()).into_owned(),
            field: "namespace",
        })?;
        Ok(Api::namespaced(self.client.clone(), &namespace))
    }

    async fn within<T>(
        &self,
        doing: &str,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T> {
        let answer = self.attempt(doing, call).await?;
        answer.map_err(|e| Error::from_kube(doing.to_owned(), e))
    }

    /// Runs a call until its deadline or the end of the lease, whichever is first.
    async fn attempt<T>(
        &self,
        doing: &str,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<kube::Result<T>> {
        let now = Instant::now();
        let Some(end) = self.tenure.until().filter(|end| *end > now) else {
            return Err(Error::NotLeader {
                doing: doing.to_owned(),
            });
        };
        tokio::time::timeout_at(end.min(now + WRITE_DEADLINE), call)
            .await
            .map_err(|_| Error::Deadline {
                doing: doing.to_owned(),
            })
    }
}

/// The wanted object as JSON with the hash of itself in an annotation.
fn stamped<K: Writable>(wanted: &K, doing: &str) -> Result<(Value, String)> {
    let mut body = to_json(wanted, doing)?;
    let hash = unchanged::hash(&body);
    body["metadata"]["annotations"][unchanged::APPLIED] = json!(hash);
    Ok((body, hash))
}

fn is_applied<K: Writable>(live: &K, body: &Value, hash: &str, doing: &str) -> Result<bool> {
    let stamp = live.annotations().get(unchanged::APPLIED);
    let same = stamp.is_some_and(|stamp| stamp == hash);
    Ok(same && unchanged::covers(&to_json(live, doing)?, body))
}

/// Refuses an object that another controller owns, or that nobody owns when we want to own it.
fn owned_alike<K: Writable>(live: &K, wanted: &K) -> Result<()> {
    let uid = |object: &K| object.owner_references().first().map(|o| o.uid.clone());
    let owner = uid(wanted);
    let ours = owner.is_none()
        || live
            .owner_references()
            .iter()
            .any(|o| Some(&o.uid) == owner.as_ref());
    ours.then_some(()).ok_or_else(|| Error::NameTaken {
        kind: K::kind(&()).into_owned(),
        name: live.name_any(),
    })
}

fn to_json<K: Serialize>(object: &K, doing: &str) -> Result<Value> {
    serde_json::to_value(object).map_err(|source| Error::Json {
        doing: doing.to_owned(),
        source,
    })
}

fn doing<K: Writable>(verb: &str, object: &K) -> String {
    format!("{verb} {} {}", K::kind(&()), object.name_any())
}

/// A refusal with this code means that there is nothing to return.
fn absent_if<T>(answer: kube::Result<T>, code: u16) -> kube::Result<Option<T>> {
    match answer {
        Err(kube::Error::Api(status)) if status.code == code => Ok(None),
        other => other.map(Some),
    }
}

/// Gone, or another object of the same name: both mean that ours is no more.
fn gone<T>(answer: kube::Result<T>) -> kube::Result<Option<T>> {
    match answer {
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(None),
        other => other.map(Some),
    }
}
