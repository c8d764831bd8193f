//! What is asked for first is read before anybody asks.

use super::{Metadata, Page};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::library::Viewer;

/// Contents of the first page, as a list that names no limit asks for it, and one more.
const FIRST_PAGE: u32 = 51;

impl Metadata {
    /// Reads the first page of what everybody sees, its contents and the categories; how many
    /// contents. A process is ready before: whoever comes first waits no longer than without it.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn warm(&self) -> Result<usize, CatalogError> {
        let page = Page {
            viewer: Viewer::Anybody,
            ..Page::newest(FIRST_PAGE)
        };
        let found = self.on.reads.page(&page).await?;
        for one in found.iter() {
            self.on.reads.entry(&one.entry.content.id).await?;
        }
        self.on.reads.categories().await?;
        Ok(found.len())
    }
}
