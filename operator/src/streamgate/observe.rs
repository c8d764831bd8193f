//! What the cluster holds of a StreamGate. Reads only: watched stores, and the metadata of the
//! keys' Secret, which nobody watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{self as rbac, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Config;
use kube::{Api, ResourceExt};
use serde_json::json;
use streamgate_contract::labels::{
    COMPONENT, INSTANCE, MANAGED_BY, OPERATOR, STREAM_GATE, STREAM_GATE_UID,
};
use streamgate_contract::names;
use streamgate_contract::roles::Role;
use streamgate_crds::StreamGate;

use super::keys::secret::Rings;
use crate::apply::Writable;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::watch::{self, Watchable};

/// How long a Secret that was seen counts as being there. A deleted one is noticed after at most
/// this time; watching Secrets would put every Secret of the cluster into our memory.
const KEYS_TICK: Duration = Duration::from_secs(600);

/// The watched children of every StreamGate.
#[derive(Clone)]
pub struct Children {
    /// Accounts.
    pub service_accounts: Store<ServiceAccount>,
    /// Roles, those in other namespaces too.
    pub roles: Store<rbac::Role>,
    /// Bindings, those in other namespaces too.
    pub role_bindings: Store<RoleBinding>,
    /// Configurations.
    pub config_maps: Store<ConfigMap>,
    /// Claims of data volumes.
    pub claims: Store<PersistentVolumeClaim>,
    /// Deployments.
    pub deployments: Store<Deployment>,
    /// Services.
    pub services: Store<Service>,
    /// Disruption budgets.
    pub budgets: Store<PodDisruptionBudget>,
    /// Who may connect to the pods.
    pub network_policies: Store<NetworkPolicy>,
    /// Autoscalers.
    pub autoscalers: Store<HorizontalPodAutoscaler>,
    /// Pods of the gates; no job pods.
    pub pods: Store<Pod>,
    keys: Arc<Mutex<HashMap<String, KeysSeen>>>,
}

/// When a gate's Secret was seen last, for which generation of the gate, and the keys in it.
#[derive(Clone)]
struct KeysSeen {
    generation: Option<i64>,
    at: Instant,
    rings: Option<Rings>,
}

/// Begins to watch; the stream names the gate whose children changed and must be polled.
pub fn children(context: &Context) -> (Children, BoxStream<'static, ObjectRef<StreamGate>>) {
    let mut touched = Vec::new();
    let children = Children {
        service_accounts: watched(context, &mut touched),
        roles: watched(context, &mut touched),
        role_bindings: watched(context, &mut touched),
        config_maps: watched(context, &mut touched),
        claims: watched(context, &mut touched),
        deployments: watched(context, &mut touched),
        services: watched(context, &mut touched),
        budgets: watched(context, &mut touched),
        network_policies: watched(context, &mut touched),
        autoscalers: watched(context, &mut touched),
        pods: pods(context, &mut touched),
        keys: Arc::default(),
    };
    (children, stream::select_all(touched).boxed())
}

type Touched = Vec<BoxStream<'static, ObjectRef<StreamGate>>>;

fn watched<K: Writable + Watchable>(context: &Context, touched: &mut Touched) -> Store<K> {
    selected(
        context,
        &format!("{MANAGED_BY}={OPERATOR},{STREAM_GATE}"),
        touched,
    )
}

fn pods(context: &Context, touched: &mut Touched) -> Store<Pod> {
    let roles = Role::EVERY.map(Role::name).join(",");
    selected(
        context,
        &format!("{MANAGED_BY}={OPERATOR},{COMPONENT} in ({roles})"),
        touched,
    )
}

fn selected<K: Writable + Watchable>(
    context: &Context,
    selector: &str,
    touched: &mut Touched,
) -> Store<K> {
    let api = context.watched();
    let config = Config::default().labels(selector);
    let watch = watch::watch(api, config, context.metrics.clone(), |_: &mut K| {});
    let gates = watch
        .touched
        .filter_map(|child| async move { gate_of(&child) });
    touched.push(gates.boxed());
    watch.store
}

/// The gate a child names in its labels. A grant in another namespace names no gate here: a slow
/// tick finds what was done to it.
fn gate_of<K: Writable>(child: &K) -> Option<ObjectRef<StreamGate>> {
    let name = child.labels().get(INSTANCE)?;
    Some(ObjectRef::new(name).within(&child.namespace()?))
}

impl Children {
    /// Waits until every store holds what the cluster held at the start.
    pub async fn ready(&self) {
        // A store whose writer is gone belongs to an operator that ends.
        let _ = self.service_accounts.wait_until_ready().await;
        let _ = self.roles.wait_until_ready().await;
        let _ = self.role_bindings.wait_until_ready().await;
        let _ = self.config_maps.wait_until_ready().await;
        let _ = self.claims.wait_until_ready().await;
        let _ = self.deployments.wait_until_ready().await;
        let _ = self.services.wait_until_ready().await;
        let _ = self.budgets.wait_until_ready().await;
        let _ = self.network_policies.wait_until_ready().await;
        let _ = self.autoscalers.wait_until_ready().await;
        let _ = self.pods.wait_until_ready().await;
    }

    /// The pods of a role of a gate.
    pub fn pods_of(&self, gate: &StreamGate, role: Role) -> Vec<Arc<Pod>> {
        let (namespace, name) = (gate.namespace(), gate.name_any());
        self.pods.state_filter(move |pod: &Pod| {
            let label = |key| pod.labels().get(key).map(String::as_str);
            pod.namespace() == namespace
                && label(INSTANCE) == Some(&name)
                && label(COMPONENT) == Some(role.name())
        })
    }

    /// The pods of every role of a gate.
    pub fn pods_of_gate(&self, gate: &StreamGate) -> Vec<Arc<Pod>> {
        let (namespace, name) = (gate.namespace(), gate.name_any());
        self.pods.state_filter(move |pod: &Pod| {
            pod.namespace() == namespace && pod.labels().get(INSTANCE) == Some(&name)
        })
    }

    /// The Deployment of a role of a gate.
    pub fn deployment_of(&self, gate: &StreamGate, role: Role) -> Option<Arc<Deployment>> {
        let name = names::child(&gate.name_any(), role);
        let key = ObjectRef::new(&name).within(&gate.namespace()?);
        self.deployments.get(&key)
    }

    /// What the gate's Secret held, if it was seen lately, for the spec as it is now.
    pub fn keys_seen(&self, gate: &StreamGate) -> Option<Option<Rings>> {
        let seen = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = gate.uid().unwrap_or_default();
        let seen = seen.get(&uid).filter(|seen| {
            seen.generation == gate.metadata.generation && seen.at.elapsed() < KEYS_TICK
        });
        seen.map(|seen| seen.rings.clone())
    }

    /// Remembers that the Secret is there, owned and turned as the spec says now.
    pub fn saw_keys(&self, gate: &StreamGate, rings: Option<Rings>) {
        let mut seen = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        // What was not seen for two ticks belongs to a gate that is gone.
        seen.retain(|_, seen| seen.at.elapsed() < 2 * KEYS_TICK);
        let now = KeysSeen {
            generation: gate.metadata.generation,
            at: Instant::now(),
            rings,
        };
        seen.insert(gate.uid().unwrap_or_default(), now);
    }
}

/// The object of a store that has the name and namespace of `wanted`.
pub fn live<K: Writable + Watchable>(store: &Store<K>, wanted: &K) -> Option<Arc<K>> {
    store.get(&ObjectRef::from_obj(wanted))
}

/// Metadata of a claim, whoever it belongs to.
///
/// # Errors
/// See [`Error`].
pub async fn claim(
    context: &Context,
    wanted: &PersistentVolumeClaim,
) -> Result<Option<PartialObjectMeta<PersistentVolumeClaim>>> {
    let namespace = wanted.namespace().unwrap_or_default();
    let api = Api::<PersistentVolumeClaim>::namespaced(context.client.clone(), &namespace);
    let found = api.get_metadata_opt(&wanted.name_any()).await;
    found.map_err(|e| Error::from_kube("read the claim of the data volume".to_owned(), e))
}

/// Metadata of the gate's Secret. A dry run of a patch that changes nothing answers it without
/// the right to read Secrets, which the operator does not have.
///
/// # Errors
/// See [`Error`].
pub async fn keys(
    context: &Context,
    wanted: &ObjectMeta,
) -> Result<Option<PartialObjectMeta<Secret>>> {
    let namespace = wanted.namespace.as_deref().unwrap_or_default();
    let name = wanted.name.as_deref().unwrap_or_default();
    let api = Api::<Secret>::namespaced(context.client.clone(), namespace);
    let params = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let nothing = Patch::Merge(json!({}));
    match api.patch_metadata(name, &params, &nothing).await {
        Ok(found) => Ok(Some(found)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(Error::from_kube(format!("look for Secret {name}"), error)),
    }
}

/// What the gate has in other namespaces, asked of the API server: a store could be behind, and
/// what is forgotten when the gate goes is never cleaned up.
///
/// # Errors
/// See [`Error`].
pub async fn grants(context: &Context, uid: &str) -> Result<(Vec<rbac::Role>, Vec<RoleBinding>)> {
    let params = ListParams::default().labels(&format!("{STREAM_GATE_UID}={uid}"));
    let failed = |e| Error::from_kube("list the grants in other namespaces".to_owned(), e);
    let roles = context
        .watched::<rbac::Role>()
        .list(&params)
        .await
        .map_err(failed)?;
    let bindings = context.watched::<RoleBinding>().list(&params).await;
    Ok((roles.items, bindings.map_err(failed)?.items))
}
