//! Role `metadata`: which contents there are, in which state, and what each asks of a viewer.

use std::sync::Arc;

use streamgate_contract::ContentId;
use streamgate_contract::rules::{GateRule, Rules};

use crate::ports::catalog::{Catalog, CatalogError, Content, ContentState};
use crate::ports::identity::{Principal, Requirement};

pub mod http;

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

/// The role.
pub struct Metadata {
    catalog: Arc<dyn Catalog>,
    rules: Rules,
    default_rule: Option<String>,
}

/// Published contents are for everybody to see; others for their owner and for admins.
fn visible(content: &Content, who: Option<&Principal>) -> bool {
    let owns = |who: &Principal| content.owner.eq_ignore_ascii_case(&who.wallet.to_string());
    content.state == ContentState::Published || who.is_some_and(|who| who.admin || owns(who))
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

    fn entry(&self, content: Content) -> Entry {
        let name = content.rule.as_ref().or(self.default_rule.as_ref());
        let rule = name.and_then(|name| self.rules.get(name)?.ok());
        let required = rule.cloned();
        Entry { content, required }
    }
}

#[cfg(test)]
mod tests;
