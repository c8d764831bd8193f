//! The part on its way to the store. Its row is written when its object is durable; until then the body
//! waits, and what its sender goes on sending waits in the buffers of the system.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::buffers::Place;
use super::error::UploadError;
use crate::ports::catalog::UploadPart;
use crate::ports::objects::{ObjectKey, Objects, ObjectsError};

/// A part that is under way.
struct Store {
    stored: Stored,
    task: JoinHandle<Result<(), ObjectsError>>,
}

/// A part and what it replaces.
pub struct Stored {
    /// The part.
    pub part: UploadPart,
    /// Its object.
    pub object: ObjectKey,
    /// The shorter part it goes in the place of.
    pub replaces: Option<UploadPart>,
}

/// The part that is under way, if one is.
pub struct Stores {
    objects: Arc<dyn Objects>,
    under_way: Option<Store>,
    /// The object of a part that failed; it may be there all the same.
    failed: Option<ObjectKey>,
}

impl Stores {
    /// None yet.
    pub fn new(objects: Arc<dyn Objects>) -> Self {
        Self {
            objects,
            under_way: None,
            failed: None,
        }
    }

    /// Is there nothing under way?
    pub fn is_empty(&self) -> bool {
        self.under_way.is_none()
    }

    /// Sends a part to the store, when there is none under way. Its memory goes back when it is there.
    pub fn begin(&mut self, stored: Stored, bytes: Bytes, crc32c: u32, place: Place) {
        let (objects, key) = (self.objects.clone(), stored.object.clone());
        let task = tokio::spawn(async move {
            // Nobody else can know the key: an object that is there already is this put, tried
            // twice.
            let put = objects.put_summed(&key, bytes.clone(), crc32c).await;
            place.reuse(bytes);
            put.map(drop)
        });
        self.under_way = Some(Store { stored, task });
    }

    /// Waits for the part under way, for ever when there is none. May be given up and called again.
    pub async fn done(&mut self) -> Result<Stored, UploadError> {
        let Some(store) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let done = (&mut store.task).await;
        let stored = self.under_way.take().map(|store| store.stored);
        let stored = stored.ok_or(UploadError::Cut)?;
        let error = match done {
            Ok(Ok(())) => return Ok(stored),
            Ok(Err(error)) => error.into(),
            Err(died) => UploadError::Died(died),
        };
        self.failed = Some(stored.object);
        Err(error)
    }

    /// Waits for it and removes its object.
    pub async fn abandon(&mut self) {
        if let Some(Store { stored, task }) = self.under_way.take() {
            // Whatever became of it.
            let _ = task.await;
            self.failed = Some(stored.object);
        }
        if let Some(object) = self.failed.take() {
            remove(&*self.objects, &object).await;
        }
    }
}

/// Removes an object nobody refers to. One that stays is found by the next sweep.
pub async fn remove(objects: &dyn Objects, key: &ObjectKey) {
    if let Err(error) = objects.delete(key).await {
        tracing::warn!(%key, error = %error, "an unused part stays until the next sweep");
    }
}
