//! Uploads in the catalog: their parts, whose turn it is to write them, and the outbox that turns
//! finished ones into jobs.

use async_trait::async_trait;
use streamgate_contract::{ContentId, UploadId};

use super::{CatalogError, Content};
use crate::ports::clock::UnixSeconds;

/// What an upload is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadKind {
    /// It becomes a content.
    Whole,
    /// A piece of a joined upload.
    Piece,
    /// It becomes a content when these pieces are there; it takes no bytes itself.
    Joined(Vec<UploadId>),
}

/// An upload in work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Identifier.
    pub id: UploadId,
    /// Wallet of the uploader, lower case.
    pub owner: String,
    /// What it is for.
    pub kind: UploadKind,
    /// Bytes announced; `None` while they are not known.
    pub length: Option<u64>,
    /// Title and rule for the content it becomes, as JSON.
    pub metadata: String,
    /// When it was begun.
    pub created_at: UnixSeconds,
    /// Its parts, in order.
    pub parts: Vec<UploadPart>,
    /// Content it became.
    pub content: Option<ContentId>,
}

impl Upload {
    /// Bytes received.
    pub fn offset(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// Is every byte there?
    pub fn is_whole(&self) -> bool {
        self.length == Some(self.offset())
    }

    /// Keys of the objects that make the upload, in order.
    pub fn part_keys(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| part.key.as_str())
    }

    /// Number of the part that comes next.
    pub fn next_part(&self) -> u32 {
        u32::try_from(self.parts.len()).unwrap_or(u32::MAX)
    }
}

/// A stored part of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadPart {
    /// Key of its object.
    pub key: String,
    /// Bytes.
    pub bytes: u64,
    /// CRC-32C of its bytes; `None` for parts of versions that took none.
    pub crc32c: Option<u32>,
}

/// Where parts go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The turn in which they were received.
    pub turn: u64,
    /// Number of the first.
    pub number: u32,
    /// Key of the last part there is, when the first goes in its place.
    pub replaces: Option<String>,
}

/// What a writer that is asked to stop does with bytes it has not stored yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Store them: the next request asks where to go on.
    Keep,
    /// Forget them: the next request sends them again.
    Forget,
}

/// Whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnState {
    /// Number of the turn: parts of earlier ones are refused.
    pub number: u64,
    /// Who has it; `None` when they have left.
    pub holder: Option<String>,
    /// What the holder was asked.
    pub asked: Option<Release>,
}

/// What somebody has here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owned {
    /// Uploads that have become no content yet.
    pub unfinished: u64,
    /// Bytes announced or, where that is not known, stored.
    pub bytes: u64,
}

/// An upload in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUpload {
    /// Identifier.
    pub id: UploadId,
    /// What it is for.
    pub kind: UploadKind,
    /// Bytes announced; `None` while they are not known.
    pub length: Option<u64>,
    /// Bytes received.
    pub offset: u64,
    /// Title and rule for the content it becomes, as JSON.
    pub metadata: String,
    /// When it was begun.
    pub created_at: UnixSeconds,
    /// Content it became.
    pub content: Option<ContentId>,
}

/// A job to be made for a finished upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The upload to transcode.
    pub upload: UploadId,
    /// The content that gets the output.
    pub content: ContentId,
}

/// Uploads and the outbox that turns them into jobs.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Adds an upload.
    async fn create_upload(&self, upload: &Upload) -> Result<(), CatalogError>;
    /// One upload.
    async fn upload(&self, id: &UploadId) -> Result<Upload, CatalogError>;
    /// The upload that became a content; the newest when there are several.
    async fn upload_of(&self, content: &ContentId) -> Result<Option<UploadId>, CatalogError>;
    /// Says how long an upload will be; a conflict when that is known, or less than is there.
    async fn set_upload_length(&self, id: &UploadId, length: u64) -> Result<(), CatalogError>;
    /// Takes the turn to write: from nobody, from `holder` itself, or from whoever has turn `over`.
    /// `None` when somebody else has it; a conflict when the upload is no longer in work.
    async fn take_turn(
        &self,
        id: &UploadId,
        holder: &str,
        over: Option<u64>,
    ) -> Result<Option<u64>, CatalogError>;
    /// Whose turn it is; `None` when the upload is no longer in work.
    async fn turn(&self, id: &UploadId) -> Result<Option<TurnState>, CatalogError>;
    /// Asks the holder of a turn to leave; harmless when it has.
    async fn ask_turn(
        &self,
        id: &UploadId,
        turn: u64,
        release: Release,
    ) -> Result<(), CatalogError>;
    /// Leaves a turn; harmless when another has begun.
    async fn leave_turn(&self, id: &UploadId, turn: u64) -> Result<(), CatalogError>;
    /// Adds stored parts, all or none; a conflict when the turn is over, another part took the place,
    /// or the one to replace is no longer the last.
    async fn add_parts(
        &self,
        id: &UploadId,
        place: &Place,
        parts: &[UploadPart],
    ) -> Result<(), CatalogError>;
    /// Every upload that has become no content yet, oldest first.
    async fn unfinished_uploads(&self) -> Result<Vec<UploadId>, CatalogError>;
    /// Uploads of a known length that were begun at `since` or later and have become no content yet,
    /// newest first, at most `limit`.
    async fn begun_uploads(
        &self,
        since: UnixSeconds,
        limit: u32,
    ) -> Result<Vec<UploadId>, CatalogError>;
    /// Joined uploads in work that a piece is part of.
    async fn joined_from(&self, piece: &UploadId) -> Result<Vec<UploadId>, CatalogError>;
    /// Uploads of somebody, newest first: at most `limit` of those behind the one that was begun then
    /// and has this id.
    async fn uploads_of(
        &self,
        owner: &str,
        behind: Option<(UnixSeconds, &str)>,
        limit: u32,
    ) -> Result<Vec<ListedUpload>, CatalogError>;
    /// What somebody has here.
    async fn owned_uploads(&self, owner: &str) -> Result<Owned, CatalogError>;
    /// Forgets an upload that is not complete.
    async fn delete_upload(&self, id: &UploadId) -> Result<(), CatalogError>;
    /// Makes the content and the outbox entry in one transaction; harmless when repeated. A joined
    /// upload takes the parts of its pieces, which are complete with it.
    async fn complete_upload(&self, id: &UploadId, content: &Content) -> Result<(), CatalogError>;
    /// Oldest entries of the outbox.
    async fn outbox(&self, limit: u32) -> Result<Vec<OutboxEntry>, CatalogError>;
    /// Takes an entry out; harmless when repeated.
    async fn outbox_done(&self, upload: &UploadId) -> Result<(), CatalogError>;
}
