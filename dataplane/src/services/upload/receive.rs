//! Bytes of a body into parts. Each part is durable in the store before its row is in the catalog,
//! and the sum of the rows is the offset, so whatever happens the offset never lies.
//!
//! Parts are full except the last. A body that ends or is cut leaves a shorter part with all that
//! arrived; the next body continues that part when it is shorter than [`REWRITE_BELOW`], by
//! storing it anew with more bytes and letting the catalog exchange the two. So no byte is lost at
//! a cut, and however small the bodies are, an upload has at most one part per `REWRITE_BELOW`.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use streamgate_contract::names;
use tokio_util::sync::CancellationToken;

use super::error::UploadError;
use super::metrics::Metrics;
use super::turns::{Release, Turn};
use crate::ports::Source;
use crate::ports::catalog::{CatalogError, Upload, UploadPart, Uploads};
use crate::ports::objects::{ObjectKey, Objects};

/// Most bytes of a part, and of an upload's bytes in memory.
pub const PART_BYTES: usize = 8 << 20;
/// A last part shorter than this is continued instead of followed by another.
pub const REWRITE_BELOW: u64 = 4 << 20;
/// Most parts of an upload: the width of their numbers.
const MAX_PARTS: u64 = 100_000;
/// Most bytes of an upload of which all parts have the least size.
pub const MAX_UPLOAD_BYTES: u64 = MAX_PARTS * REWRITE_BELOW;
/// A connection that brings no byte for this long counts as cut.
const SILENCE: Duration = Duration::from_secs(60);
/// A writer that is asked to stop takes what the network has brought, until it is quiet this long…
const QUIET: Duration = Duration::from_millis(100);
/// …or brings more after this long.
const DRAIN: Duration = Duration::from_secs(1);

/// A request body and what its headers say.
pub struct Body {
    /// Offset its first byte has in the upload.
    pub offset: u64,
    /// Its length, when it is known beforehand.
    pub announced: Option<u64>,
    /// Its bytes.
    pub bytes: BoxStream<'static, Result<Bytes, Source>>,
}

/// One body being received into one upload.
pub struct Receiver<'a> {
    objects: &'a dyn Objects,
    uploads: &'a dyn Uploads,
    metrics: &'a Metrics,
    upload: &'a mut Upload,
    /// Offset of the next byte to arrive.
    offset: u64,
    buffer: BytesMut,
    /// Of the buffer's bytes, those that are stored already: a short last part is continued.
    stored: usize,
}

enum Event {
    Bytes(Bytes),
    End,
    Cut,
    Asked(Release),
    Stopping,
}

impl<'a> Receiver<'a> {
    /// Continues where the upload stands.
    pub async fn open(
        objects: &'a dyn Objects,
        uploads: &'a dyn Uploads,
        metrics: &'a Metrics,
        upload: &'a mut Upload,
    ) -> Result<Self, UploadError> {
        let offset = upload.offset();
        let missing = upload.length.saturating_sub(offset);
        let room = usize::try_from(missing).map_or(PART_BYTES, |m| m.min(PART_BYTES));
        let mut buffer = BytesMut::with_capacity(room);
        if let Some(last) = short_last_part(upload) {
            buffer.extend_from_slice(&objects.get(&ObjectKey::parse(&last.key)?).await?);
        }
        let stored = buffer.len();
        Ok(Self {
            objects,
            uploads,
            metrics,
            upload,
            offset,
            buffer,
            stored,
        })
    }

    /// Takes bytes until the body ends, the upload is whole, or something stops it.
    pub async fn receive(
        mut self,
        mut body: Body,
        turn: &mut Turn,
        stopping: &CancellationToken,
    ) -> Result<(), UploadError> {
        let _active = self.metrics.active();
        loop {
            let error = match next(&mut body.bytes, turn, stopping).await {
                Event::Bytes(bytes) => {
                    self.take(bytes).await?;
                    continue;
                }
                Event::End => return self.store().await,
                Event::Asked(Release::Forget) => return Err(UploadError::TakenOver),
                Event::Asked(Release::Keep) => {
                    self.drain(&mut body).await?;
                    UploadError::TakenOver
                }
                // With every byte here it does not matter how the connection ended.
                Event::Cut if self.missing() == 0 => return self.store().await,
                Event::Cut => UploadError::Cut,
                Event::Stopping => UploadError::Stopping,
            };
            self.store().await?;
            return Err(error);
        }
    }

    /// Takes what has come to this machine: whoever asks for the offset goes on behind it.
    async fn drain(&mut self, body: &mut Body) -> Result<(), UploadError> {
        let until = Instant::now() + DRAIN;
        while Instant::now() < until {
            match tokio::time::timeout(QUIET, body.bytes.next()).await {
                Ok(Some(Ok(bytes))) => self.take(bytes).await?,
                _ => break,
            }
        }
        Ok(())
    }

    /// Bytes that have not arrived.
    fn missing(&self) -> u64 {
        self.upload.length.saturating_sub(self.offset)
    }

    async fn take(&mut self, mut bytes: Bytes) -> Result<(), UploadError> {
        self.metrics.bytes.inc_by(bytes.len() as u64);
        if bytes.len() as u64 > self.missing() {
            let length = self.upload.length;
            return Err(UploadError::TooLong { length });
        }
        self.offset += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = PART_BYTES - self.buffer.len();
            let piece = bytes.split_to(room.min(bytes.len()));
            self.buffer.extend_from_slice(&piece);
            if self.buffer.len() == PART_BYTES {
                self.store().await?;
            }
        }
        Ok(())
    }

    /// Makes what has arrived durable and moves the offset.
    async fn store(&mut self) -> Result<(), UploadError> {
        if self.buffer.len() == self.stored {
            return Ok(());
        }
        let replaced = (self.stored > 0).then(|| self.upload.parts.pop()).flatten();
        let number = self.upload.next_part();
        let key = names::upload_part_key(&self.upload.id, number, rand::random());
        let object = ObjectKey::parse(&key)?;
        let bytes = std::mem::take(&mut self.buffer).freeze();
        let part = UploadPart {
            key,
            bytes: bytes.len() as u64,
        };
        // Nobody else can know the key: an object that is there already is this put, tried twice.
        self.objects.put(&object, bytes).await?;
        let row = self.row(number, replaced.as_ref(), &part).await;
        if let Err(CatalogError::Conflict { .. }) = &row {
            remove(self.objects, &object).await;
        }
        row?;
        self.upload.parts.push(part);
        self.stored = 0;
        if let Some(old) = replaced {
            remove(self.objects, &ObjectKey::parse(&old.key)?).await;
        }
        Ok(())
    }

    async fn row(
        &self,
        number: u32,
        replaced: Option<&UploadPart>,
        part: &UploadPart,
    ) -> Result<(), CatalogError> {
        let id = &self.upload.id;
        match replaced {
            Some(old) => self.uploads.replace_last_part(id, &old.key, part).await,
            None => self.uploads.append_part(id, number, part).await,
        }
    }
}

fn short_last_part(upload: &Upload) -> Option<&UploadPart> {
    let last = upload.parts.last()?;
    (last.bytes < REWRITE_BELOW && upload.offset() < upload.length).then_some(last)
}

async fn next<S>(body: &mut S, turn: &mut Turn, stopping: &CancellationToken) -> Event
where
    S: Stream<Item = Result<Bytes, Source>> + Unpin,
{
    tokio::select! {
        biased;
        () = stopping.cancelled() => Event::Stopping,
        release = turn.asked() => Event::Asked(release),
        frame = tokio::time::timeout(SILENCE, body.next()) => match frame {
            Ok(Some(Ok(bytes))) => Event::Bytes(bytes),
            Ok(None) => Event::End,
            Ok(Some(Err(_))) | Err(_) => Event::Cut,
        },
    }
}

/// Removes an object nobody refers to. One that stays is found by the next sweep.
pub async fn remove(objects: &dyn Objects, key: &ObjectKey) {
    if let Err(error) = objects.delete(key).await {
        tracing::warn!(%key, error = %error, "an unused part stays until the next sweep");
    }
}
