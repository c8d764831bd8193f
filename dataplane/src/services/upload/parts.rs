//! The parts of one body: the one that fills, the one on its way to the store, and those that wait there
//! for the body's checksum.

use std::time::{Duration, Instant};

use crc_fast::{CrcAlgorithm, Digest};
use streamgate_contract::names;

use super::buffers::Buffer;
use super::error::UploadError;
use super::media::{self, Verdict};
use super::receive::{Ports, Progress, REWRITE_BELOW};
use super::stores::{Stored, Stores, remove};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::uploads::{Place, Upload, UploadKind, UploadPart};
use crate::ports::objects::{ObjectKey, ObjectsError};

/// The parts of one body.
pub struct Parts<'a> {
    on: &'a Ports,
    upload: &'a mut Upload,
    turn: u64,
    /// Number of the part that comes next.
    next: u32,
    filling: Option<Filling>,
    stores: Stores,
    /// Rows wait until the body is whole.
    hold: bool,
    held: Vec<Stored>,
    progress: Option<Progress>,
}

/// The part that fills.
struct Filling {
    buffer: Buffer,
    number: u32,
    /// The shorter part it continues, whose bytes it begins with.
    replaces: Option<UploadPart>,
    crc32c: Digest,
    since: Instant,
    /// The upload begins with it, and nobody has looked yet whether that is media.
    unjudged: bool,
}

impl<'a> Parts<'a> {
    /// Behind those the upload has.
    pub fn new(on: &'a Ports, turn: u64, upload: &'a mut Upload) -> Self {
        Self {
            stores: Stores::new(on.objects.clone()),
            next: upload.next_part(),
            on,
            upload,
            turn,
            filling: None,
            hold: false,
            held: Vec::new(),
            progress: None,
        }
    }

    /// Tells of the offset whenever it has grown.
    pub fn tell(&mut self, progress: Option<Progress>) {
        self.progress = progress;
    }

    /// Keeps rows back until [`Parts::release`].
    pub fn hold(&mut self, hold: bool) {
        self.hold = hold;
    }

    /// Bytes that fit into the part that fills.
    pub fn room(&self) -> usize {
        self.filling.as_ref().map_or(0, |part| part.buffer.room())
    }

    /// For how long it has been filling.
    pub fn filling_for(&self) -> Option<Duration> {
        self.filling.as_ref().map(|part| part.since.elapsed())
    }

    /// Begins a part in `buffer`.
    pub async fn begin(&mut self, mut buffer: Buffer) -> Result<(), UploadError> {
        let mut crc32c = Digest::new(CrcAlgorithm::Crc32Iscsi);
        let replaces = self.short_last_part().cloned();
        if let Some(last) = &replaces {
            let bytes = self.on.objects.get(&ObjectKey::parse(&last.key)?).await?;
            crc32c.update(&bytes);
            intact(last, sum(&crc32c))?;
            buffer.begin_with(&bytes);
        }
        let number = self.next - u32::from(replaces.is_some());
        self.next = number + 1;
        self.filling = Some(Filling {
            buffer,
            number,
            replaces,
            crc32c,
            since: Instant::now(),
            unjudged: number == 0 && self.upload.kind == UploadKind::Whole,
        });
        Ok(())
    }

    /// A part that is continued: the last one, if it is short and in the catalog.
    fn short_last_part(&self) -> Option<&UploadPart> {
        let settled = self.stores.is_empty() && self.held.is_empty();
        let last = self.upload.parts.last().filter(|_| settled)?;
        (last.bytes < REWRITE_BELOW).then_some(last)
    }

    /// Adds bytes that fit.
    pub fn fill(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        let Some(part) = &mut self.filling else {
            return Ok(());
        };
        part.buffer.extend(bytes);
        part.crc32c.update(bytes);
        part.judge()
    }

    /// Sends the part that fills to the store, and does not wait for it, but for the one before.
    pub async fn send(&mut self) -> Result<(), UploadError> {
        let Some(part) = self.filling.take() else {
            return Ok(());
        };
        if part.is_unchanged() {
            part.buffer.give_back();
            return Ok(());
        }
        let bytes = part.buffer.len() as u64;
        self.settle_stored().await?;
        let key = names::upload_part_key(&self.upload.id, part.number, rand::random());
        let crc32c = sum(&part.crc32c);
        let stored = Stored {
            object: ObjectKey::parse(&key)?,
            part: UploadPart {
                key,
                bytes,
                crc32c: Some(crc32c),
            },
            replaces: part.replaces,
        };
        let (bytes, place) = part.buffer.freeze();
        self.stores.begin(stored, bytes, crc32c, place);
        Ok(())
    }

    /// Is a part under way?
    pub fn storing(&self) -> bool {
        !self.stores.is_empty()
    }

    /// Waits for the part under way, for ever when there is none. May be given up and called again.
    pub async fn stored(&mut self) -> Result<Stored, UploadError> {
        self.stores.done().await
    }

    /// Sends the part that fills, however short, and waits for it.
    pub async fn flush(&mut self) -> Result<(), UploadError> {
        self.send().await?;
        self.settle_stored().await
    }

    async fn settle_stored(&mut self) -> Result<(), UploadError> {
        if !self.storing() {
            return Ok(());
        }
        let stored = self.stores.done().await?;
        self.settle(stored).await
    }

    /// Gives a stored part its row, unless rows are kept back.
    pub async fn settle(&mut self, stored: Stored) -> Result<(), UploadError> {
        self.held.push(stored);
        match self.hold {
            true => Ok(()),
            false => self.release().await,
        }
    }

    /// Writes the rows of all parts that are in the store.
    pub async fn release(&mut self) -> Result<(), UploadError> {
        let Some(first) = self.held.first() else {
            return Ok(());
        };
        let replaced = first.replaces.clone();
        let before = self.upload.parts.len() - usize::from(replaced.is_some());
        let place = Place {
            turn: self.turn,
            number: u32::try_from(before).unwrap_or(u32::MAX),
            replaces: replaced.as_ref().map(|part| part.key.clone()),
        };
        let parts: Vec<_> = self.held.iter().map(|stored| stored.part.clone()).collect();
        let rows = self.on.uploads.add_parts(&self.upload.id, &place, &parts);
        match rows.await {
            Ok(()) => {}
            Err(CatalogError::Conflict { .. }) => return Err(UploadError::TakenOver),
            Err(error) => {
                // They may have their rows all the same: the sweep knows.
                self.held.clear();
                return Err(error.into());
            }
        }
        self.held.clear();
        self.upload.parts.truncate(before);
        self.upload.parts.extend(parts);
        if let Some(progress) = &self.progress {
            progress(self.upload.offset());
        }
        if let Some(old) = replaced {
            remove(&*self.on.objects, &ObjectKey::parse(&old.key)?).await;
        }
        Ok(())
    }

    /// Gives up what has no row.
    pub async fn abandon(&mut self) {
        if let Some(part) = self.filling.take() {
            part.buffer.give_back();
        }
        self.stores.abandon().await;
        for stored in std::mem::take(&mut self.held) {
            remove(&*self.on.objects, &stored.object).await;
        }
    }
}

impl Filling {
    /// Has it no byte that is not stored already?
    fn is_unchanged(&self) -> bool {
        self.buffer.len() as u64 == self.replaces.as_ref().map_or(0, |part| part.bytes)
    }

    fn judge(&mut self) -> Result<(), UploadError> {
        if !self.unjudged {
            return Ok(());
        }
        let head = &self.buffer[..self.buffer.len().min(media::ENOUGH)];
        match media::judge(head, false) {
            Verdict::Media => {
                self.unjudged = false;
                Ok(())
            }
            Verdict::Unclear => Ok(()),
            Verdict::Other => Err(UploadError::NotMedia),
        }
    }
}

fn sum(digest: &Digest) -> u32 {
    // A sum of 32 bits, in a wider number.
    digest.finalize() as u32
}

/// The store must give what it was given.
fn intact(part: &UploadPart, crc32c: u32) -> Result<(), UploadError> {
    match part.crc32c {
        Some(stored) if stored != crc32c => Err(ObjectsError::Unavailable {
            action: "read",
            key: part.key.clone(),
            source: "its bytes are not those that were stored".into(),
        }
        .into()),
        _ => Ok(()),
    }
}
