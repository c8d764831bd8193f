//! Role `metadata`: which contents there are, in which state, what people say about them and what
//! each asks of a viewer.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use streamgate_contract::rules::{GateRule, Rules};
use streamgate_contract::{CategoryId, ContentId};

use crate::ports::catalog::library::{About, Category, Entry, Found, Page, Viewer};
use crate::ports::catalog::reads::Reads;
use crate::ports::catalog::{Catalog, CatalogError, Content, ContentState};
use crate::ports::clock::Clock;
use crate::ports::identity::{Principal, Requirement};

mod change;
pub mod cursor;
pub mod http;
mod lists;
pub mod plays;
mod rank;
mod statistics;
mod tidy;
mod warm;

pub use change::{Change, InvalidChange, NewContent, Title};
use cursor::{CursorKey, InvalidCursor};
pub use lists::{ListOf, Listing};

/// Most contents of one answer.
pub const MAX_LIMIT: u64 = 200;

/// A content as somebody sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The content and what is said of it.
    pub entry: Entry,
    /// What viewers need; `None` when it is its owner's alone.
    pub required: Option<Requirement>,
}

/// Why the role does not do it.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// Somebody else's.
    #[error("only its owner or an admin may change content {0}")]
    NotYours(ContentId),
    /// Somebody who may not make contents.
    #[error(
        "only creators may make contents; ask an administrator of this gate to add your wallet"
    )]
    CreatorRequired,
    /// Somebody who is no admin.
    #[error("only admins may do this")]
    AdminRequired,
    /// It is not as the caller believes.
    #[error("content {0} was changed by somebody else; read it again and repeat the change")]
    Stale(ContentId),
    /// The key was used for something else.
    #[error("this Idempotency-Key was used for another request; use a new one")]
    KeyReused,
    /// The change makes no sense.
    #[error(transparent)]
    Invalid(#[from] InvalidChange),
    /// The cursor is none of this list.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// A search without a word.
    #[error("a search needs a word: letters or digits")]
    NoWords,
    /// The catalog refused, or it does not exist.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// What the role works on.
pub struct Parts {
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
    /// What people read of it; what is changed is read from the catalog itself.
    pub reads: Arc<dyn Reads>,
    /// The store: objects of removed contents go.
    pub objects: Arc<dyn crate::ports::objects::Objects>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Signs cursors.
    pub cursor_key: CursorKey,
}

/// The role.
pub struct Metadata {
    on: Parts,
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

/// As whom the catalog is asked.
fn viewer(who: Option<&Principal>) -> Viewer {
    match who {
        Some(who) if who.admin => Viewer::Admin,
        Some(who) => Viewer::Wallet(who.wallet.to_string()),
        None => Viewer::Anybody,
    }
}

/// What somebody may not see does not exist for them.
fn absent(id: &ContentId) -> CatalogError {
    let (kind, id) = ("content", id.to_string());
    CatalogError::NotFound { kind, id }
}

fn admin(who: &Principal) -> Result<(), MetadataError> {
    who.admin.then_some(()).ok_or(MetadataError::AdminRequired)
}

impl Metadata {
    /// Makes the role.
    pub fn new(on: Parts, rules: &[GateRule], default_rule: Option<String>) -> Self {
        Self {
            on,
            rules: Rules::new(rules),
            default_rule,
        }
    }

    /// One content; what somebody may not see does not exist for them.
    ///
    /// # Errors
    /// When there is no such content for them, or the catalog fails.
    pub async fn get(
        &self,
        who: Option<&Principal>,
        id: &ContentId,
    ) -> Result<Shown, CatalogError> {
        let entry = self.on.reads.entry(id).await?;
        let entry = entry.filter(|entry| visible(&entry.content, who));
        let entry = entry.ok_or_else(|| absent(id))?;
        Ok(self.shown(Arc::unwrap_or_clone(entry)))
    }

    /// Makes a content without video. With a key the same request makes it once, however often it
    /// is repeated; was it made now?
    ///
    /// # Errors
    /// When the caller may not, the key was used for another request, or the content makes no sense.
    pub async fn create(
        &self,
        who: &Principal,
        key: Option<&str>,
        new: NewContent,
    ) -> Result<(bool, Shown), MetadataError> {
        if !(who.creator || who.admin) {
            return Err(MetadataError::CreatorRequired);
        }
        if let Some(rule) = &new.rule {
            change::known_rule(rule, &self.rules)?;
        }
        let request = fingerprint(&new);
        let owner = who.wallet.to_string();
        let entry = made(new_id(&owner, key)?, owner, new)?;
        let id = entry.content.id.clone();
        let added = self.on.catalog.add_entry(&entry, Some(&request)).await?;
        if !added && self.on.catalog.request_of(&id).await?.as_ref() != Some(&request) {
            return Err(MetadataError::KeyReused);
        }
        Ok((added, self.shown(self.on.catalog.entry(&id).await?)))
    }

    /// Changes a content that is still of the version `known`; any version when that is `None`.
    /// Whoever watches it is asked anew when its rule or state is another.
    ///
    /// # Errors
    /// When the caller may not, it is of another version, or the change makes no sense.
    pub async fn change(
        &self,
        who: &Principal,
        id: &ContentId,
        known: Option<u64>,
        change: Change,
    ) -> Result<Shown, MetadataError> {
        let before = self.mine(who, id, known).await?;
        let after = change::apply(&before, change, &self.rules)?;
        match self.on.catalog.change_entry(&before, &after).await? {
            true => Ok(self.shown(self.on.catalog.entry(id).await?)),
            false => Err(MetadataError::Stale(before.content.id)),
        }
    }

    /// Removes a content of the version `known`, or of any. Its objects go later.
    ///
    /// # Errors
    /// When the caller may not, or it is of another version.
    pub async fn remove(
        &self,
        who: &Principal,
        id: &ContentId,
        known: Option<u64>,
    ) -> Result<(), MetadataError> {
        let entry = self.mine(who, id, known).await?;
        let now = self.on.clock.now();
        match self
            .on
            .catalog
            .remove_content(id, entry.version, now)
            .await?
        {
            true => Ok(()),
            false => Err(MetadataError::Stale(entry.content.id)),
        }
    }

    /// Every category.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn categories(&self) -> Result<Arc<Vec<Category>>, CatalogError> {
        self.on.reads.categories().await
    }

    /// Makes a category or gives it another title; was it made?
    ///
    /// # Errors
    /// When the caller is no admin.
    pub async fn put_category(
        &self,
        who: &Principal,
        id: CategoryId,
        title: Title,
    ) -> Result<bool, MetadataError> {
        admin(who)?;
        let title = title.into();
        Ok(self
            .on
            .catalog
            .put_category(&Category { id, title })
            .await?)
    }

    /// Removes a category; contents that were in it stay.
    ///
    /// # Errors
    /// When the caller is no admin, or there is no such category.
    pub async fn remove_category(
        &self,
        who: &Principal,
        id: &CategoryId,
    ) -> Result<(), MetadataError> {
        admin(who)?;
        Ok(self.on.catalog.remove_category(id).await?)
    }

    /// A content that the caller may change and that is of the version `known`.
    async fn mine(
        &self,
        who: &Principal,
        id: &ContentId,
        known: Option<u64>,
    ) -> Result<Entry, MetadataError> {
        let entry = self.on.catalog.entry(id).await?;
        if !visible(&entry.content, Some(who)) {
            return Err(absent(id).into());
        }
        if !changeable(&entry.content, who) {
            return Err(MetadataError::NotYours(entry.content.id));
        }
        match known.is_none_or(|known| known == entry.version) {
            true => Ok(entry),
            false => Err(MetadataError::Stale(entry.content.id)),
        }
    }

    fn shown(&self, entry: Entry) -> Shown {
        let name = entry.content.rule.as_ref().or(self.default_rule.as_ref());
        let rule = name.and_then(|name| self.rules.get(name)?.ok());
        let required = rule.cloned();
        Shown { entry, required }
    }
}

/// The entry that was asked for.
fn made(id: ContentId, owner: String, new: NewContent) -> Result<Entry, InvalidChange> {
    let content = Content {
        id,
        title: new.title.into(),
        owner,
        rule: new.rule,
        state: ContentState::Processing,
        current_output: None,
    };
    let about = About {
        description: new.description.into(),
        contact: new.contact.map(String::from),
        categories: change::in_order(new.categories)?,
    };
    Ok(Entry::new(content, about))
}

/// Names what was asked: the same for the same request.
fn fingerprint(new: &NewContent) -> String {
    hex::encode(&Sha256::digest(format!("{new:?}"))[..16])
}

/// An id that follows from owner and key, or one that nobody had before.
fn new_id(owner: &str, key: Option<&str>) -> Result<ContentId, CatalogError> {
    let name = match key {
        Some(key) => hex::encode(&Sha256::digest(format!("content {owner} {key}"))[..12]),
        None => format!("{:024x}", rand::random::<u128>() >> 32),
    };
    format!("c{name}")
        .parse()
        .map_err(
            |error: streamgate_contract::InvalidId| CatalogError::Unavailable {
                action: "name a content",
                source: error.into(),
            },
        )
}

#[cfg(test)]
mod tests;
