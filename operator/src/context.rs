//! What every controller is given: the writer, a client to watch with, settings and metrics.

use std::fmt::Debug;

use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};

use crate::apply::Applier;
use crate::metrics::Metrics;

/// Settings from the command line that decisions need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Repository of the data plane's image, without tag.
    pub dataplane_image: String,
    /// Repository of the transcoder's image, without tag.
    pub transcoder_image: String,
    /// `imagePullPolicy` of every container the operator makes.
    pub image_pull_policy: String,
    /// Version of a StreamGate that names none when it is first seen.
    pub default_version: String,
    /// The one namespace to look after; all when absent.
    pub watch_namespace: Option<String>,
}

/// What every controller is given.
#[derive(Clone)]
pub struct Context {
    /// Reads and watches; writes go through `apply` alone.
    pub client: Client,
    /// The only writer.
    pub apply: Applier,
    /// Settings from the command line.
    pub settings: Settings,
    /// Metrics of the operator.
    pub metrics: Metrics,
}

impl Context {
    /// The objects of a kind that this operator looks after.
    pub fn watched<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Debug,
    {
        match &self.settings.watch_namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }
}
