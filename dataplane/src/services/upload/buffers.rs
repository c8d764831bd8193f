//! Memory for bytes on their way to the store: a fixed number of buffers that all bodies share, first
//! come, first served. A body that has none waits, and its sender with it.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most bytes of a part, and of a buffer.
pub const PART_BYTES: usize = 4 << 20;
/// Most bytes that the HTTP stack holds of a body and nobody has taken yet: what it has read and what
/// it hands over.
const READ_AHEAD_BYTES: usize = 256 << 10;
/// Most bytes that arrive for one part. Whatever of a body is on its way, and so lost when the process is
/// killed, is no more than a part.
pub const FRESH_BYTES: usize = PART_BYTES - READ_AHEAD_BYTES;
/// Buffers of a process.
pub const BUFFERS: usize = 4;

/// The buffers.
pub struct Buffers {
    count: usize,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Memory of buffers that were given back: new memory costs a fault per page.
    free: Mutex<Vec<BytesMut>>,
}

impl Buffers {
    /// `count` buffers; they take no memory before they are used.
    pub fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            count,
            places: Arc::new(Semaphore::new(count)),
            waiting: AtomicUsize::new(0),
            free: Mutex::default(),
        })
    }

    /// A buffer, when there is one.
    pub async fn take(self: &Arc<Self>) -> Buffer {
        let _waits = Waits::new(&self.waiting);
        // The semaphore is never closed; without a place the buffer would only be one too many.
        let place = self.places.clone().acquire_owned().await.ok();
        let bytes = self.free().pop();
        Buffer {
            bytes: bytes.unwrap_or_else(|| BytesMut::with_capacity(PART_BYTES)),
            old: 0,
            place: Place {
                buffers: self.clone(),
                permit: place,
            },
        }
    }

    /// Does somebody wait for a buffer?
    pub fn crowded(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Memory that nobody uses goes back to the system when nobody is at work.
    pub fn rest(&self) {
        if self.places.available_permits() == self.count {
            self.free().clear();
        }
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<BytesMut>> {
        // The list is whole after every operation on it.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place among the buffers.
pub struct Place {
    buffers: Arc<Buffers>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Gives the memory back for the next one.
    pub fn reuse(self, bytes: Bytes) {
        // A store that still holds the bytes keeps them.
        if let Ok(mut bytes) = bytes.try_into_mut() {
            bytes.clear();
            if bytes.capacity() >= PART_BYTES {
                self.buffers.free().push(bytes);
            }
        }
        drop(self.permit);
    }
}

/// A buffer that is being filled.
pub struct Buffer {
    bytes: BytesMut,
    /// Bytes that were stored before.
    old: usize,
    place: Place,
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Buffer {
    /// Bytes that fit.
    pub fn room(&self) -> usize {
        let fresh = self.bytes.len() - self.old;
        let of_part = PART_BYTES.saturating_sub(self.bytes.len());
        of_part.min(FRESH_BYTES.saturating_sub(fresh))
    }

    /// Begins with bytes that are stored already.
    pub fn begin_with(&mut self, bytes: &[u8]) {
        self.extend(bytes);
        self.old = self.bytes.len();
    }

    /// Adds bytes that fit.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The bytes, to be stored, and the place they take until then.
    pub fn freeze(self) -> (Bytes, Place) {
        (self.bytes.freeze(), self.place)
    }

    /// Gives the buffer back unused.
    pub fn give_back(self) {
        let (bytes, place) = self.freeze();
        place.reuse(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn there_are_so_many_and_memory_is_used_again() {
        let buffers = Buffers::new(2);
        let mut one = buffers.take().await;
        let two = buffers.take().await;
        let third = tokio::time::timeout(Duration::from_millis(20), buffers.take());
        assert!(third.await.is_err());
        assert!(!buffers.crowded(), "who gave up does not wait");
        one.extend(b"part");
        let at = one.as_ptr();
        let (bytes, place) = one.freeze();
        assert_eq!(bytes, "part");
        place.reuse(bytes);
        let again = buffers.take().await;
        assert_eq!((again.as_ptr(), again.len()), (at, 0));
        let mut two = two;
        assert_eq!(two.room(), FRESH_BYTES);
        two.begin_with(&[0; READ_AHEAD_BYTES + 1]);
        assert_eq!(two.room(), FRESH_BYTES - 1, "a part holds what it holds");
        let (held, place) = two.freeze();
        let copy = held.clone();
        place.reuse(held);
        assert!(buffers.take().await.as_ptr() != copy.as_ptr());
        buffers.rest();
        drop(again);
        assert!(buffers.free().is_empty());
    }
}
