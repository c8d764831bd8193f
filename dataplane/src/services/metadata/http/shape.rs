//! Bodies and headers of the metadata role.

use axum::Json;
use axum::http::{HeaderMap, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use streamgate_contract::ContentId;

use crate::error::{Kind, Problem, required};
use crate::ports::catalog::ContentState;
use crate::ports::catalog::library;
use crate::ports::catalog::plays::Tally;
use crate::services::metadata::{Listing, Shown};

/// A content.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Identifier.
    #[schema(value_type = String)]
    id: ContentId,
    /// Title for people.
    title: String,
    /// Text for people.
    description: String,
    /// E-mail address that answers questions about it.
    contact: Option<String>,
    /// Wallet of its owner.
    owner: String,
    /// Whether it plays.
    state: ContentState,
    /// Name of its gate rule; without one the gate's default holds.
    rule: Option<String>,
    /// What viewers need; absent when it is its owner's alone.
    #[schema(value_type = Option<Object>)]
    required: Option<Value>,
    /// Categories it is in.
    categories: Vec<String>,
    /// When it was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<jiff::Timestamp>,
    /// When it was changed last.
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<jiff::Timestamp>,
}

impl From<Shown> for Content {
    fn from(shown: Shown) -> Self {
        let (entry, content) = (shown.entry.about, shown.entry.content);
        // Rows of before they were dated have the time zero.
        let time = |seconds| {
            jiff::Timestamp::from_second(seconds)
                .ok()
                .filter(|_| seconds > 0)
        };
        Self {
            id: content.id,
            title: content.title,
            description: entry.description,
            contact: entry.contact,
            owner: content.owner,
            state: content.state,
            rule: content.rule,
            required: shown.required.as_ref().map(required),
            categories: entry.categories.into_iter().map(String::from).collect(),
            created_at: time(shown.entry.created_at),
            updated_at: time(shown.entry.updated_at),
        }
    }
}

/// A page of contents.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Contents {
    /// The contents.
    contents: Vec<Content>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<Listing> for Contents {
    fn from(listing: Listing) -> Self {
        Self {
            contents: listing.contents.into_iter().map(Content::from).collect(),
            next: listing.next,
        }
    }
}

/// A category.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Category {
    id: String,
    /// Title for people.
    title: String,
}

impl From<library::Category> for Category {
    fn from(category: library::Category) -> Self {
        Self {
            id: category.id.into(),
            title: category.title,
        }
    }
}

/// Every category.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Categories {
    /// In order of their ids.
    pub categories: Vec<Category>,
}

/// What was watched.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Playback {
    /// Viewings begun.
    starts: u64,
    /// Seconds watched, counted a lease at a time: at most a lease more for each viewing.
    seconds: u64,
}

impl From<Tally> for Playback {
    fn from(tally: Tally) -> Self {
        Self {
            starts: tally.starts,
            seconds: tally.seconds,
        }
    }
}

/// A content and what was watched of it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Watched {
    /// The content.
    content: Content,
    /// What was watched of it.
    playback: Playback,
}

/// The contents that were begun most often.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Top {
    /// Most often first.
    top: Vec<Watched>,
}

impl From<Vec<(Shown, Tally)>> for Top {
    fn from(top: Vec<(Shown, Tally)>) -> Self {
        let watched = |(content, tally): (Shown, Tally)| Watched {
            content: content.into(),
            playback: tally.into(),
        };
        Self {
            top: top.into_iter().map(watched).collect(),
        }
    }
}

/// A content with the entity tag of its version.
pub fn tagged(shown: Shown) -> Response {
    let tag = format!("\"{}\"", shown.entry.version);
    let body = Json(Content::from(shown));
    (AppendHeaders([(header::ETAG, tag)]), body).into_response()
}

/// The version that `If-Match` names; `None` for any. Source: RFC 9110, 13.1.1; RFC 6585, 3.
pub fn known_version(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let detail = "send If-Match with the ETag of what you change, so that nobody's change is lost";
    let required = || Problem::new(Kind::PreconditionRequired, "IfMatchRequired", detail);
    let text = headers.get(header::IF_MATCH).ok_or_else(required)?;
    Ok(match text.to_str().map(str::trim) {
        Ok("*") => None,
        // A weak, unquoted or other tag is never one we gave: no version is 0.
        Ok(tag) => Some(strong(tag).unwrap_or(0)),
        Err(_) => Some(0),
    })
}

fn strong(tag: &str) -> Option<u64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// The key under which a request may be repeated. Source: draft-ietf-httpapi-idempotency-key-header.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .ok()
        .map(|text| text.trim().trim_matches('"'));
    let key = text.filter(|key| (1..=128).contains(&key.len()));
    let detail = "Idempotency-Key must be 1 to 128 visible ASCII characters";
    let invalid = || Problem::new(Kind::Invalid, "InvalidHeader", detail);
    key.map(Some).ok_or_else(invalid)
}
