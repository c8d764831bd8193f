//! The library: what people say about contents, lists of them, search, categories.

use async_trait::async_trait;
use streamgate_contract::{CategoryId, ContentId};

use super::{CatalogError, Content, ContentState};
use crate::ports::clock::UnixSeconds;

/// What people say about a content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Text for people.
    pub description: String,
    /// E-mail address that answers questions about it.
    pub contact: Option<String>,
    /// Categories it is in, in order.
    pub categories: Vec<CategoryId>,
}

/// A content with everything about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The content.
    pub content: Content,
    /// What people say about it.
    pub about: About,
    /// Grows with every change.
    pub version: u64,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When it was changed last.
    pub updated_at: UnixSeconds,
}

impl Entry {
    /// An entry that is about to be added: the catalog numbers and dates it.
    pub fn new(content: Content, about: About) -> Self {
        Self {
            content,
            about,
            version: 1,
            created_at: 0,
            updated_at: 0,
        }
    }
}

/// An entry and its place in the order of lists: later ones have larger places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its place.
    pub place: i64,
    /// The entry.
    pub entry: Entry,
}

/// Who looks: published contents are for everybody, others for owners and admins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Sees everything.
    Admin,
    /// Sees what is its own, too.
    Wallet(String),
    /// Sees what is published.
    Anybody,
}

/// What is asked of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Who looks.
    pub viewer: Viewer,
    /// Of this owner alone.
    pub owner: Option<String>,
    /// In this state alone.
    pub state: Option<ContentState>,
    /// In this category alone.
    pub category: Option<CategoryId>,
    /// Older than the one of this place.
    pub before: Option<i64>,
    /// Most entries.
    pub limit: u32,
}

impl Page {
    /// The newest `limit` of all contents, as an admin sees them.
    pub fn newest(limit: u32) -> Self {
        Self {
            viewer: Viewer::Admin,
            owner: None,
            state: None,
            category: None,
            before: None,
            limit,
        }
    }
}

/// A category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// Identifier.
    pub id: CategoryId,
    /// Title for people.
    pub title: String,
}

/// A content that was removed and whose objects are still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Which one.
    pub content: ContentId,
    /// When.
    pub at: UnixSeconds,
}

/// Matches of a search that are ranked: the newest ones.
pub const WINDOW: u32 = 500;

/// The library.
#[async_trait]
pub trait Library: Send + Sync {
    /// One entry.
    async fn entry(&self, id: &ContentId) -> Result<Entry, CatalogError>;
    /// Adds an entry; false when the id is taken. `request` names what asked for it.
    async fn add_entry(&self, entry: &Entry, request: Option<&str>) -> Result<bool, CatalogError>;
    /// What asked for a content, if that was told and the content is there.
    async fn request_of(&self, id: &ContentId) -> Result<Option<String>, CatalogError>;
    /// Puts title, rule, state and what is said of `after` in the place of `before`; false when the
    /// version is no longer that of `before`. Another rule or state ends the leases of its viewers
    /// by a new epoch.
    async fn change_entry(&self, before: &Entry, after: &Entry) -> Result<bool, CatalogError>;
    /// Removes a content of this version with its outputs and counts, and notes that its objects
    /// may go; false when the version is another. Whoever watches it is asked anew.
    async fn remove_content(
        &self,
        id: &ContentId,
        version: u64,
        now: UnixSeconds,
    ) -> Result<bool, CatalogError>;
    /// Some of what was removed until `until`, oldest first.
    async fn removed(&self, until: UnixSeconds) -> Result<Vec<Removed>, CatalogError>;
    /// The objects of a removed content are gone; harmless when repeated.
    async fn forget_removed(&self, removed: &Removed) -> Result<(), CatalogError>;
    /// A list, newest first.
    async fn page(&self, page: &Page) -> Result<Vec<Found>, CatalogError>;
    /// Contents that have a word beginning with each of `words` in title or description: the newest
    /// [`WINDOW`] of those up to `until`, without their categories. Words are letters and
    /// digits in lower case.
    async fn matching(
        &self,
        words: &[String],
        viewer: &Viewer,
        until: Option<i64>,
    ) -> Result<Vec<Found>, CatalogError>;
    /// Adds their categories.
    async fn with_categories(&self, found: Vec<Found>) -> Result<Vec<Found>, CatalogError>;
    /// Every category, by id.
    async fn categories(&self) -> Result<Vec<Category>, CatalogError>;
    /// Makes a category or gives it another title; was it made?
    async fn put_category(&self, category: &Category) -> Result<bool, CatalogError>;
    /// Removes a category from its contents and for good.
    async fn remove_category(&self, id: &CategoryId) -> Result<(), CatalogError>;
}
