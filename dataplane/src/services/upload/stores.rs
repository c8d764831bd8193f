//! Parts on their way to the store, in order: while they go there, the next one fills. A part's row
//! is written when its object is durable and every part before it has its row.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::buffers::{PART_BYTES, Place, WINDOW_BYTES};
use super::error::UploadError;
use crate::ports::catalog::UploadPart;
use crate::ports::objects::{ObjectKey, Objects, ObjectsError};

/// Parts of one body that may be under way at once, besides the one that fills.
pub const MOST: usize = WINDOW_BYTES / PART_BYTES - 1;

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

/// Parts that are under way.
pub struct Stores {
    objects: Arc<dyn Objects>,
    under_way: VecDeque<Store>,
    /// Objects of parts that failed; they may be there all the same.
    failed: Vec<ObjectKey>,
}

impl Stores {
    /// None yet.
    pub fn new(objects: Arc<dyn Objects>) -> Self {
        Self {
            objects,
            under_way: VecDeque::with_capacity(MOST),
            failed: Vec::new(),
        }
    }

    /// Parts under way.
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Is there nothing under way?
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Sends a part to the store. Its memory goes back when it is there.
    pub fn begin(&mut self, stored: Stored, bytes: Bytes, sha256: [u8; 32], place: Place) {
        let (objects, key) = (self.objects.clone(), stored.object.clone());
        let task = tokio::spawn(async move {
            // Nobody else can know the key: an object that is there already is this put, tried
            // twice.
            let put = objects.put_hashed(&key, bytes.clone(), sha256).await;
            place.reuse(bytes);
            put.map(drop)
        });
        self.under_way.push_back(Store { stored, task });
    }

    /// Waits for the oldest; must not be empty. May be given up and called again.
    pub async fn oldest(&mut self) -> Result<Stored, UploadError> {
        let Some(oldest) = self.under_way.front_mut() else {
            return std::future::pending().await;
        };
        let done = (&mut oldest.task).await;
        let stored = self.under_way.pop_front().map(|store| store.stored);
        let stored = stored.ok_or(UploadError::Cut)?;
        let error = match done {
            Ok(Ok(())) => return Ok(stored),
            Ok(Err(error)) => error.into(),
            Err(died) => UploadError::Died(died),
        };
        self.failed.push(stored.object);
        Err(error)
    }

    /// Waits for all and removes their objects.
    pub async fn abandon(&mut self) {
        while let Some(Store { stored, task }) = self.under_way.pop_front() {
            // Whatever became of it.
            let _ = task.await;
            self.failed.push(stored.object);
        }
        for object in std::mem::take(&mut self.failed) {
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
