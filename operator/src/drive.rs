//! Runs one controller: takes touched objects, calls its reconciler, measures, logs failures
//! once and tries again with growing patience.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use kube::Resource;
use kube::runtime::controller::{self, Action, ReconcileRequest};
use kube::runtime::reflector::{ObjectRef, Store};

use crate::error::{Error, Result};
use crate::metrics::Metrics;

/// Passes at once, per kind.
const CONCURRENCY: u16 = 32;
/// First and longest wait after a failed pass.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(120));

/// Which objects wait for their pass, and how often each failed in a row.
struct Book<K: Resource<DynamicType = ()>> {
    kind: String,
    metrics: Metrics,
    waiting: Mutex<HashSet<ObjectRef<K>>>,
    failures: Mutex<HashMap<ObjectRef<K>, u32>>,
}

/// Reconciles the objects of `store` that `queue` names, until the queue ends. Passes that run
/// then are finished.
///
/// A failed pass is logged here and nowhere else.
pub async fn drive<K, F, P>(
    store: Store<K>,
    queue: BoxStream<'static, ObjectRef<K>>,
    metrics: Metrics,
    reconcile: F,
) where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
    F: Fn(Arc<K>) -> P + Send + Sync + 'static,
    P: Future<Output = Result<Action>> + Send + 'static,
{
    let book = Arc::new(Book::<K> {
        kind: K::kind(&()).into_owned(),
        metrics,
        waiting: Mutex::default(),
        failures: Mutex::default(),
    });
    let entered = book.clone();
    let queue = queue.map(move |object| {
        entered.enters(&object);
        Ok::<_, std::convert::Infallible>(ReconcileRequest::from(object))
    });
    let reconcile = Arc::new(reconcile);
    let pass = move |object: Arc<K>, book: Arc<Book<K>>| {
        let reconcile = reconcile.clone();
        async move { book.measured(&object.clone(), reconcile(object)).await }.boxed()
    };
    let config = controller::Config::default().concurrency(CONCURRENCY);
    controller::applier(pass, again, book, store, queue, config)
        .for_each(|_| async {})
        .await;
}

/// When a failed pass is tried again.
fn again<K>(object: Arc<K>, error: &Error, book: Arc<Book<K>>) -> Action
where
    K: Resource<DynamicType = ()>,
{
    let object = ObjectRef::from_obj(object.as_ref());
    let failures = book.failed(&object);
    let wait = patience(failures);
    tracing::warn!(kind = book.kind, %object, %error, failures, "a pass failed");
    Action::requeue(wait)
}

/// Twice as long after each failure in a row.
fn patience(failures: u32) -> Duration {
    let (first, longest) = PATIENCE;
    let factor = 1_u32 << failures.saturating_sub(1).min(16);
    first.saturating_mul(factor).min(longest)
}

impl<K: Resource<DynamicType = ()>> Book<K> {
    fn enters(&self, object: &ObjectRef<K>) {
        let mut waiting = locked(&self.waiting);
        waiting.insert(object.clone());
        self.metrics.waiting(&self.kind, waiting.len());
    }

    fn leaves(&self, object: &ObjectRef<K>) {
        let mut waiting = locked(&self.waiting);
        waiting.remove(object);
        self.metrics.waiting(&self.kind, waiting.len());
    }

    fn failed(&self, object: &ObjectRef<K>) -> u32 {
        let mut failures = locked(&self.failures);
        let count = failures.entry(object.clone()).or_default();
        *count += 1;
        *count
    }

    async fn measured(
        &self,
        object: &K,
        pass: impl Future<Output = Result<Action>>,
    ) -> Result<Action> {
        let object = ObjectRef::from_obj(object);
        self.leaves(&object);
        let begun = Instant::now();
        let result = pass.await;
        let word = result.as_ref().map_or_else(Error::word, |_| "success");
        self.metrics.pass(&self.kind, word, begun.elapsed());
        if result.is_ok() {
            locked(&self.failures).remove(&object);
        }
        result
    }
}

/// A panic while the lock was held leaves counters that are still good enough.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_and_ends() {
        assert_eq!(patience(1), Duration::from_millis(500));
        assert_eq!(patience(3), Duration::from_secs(2));
        assert_eq!(patience(99), Duration::from_secs(120));
    }
}
