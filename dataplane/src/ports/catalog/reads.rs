//! The library as people read it, from the catalog itself or from what is kept of it.

use std::sync::Arc;

use async_trait::async_trait;
use streamgate_contract::ContentId;

use super::library::{Category, Entry, Found, Page};
use super::{Catalog, CatalogError};

/// Entries, lists and categories as they are now.
#[async_trait]
pub trait Reads: Send + Sync {
    /// One entry; `None` when there is none.
    async fn entry(&self, id: &ContentId) -> Result<Option<Arc<Entry>>, CatalogError>;
    /// A list, newest first.
    async fn page(&self, page: &Page) -> Result<Arc<Vec<Found>>, CatalogError>;
    /// Every category, by id.
    async fn categories(&self) -> Result<Arc<Vec<Category>>, CatalogError>;
}

/// The catalog, asked each time.
pub struct Direct(pub Arc<dyn Catalog>);

#[async_trait]
impl Reads for Direct {
    async fn entry(&self, id: &ContentId) -> Result<Option<Arc<Entry>>, CatalogError> {
        match self.0.entry(id).await {
            Ok(entry) => Ok(Some(Arc::new(entry))),
            Err(CatalogError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn page(&self, page: &Page) -> Result<Arc<Vec<Found>>, CatalogError> {
        self.0.page(page).await.map(Arc::new)
    }

    async fn categories(&self) -> Result<Arc<Vec<Category>>, CatalogError> {
        self.0.categories().await.map(Arc::new)
    }
}
