//! Watched stores: one per kind, each object without what nobody here reads.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Config, Event};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::metrics::Metrics;

/// Kinds that can be watched.
pub trait Watchable:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Watchable for K where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

/// A store that follows the cluster. It moves only while `touched` is polled.
pub struct Watched<K: Watchable> {
    /// What the cluster holds.
    pub store: Store<K>,
    /// Objects as they are made, changed or deleted.
    pub touched: BoxStream<'static, K>,
    /// How far the watch has come.
    pub version: Version,
}

/// The newest resource version that a watch has seen.
#[derive(Clone, Debug, Default)]
pub struct Version(Arc<AtomicU64>);

impl Version {
    /// Whether the watch has come as far as a write that returned this resource version. One
    /// that is no number counts as reached: nothing could be compared.
    pub fn has_reached(&self, written: &str) -> bool {
        let seen = self.0.load(Ordering::Acquire);
        written.parse().map_or(true, |written: u64| seen >= written)
    }

    fn reached(&self, version: Option<String>) {
        if let Some(version) = version.and_then(|v| v.parse().ok()) {
            self.0.fetch_max(version, Ordering::AcqRel);
        }
    }
}

/// Watches the objects of `api` that `config` selects; `trim` drops what nobody reads. An object
/// that cannot be read is reported and left out: it stops nobody else.
pub fn watch<K: Watchable>(
    api: Api<DeserializeGuard<K>>,
    config: Config,
    metrics: Metrics,
    trim: impl Fn(&mut K) + Send + Sync + 'static,
) -> Watched<K> {
    let kind = K::kind(&()).into_owned();
    let counted = metrics.clone();
    let events = watcher::watcher(api, config)
        .default_backoff()
        .filter_map(move |event| {
            let event = event.map(|event| readable(event, &kind, &counted));
            async move { event.transpose() }
        });
    follow(events, metrics, trim)
}

/// Watches metadata alone, for kinds whose content is nobody's business here.
pub fn watch_metadata<K>(
    api: Api<PartialObjectMeta<K>>,
    config: Config,
    metrics: Metrics,
) -> Watched<PartialObjectMeta<K>>
where
    PartialObjectMeta<K>: Watchable,
    K: 'static,
{
    let events = watcher::watcher(api, config).default_backoff();
    follow(events, metrics, |_| {})
}

/// The event without objects that cannot be read.
fn readable<K: Watchable>(
    event: Event<DeserializeGuard<K>>,
    kind: &str,
    metrics: &Metrics,
) -> Option<Event<K>> {
    let read = |object: DeserializeGuard<K>| {
        object.0.map_err(|invalid| {
            metrics.watch_error(kind);
            let name = invalid.metadata.name.as_deref().unwrap_or_default();
            let error = &invalid.error;
            tracing::warn!(kind, name, %error, "an object cannot be read; it is left as it is");
        })
    };
    match event {
        Event::Apply(object) => read(object).ok().map(Event::Apply),
        Event::Delete(object) => read(object).ok().map(Event::Delete),
        Event::InitApply(object) => read(object).ok().map(Event::InitApply),
        Event::Init => Some(Event::Init),
        Event::InitDone => Some(Event::InitDone),
    }
}

fn follow<K: Watchable>(
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    metrics: Metrics,
    trim: impl Fn(&mut K) + Send + Sync + 'static,
) -> Watched<K> {
    let (store, writer) = reflector::store();
    let version = Version::default();
    let mut feed = Feed {
        writer,
        listed: HashSet::new(),
        version: version.clone(),
    };
    let kind = K::kind(&()).into_owned();
    let touched = events
        .flat_map(move |event| {
            let touched = match event {
                Ok(event) => feed.take(event.modify(|object| {
                    object.meta_mut().managed_fields = None;
                    trim(object);
                })),
                Err(error) => {
                    metrics.watch_error(&kind);
                    tracing::warn!(kind, %error, "a watch broke; it is started anew");
                    Vec::new()
                }
            };
            stream::iter(touched)
        })
        .boxed();
    Watched {
        store,
        touched,
        version,
    }
}

/// Brings events into the store and says which objects they touched.
struct Feed<K: Watchable> {
    writer: Writer<K>,
    listed: HashSet<ObjectRef<K>>,
    version: Version,
}

impl<K: Watchable> Feed<K> {
    fn take(&mut self, event: Event<K>) -> Vec<K> {
        let lost = match &event {
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listed.insert(ObjectRef::from_obj(object));
                Vec::new()
            }
            // Deleted while the watch was down: no event will ever say so.
            Event::InitDone => self.lost(),
            Event::Apply(_) | Event::Delete(_) => Vec::new(),
        };
        self.writer.apply_watcher_event(&event);
        match event {
            Event::Apply(object) | Event::Delete(object) | Event::InitApply(object) => {
                self.version.reached(object.resource_version());
                vec![object]
            }
            Event::Init => Vec::new(),
            Event::InitDone => lost,
        }
    }

    fn lost(&mut self) -> Vec<K> {
        let listed = std::mem::take(&mut self.listed);
        let before = self.writer.as_reader().state();
        let lost = before
            .iter()
            .filter(|object| !listed.contains(&ObjectRef::from_obj(object.as_ref())));
        lost.map(|object| object.as_ref().clone()).collect()
    }
}
