//! The library as it was read lately. Whoever asks is told nothing that a change has ended, whichever
//! replica made it: each answer is held against the log of changes first, and every change ends what it
//! touches by its tag.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use streamgate_contract::ContentId;

use super::follow::{Follower, Seen};
use super::{FetchError, Figures, Fresh, MokaCache};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::changes::{CATEGORIES, CONTENT, Changes};
use crate::ports::catalog::library::{Category, Entry, Found, Page};
use crate::ports::catalog::reads::Reads;

/// Bytes of everything that is kept.
pub const CAPACITY: u64 = 16 << 20;
/// How long an entry is taken as it is.
const TRUE_FOR: Duration = Duration::from_secs(60);
/// How long after that it is told while it is read anew, or while that fails.
const STALE_FOR: Duration = Duration::from_secs(600);
/// How long it is believed that there is no such content.
const ABSENT_FOR: Duration = Duration::from_secs(10);
/// Longest wait for the catalog.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tag of every list.
const LISTS: &str = "lists";

/// What is kept under a key.
#[derive(Clone)]
enum Kept {
    /// An entry, or that there is none.
    Entry(Option<Arc<Entry>>),
    /// A page of a list.
    Page(Arc<Vec<Found>>),
    /// The categories.
    Categories(Arc<Vec<Category>>),
}

fn bytes(entry: &Entry) -> usize {
    let (content, about) = (&entry.content, &entry.about);
    let texts = [
        content.title.len(),
        content.owner.len(),
        about.description.len(),
    ];
    let categories: usize = about.categories.iter().map(|c| c.as_str().len() + 24).sum();
    size_of::<Entry>() + texts.iter().sum::<usize>() + categories + 160
}

fn weigh(kept: &Kept) -> usize {
    match kept {
        Kept::Entry(entry) => entry.as_ref().map_or(0, |entry| bytes(entry)),
        Kept::Page(page) => page.iter().map(|found| bytes(&found.entry)).sum(),
        Kept::Categories(all) => all.iter().map(|c| c.title.len() + 96).sum(),
    }
}

/// The library as it is kept.
pub struct KeptLibrary {
    source: Arc<dyn Reads>,
    follower: Follower,
    kept: Arc<MokaCache<Kept>>,
}

impl KeptLibrary {
    /// Keeps what `source` says, held against `log`.
    pub fn new(source: Arc<dyn Reads>, log: Arc<dyn Changes>, figures: Figures) -> Self {
        Self {
            source,
            follower: Follower::new(log),
            kept: Arc::new(MokaCache::new(CAPACITY, PATIENCE, figures, weigh)),
        }
    }

    /// Ends what was changed until now.
    async fn catch_up(&self) -> Result<(), CatalogError> {
        let end = |seen| match seen {
            Seen::Nothing => {}
            Seen::Everything => self.kept.end_all(),
            Seen::Tags(tags) => {
                tags.iter().for_each(|tag| self.kept.invalidate_tag(tag));
                if tags.iter().any(|tag| tag.starts_with(CONTENT)) {
                    self.kept.invalidate_tag(LISTS);
                }
            }
        };
        self.follower.catch_up(end).await
    }

    async fn ask<F, Fut>(&self, key: &str, tag: String, fetch: F) -> Result<Kept, CatalogError>
    where
        F: Fn(Arc<dyn Reads>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Kept, CatalogError>> + Send + 'static,
    {
        self.catch_up().await?;
        let source = self.source.clone();
        let fetch = move || {
            let read = fetch(source.clone());
            async move { read.await.map(fresh) }
        };
        let found = self.kept.get_or_fetch(key, &[tag], fetch).await;
        found.map(|found| found.into_value()).map_err(unread)
    }
}

fn fresh(value: Kept) -> Fresh<Kept> {
    let (ttl, stale) = match value {
        Kept::Entry(None) => (ABSENT_FOR, Duration::ZERO),
        _ => (TRUE_FOR, STALE_FOR),
    };
    Fresh { value, ttl, stale }
}

fn unread(error: FetchError<CatalogError>) -> CatalogError {
    let action = "read the library";
    let source = error.into();
    CatalogError::Unavailable { action, source }
}

/// What is kept under a key is of one kind.
fn mixed() -> CatalogError {
    CatalogError::Unavailable {
        action: "read the library",
        source: "something else is kept there".into(),
    }
}

#[async_trait]
impl Reads for KeptLibrary {
    async fn entry(&self, id: &ContentId) -> Result<Option<Arc<Entry>>, CatalogError> {
        let asked = id.clone();
        let fetch = move |source: Arc<dyn Reads>| {
            let id = asked.clone();
            async move { source.entry(&id).await.map(Kept::Entry) }
        };
        let key = format!("entry {id}");
        match self.ask(&key, format!("{CONTENT}{id}"), fetch).await? {
            Kept::Entry(entry) => Ok(entry),
            _ => Err(mixed()),
        }
    }

    async fn page(&self, page: &Page) -> Result<Arc<Vec<Found>>, CatalogError> {
        let asked = page.clone();
        let fetch = move |source: Arc<dyn Reads>| {
            let page = asked.clone();
            async move { source.page(&page).await.map(Kept::Page) }
        };
        let key = format!("page {page:?}");
        match self.ask(&key, LISTS.to_owned(), fetch).await? {
            Kept::Page(page) => Ok(page),
            _ => Err(mixed()),
        }
    }

    async fn categories(&self) -> Result<Arc<Vec<Category>>, CatalogError> {
        let fetch =
            |source: Arc<dyn Reads>| async move { source.categories().await.map(Kept::Categories) };
        let tag = CATEGORIES.to_owned();
        match self.ask(CATEGORIES, tag, fetch).await? {
            Kept::Categories(all) => Ok(all),
            _ => Err(mixed()),
        }
    }
}

#[cfg(test)]
mod tests;
