//! Bytes of a body into parts. Each part is durable in the store before its row is in the catalog,
//! and the sum of the rows is the offset, so whatever happens the offset never lies.
//!
//! Parts are full except the last. A body that ends or is cut leaves a shorter part with all that
//! arrived; the next body continues that part when it is shorter than [`REWRITE_BELOW`], by
//! storing it anew with more bytes and letting the catalog exchange the two. So no byte is lost at
//! a cut, and however small the bodies are, an upload has at most one part per `REWRITE_BELOW`.
//!
//! While a part is on its way no byte is taken: the sender's next bytes wait in the buffers of the
//! system, so a process that is killed loses no more than one part of a body.
//!
//! A body with a checksum is all or nothing: its parts are stored as they come, and get their rows
//! together when the checksum is right.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio_util::sync::CancellationToken;

use super::buffers::{Buffer, Buffers, PART_BYTES};
use super::checksum::{Expected, Sums};
use super::error::UploadError;
use super::metrics::Metrics;
use super::parts::Parts;
use super::stores::Stored;
use super::turns::Turn;
use crate::pace::Pace;
use crate::ports::Source;
use crate::ports::catalog::uploads::{Release, Upload, Uploads};
use crate::ports::objects::Objects;

/// A last part shorter than this is continued instead of followed by another.
pub const REWRITE_BELOW: u64 = (PART_BYTES / 2) as u64;
/// Most parts of an upload: its row is read with all of them.
const MAX_PARTS: u64 = 200_000;
/// Most bytes of an upload of which all parts have the least size.
pub const MAX_UPLOAD_BYTES: u64 = MAX_PARTS * REWRITE_BELOW;
/// A connection that brings no byte for this long counts as cut.
const SILENCE: Duration = Duration::from_secs(60);
/// A body that brings nothing for this long gives its buffer to one that waits…
const PAUSE: Duration = Duration::from_millis(100);
/// …and so does one that is slower than this at filling it; where somebody reads what has come, it stores
/// it then.
const TURN: Duration = Duration::from_secs(1);
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
    /// Length of the whole upload, when this request tells it.
    pub length: Option<u64>,
    /// The upload ends with this body.
    pub completes: bool,
    /// What its bytes must have.
    pub checksum: Expected,
    /// Told of the offset whenever it has grown.
    pub progress: Option<Progress>,
    /// Its bytes.
    pub bytes: BoxStream<'static, Result<Bytes, Source>>,
}

/// Takes an offset; must not wait.
pub type Progress = Box<dyn Fn(u64) + Send + Sync>;

impl Body {
    /// Bytes at an offset, of which nothing else is known.
    pub fn new(offset: u64, bytes: BoxStream<'static, Result<Bytes, Source>>) -> Self {
        Self {
            offset,
            announced: None,
            length: None,
            completes: false,
            checksum: Expected::Nothing,
            progress: None,
            bytes,
        }
    }
}

/// What receiving works on.
pub struct Ports {
    /// The store.
    pub objects: Arc<dyn Objects>,
    /// The catalog.
    pub uploads: Arc<dyn Uploads>,
    /// Memory.
    pub buffers: Arc<Buffers>,
    /// Counters.
    pub metrics: Metrics,
}

/// One body being received into one upload.
pub struct Receiver<'a> {
    on: &'a Ports,
    parts: Parts<'a>,
    turn: &'a mut Turn,
    /// Most bytes the upload may have.
    most: u64,
    /// Offset of the next byte to arrive.
    offset: u64,
    /// Bytes that have arrived and have no buffer yet.
    hand: Bytes,
    /// A part was filled and more is to come: there is nothing to wait for but a buffer, so nothing more
    /// is taken before there is one.
    eager: bool,
    sums: Option<Sums>,
    /// How fast the uploader may send.
    pace: Option<Arc<Pace>>,
    /// When the last byte came.
    heard: Instant,
    /// Somebody reads what has come while more is on its way.
    soon: bool,
}

enum Event {
    Bytes(Bytes),
    Room(Buffer),
    Stored(Stored),
    Idle,
    Pause,
    End,
    Cut,
    Asked(Release),
    Stopping,
}

impl<'a> Receiver<'a> {
    /// Continues where the upload stands.
    pub fn open(
        on: &'a Ports,
        turn: &'a mut Turn,
        upload: &'a mut Upload,
        most: u64,
        pace: Option<Arc<Pace>>,
    ) -> Self {
        Self {
            on,
            most,
            offset: upload.offset(),
            parts: Parts::new(on, turn.number(), upload),
            turn,
            hand: Bytes::new(),
            eager: false,
            sums: None,
            pace,
            heard: Instant::now(),
            soon: false,
        }
    }

    /// Stores what comes soon after it came, if `soon`.
    pub fn soon(self, soon: bool) -> Self {
        Self { soon, ..self }
    }

    /// Takes bytes until the body ends, the upload is whole, or something stops it.
    pub async fn receive(
        mut self,
        mut body: Body,
        stopping: &CancellationToken,
    ) -> Result<(), UploadError> {
        let _active = self.on.metrics.active();
        self.sums = Sums::new(std::mem::take(&mut body.checksum));
        self.parts.hold(self.sums.is_some());
        self.parts.tell(body.progress.take());
        let outcome = self.take_all(&mut body, stopping).await;
        if outcome.is_err() {
            self.parts.abandon().await;
        }
        self.on.buffers.rest();
        outcome
    }

    async fn take_all(
        &mut self,
        body: &mut Body,
        stopping: &CancellationToken,
    ) -> Result<(), UploadError> {
        loop {
            let error = match self.next(body, stopping).await? {
                Event::Bytes(bytes) => {
                    self.take(bytes).await?;
                    continue;
                }
                Event::Room(buffer) => {
                    self.eager = false;
                    self.parts.begin(buffer).await?;
                    self.place().await?;
                    continue;
                }
                Event::Pause => {
                    self.parts.flush().await?;
                    continue;
                }
                Event::Stored(stored) => {
                    self.parts.settle(stored).await?;
                    continue;
                }
                Event::Idle => continue,
                Event::End => return self.end().await,
                // With every byte here it does not matter how the connection ended.
                Event::Cut if self.missing() == 0 => return self.end().await,
                Event::Cut => UploadError::Cut,
                Event::Asked(Release::Forget) => return Err(UploadError::TakenOver),
                Event::Asked(Release::Keep) => {
                    self.drain(body).await?;
                    UploadError::TakenOver
                }
                Event::Stopping => UploadError::Stopping,
            };
            // What has no checksum yet cannot be kept.
            if self.sums.is_none() {
                self.parts.flush().await?;
            }
            return Err(error);
        }
    }

    async fn next(
        &mut self,
        body: &mut Body,
        stopping: &CancellationToken,
    ) -> Result<Event, UploadError> {
        let hungry = self.eager || !self.hand.is_empty();
        let storing = self.parts.storing();
        let event = tokio::select! {
            biased;
            () = stopping.cancelled() => Event::Stopping,
            release = self.turn.asked() => Event::Asked(release),
            stored = self.parts.stored() => Event::Stored(stored?),
            buffer = self.on.buffers.take(), if hungry && !storing => Event::Room(buffer),
            frame = tokio::time::timeout(PAUSE, body.bytes.next()), if !hungry && !storing => match frame {
                Ok(Some(Ok(bytes))) => Event::Bytes(bytes),
                Ok(None) => Event::End,
                Ok(Some(Err(_))) => Event::Cut,
                Err(_) => self.pause(),
            },
        };
        Ok(event)
    }

    fn pause(&self) -> Event {
        match self.heard.elapsed() {
            silence if silence >= SILENCE => Event::Cut,
            _ if self.on.buffers.crowded() || self.soon && self.slow() => Event::Pause,
            _ => Event::Idle,
        }
    }

    /// Takes what has come to this machine: whoever asks for the offset goes on behind it.
    async fn drain(&mut self, body: &mut Body) -> Result<(), UploadError> {
        let until = Instant::now() + DRAIN;
        while Instant::now() < until && self.sums.is_none() {
            if !self.hand.is_empty() {
                let buffer = tokio::time::timeout(DRAIN, self.on.buffers.take());
                let Ok(buffer) = buffer.await else { break };
                self.parts.begin(buffer).await?;
                self.place().await?;
            }
            match tokio::time::timeout(QUIET, body.bytes.next()).await {
                Ok(Some(Ok(bytes))) => self.take(bytes).await?,
                _ => break,
            }
        }
        Ok(())
    }

    /// Bytes that may still arrive.
    fn missing(&self) -> u64 {
        self.most.saturating_sub(self.offset)
    }

    async fn take(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        self.heard = Instant::now();
        self.on.metrics.bytes.inc_by(bytes.len() as u64);
        if bytes.len() as u64 > self.missing() {
            let length = self.most;
            return Err(UploadError::TooLong { length });
        }
        self.offset += bytes.len() as u64;
        if let Some(sums) = &mut self.sums {
            sums.update(&bytes);
        }
        if let Some(pace) = &self.pace {
            pace.wait(bytes.len()).await;
        }
        self.hand = bytes;
        self.place().await?;
        match self.slow() && (self.soon || self.on.buffers.crowded()) {
            true => self.parts.flush().await,
            false => Ok(()),
        }
    }

    /// Whether the part that fills takes long.
    fn slow(&self) -> bool {
        self.parts.filling_for().is_some_and(|time| time > TURN)
    }

    /// Puts what is in hand into the buffer, if there is one.
    async fn place(&mut self) -> Result<(), UploadError> {
        while !self.hand.is_empty() && self.parts.room() > 0 {
            let piece = self.hand.split_to(self.parts.room().min(self.hand.len()));
            self.parts.fill(&piece)?;
            if self.parts.room() == 0 {
                self.parts.send().await?;
                self.eager = self.missing() > 0;
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), UploadError> {
        self.parts.flush().await?;
        if let Some(sums) = self.sums.take() {
            sums.verify()?;
        }
        self.parts.release().await
    }
}
