//! Role `metadata`: which contents there are, in which state, and what each asks of a viewer.

use std::sync::Arc;

use streamgate_contract::ContentId;
use streamgate_contract::rules::{GateRule, Rules};

use crate::ports::catalog::{Catalog, CatalogError, Content, ContentState};
use crate::ports::identity::{Principal, Requirement};

mod change;
pub mod http;

pub use change::{Change, InvalidChange, version};

/// Most contents of one answer.
pub const MAX_LIMIT: usize = 200;

/// A content as somebody sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The content.
    pub content: Content,
    /// What viewers need; `None` when it is its owner's alone.
    pub required: Option<Requirement>,
}

/// Why a content is not changed.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// Somebody else's.
    #[error("only its owner or an admin may change content {0}")]
    NotYours(ContentId),
    /// It is not as the caller believes.
    #[error("content {0} was changed by somebody else; read it again and repeat the change")]
    Stale(ContentId),
    /// The change makes no sense.
    #[error(transparent)]
    Invalid(#[from] InvalidChange),
    /// The catalog refused, or it does not exist.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// The role.
pub struct Metadata {
    catalog: Arc<dyn Catalog>,
    rules: Rules,
    default_rule: Option<String>,
}

/// Published contents are for everybody to see; others for those who may change them.
fn visible(content: &Content, who: Option<&Principal>) -> bool {
    content.state == ContentState::Published || who.is_some_and(|who| changeable(content, who))
}

/// A content is its owner's and the admins' to change.
fn changeable(content: &Content, who: &Principal) -> bool {
    who.admin || content.owner.eq_ignore_ascii_case(&who.wallet.to_string())
}

impl Metadata {
    /// Makes the role.
    pub fn new(
        catalog: Arc<dyn Catalog>,
        rules: &[GateRule],
        default_rule: Option<String>,
    ) -> Self {
        Self {
            catalog,
            rules: Rules::new(rules),
            default_rule,
        }
    }

    /// The newest contents `who` may see.
    pub async fn list(
        &self,
        who: Option<&Principal>,
        limit: usize,
    ) -> Result<Vec<Entry>, CatalogError> {
        let contents = self.catalog.contents().await?.into_iter();
        let seen = contents.filter(|content| visible(content, who));
        let limit = limit.min(MAX_LIMIT);
        Ok(seen
            .take(limit)
            .map(|content| self.entry(content))
            .collect())
    }

    /// One content; what somebody may not see does not exist for them.
    pub async fn get(
        &self,
        who: Option<&Principal>,
        id: &ContentId,
    ) -> Result<Entry, CatalogError> {
        let content = self.catalog.content(id).await?;
        if !visible(&content, who) {
            let (kind, id) = ("content", id.to_string());
            return Err(CatalogError::NotFound { kind, id });
        }
        Ok(self.entry(content))
    }

    /// Changes a content that is still of the version `known`; any version when that is `None`.
    /// Whoever watches it is asked anew when its rule or state is another.
    pub async fn change(
        &self,
        who: &Principal,
        id: &ContentId,
        known: Option<&str>,
        change: Change,
    ) -> Result<Entry, MetadataError> {
        let before = self.get(Some(who), id).await?.content;
        if !changeable(&before, who) {
            return Err(MetadataError::NotYours(before.id));
        }
        if known.is_some_and(|known| known != version(&before)) {
            return Err(MetadataError::Stale(before.id));
        }
        let after = change::apply(&before, change, &self.rules)?;
        match self.catalog.change_content(&before, &after).await? {
            true => Ok(self.entry(after)),
            false => Err(MetadataError::Stale(before.id)),
        }
    }

    fn entry(&self, content: Content) -> Entry {
        let name = content.rule.as_ref().or(self.default_rule.as_ref());
        let rule = name.and_then(|name| self.rules.get(name)?.ok());
        let required = rule.cloned();
        Entry { content, required }
    }
}

#[cfg(test)]
mod tests;
