//! Lists and searches, page by page.

use std::sync::Arc;

use super::{Found, Metadata, MetadataError, Page, Shown, rank, viewer};
use crate::ports::catalog::ContentState;
use crate::ports::identity::Principal;
use streamgate_contract::CategoryId;

/// What is asked of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOf {
    /// Of this owner alone.
    pub owner: Option<String>,
    /// In this state alone.
    pub state: Option<ContentState>,
    /// In this category alone.
    pub category: Option<CategoryId>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its contents.
    pub contents: Vec<Shown>,
    /// Cursor of the page behind it, if there is one.
    pub next: Option<String>,
}

impl Metadata {
    /// The contents `who` may see, newest first.
    ///
    /// # Errors
    /// When the cursor is none of this list, or the catalog fails.
    pub async fn list(
        &self,
        who: Option<&Principal>,
        of: ListOf,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Listing, MetadataError> {
        let viewer = viewer(who);
        let list = format!("contents {viewer:?} {of:?}");
        let numbers = cursor.map(|cursor| self.on.cursor_key.read(&list, cursor));
        let before = numbers.transpose()?.and_then(|n| n.first().copied());
        let page = Page {
            viewer,
            owner: of.owner,
            state: of.state,
            category: of.category,
            before,
            // One more than is shown: is there another page?
            limit: limit.saturating_add(1),
        };
        let found = self.on.reads.page(&page).await?;
        let mut found = Arc::unwrap_or_clone(found);
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().filter(|_| more).map(|last| last.place);
        Ok(Listing {
            next: last.map(|place| self.on.cursor_key.sign(&list, &[place])),
            contents: self.all_shown(found),
        })
    }

    /// The contents `who` may see whose words begin as those of `text`, best first. The ranking is
    /// that of the newest [`rank`]ed matches; a rarer word finds older ones.
    ///
    /// # Errors
    /// When there is no word in `text`, the cursor is none of this search, or the catalog fails.
    pub async fn search(
        &self,
        who: Option<&Principal>,
        text: &str,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Listing, MetadataError> {
        let words = rank::words(text);
        if words.is_empty() {
            return Err(MetadataError::NoWords);
        }
        let viewer = viewer(who);
        let list = format!("search {viewer:?} {words:?}");
        let numbers = cursor.map(|cursor| self.on.cursor_key.read(&list, cursor));
        // Newer contents that come while somebody turns pages do not move them.
        let (until, after) = match numbers.transpose()?.as_deref() {
            Some(&[until, score, place]) => (Some(until), Some((score, place))),
            _ => (None, None),
        };
        let found = self.on.catalog.matching(&words, &viewer, until).await?;
        let until = until.or(found.first().map(|newest| newest.place));
        let mut ranked = rank::ranked(&words, found, after);
        let more = ranked.len() > limit as usize;
        ranked.truncate(limit as usize);
        let last = ranked.last().filter(|_| more);
        let last = last.map(|(score, last)| [until.unwrap_or(last.place), *score, last.place]);
        let page = ranked.into_iter().map(|(_, found)| found).collect();
        Ok(Listing {
            next: last.map(|numbers| self.on.cursor_key.sign(&list, &numbers)),
            contents: self.all_shown(self.on.catalog.with_categories(page).await?),
        })
    }

    fn all_shown(&self, found: Vec<Found>) -> Vec<Shown> {
        let entries = found.into_iter().map(|found| found.entry);
        entries.map(|entry| self.shown(entry)).collect()
    }
}
