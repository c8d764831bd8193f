//! HTTP of the metadata role.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use streamgate_contract::{CategoryId, ContentId};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::{Change, InvalidChange, ListOf, MAX_LIMIT, Metadata, MetadataError, NewContent, Title};
use crate::error::{Kind, Problem};
use crate::extract::{Asked, Named, Sent};
use crate::layers::authenticate::Caller;
use crate::ports::catalog::ContentState;
use crate::ports::chain::Wallet;
use crate::validation::{Bounded, Line};

pub mod shape;

use shape::{Categories, Contents, Playback, Top, idempotency_key, known_version, tagged};

/// Largest body of a request.
const MAX_BODY_BYTES: usize = 16 << 10;
/// Contents of an answer that names no limit.
const DEFAULT_LIMIT: Limit = Limit::of::<50>();
/// Days of statistics that name none.
const DEFAULT_DAYS: Days = Days::of::<28>();

type Limit = Bounded<1, MAX_LIMIT>;
type Days = Bounded<1, 366>;
type Service = State<Arc<Metadata>>;

/// Routes of the public listener.
pub fn routes(metadata: Arc<Metadata>) -> Router {
    let one = get(one).patch(change).delete(remove);
    let category = put(put_category).delete(remove_category);
    Router::new()
        .route("/api/v1/contents", get(list).post(create))
        .route("/api/v1/contents/{id}", one)
        .route("/api/v1/contents/{id}/stats", get(watched_of))
        .route("/api/v1/search", get(search))
        .route("/api/v1/categories", get(categories))
        .route("/api/v1/categories/{id}", category)
        .route("/api/v1/stats/playback", get(watched))
        .route("/api/v1/stats/top", get(top))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(metadata)
}

/// What the routes take and give.
#[derive(OpenApi)]
#[openapi(paths(
    list,
    create,
    one,
    change,
    remove,
    watched_of,
    search,
    categories,
    put_category,
    remove_category,
    watched,
    top
))]
pub struct Docs;

fn number<const MIN: u64, const MAX: u64>(number: Bounded<MIN, MAX>) -> u32 {
    u32::try_from(number.get()).unwrap_or(u32::MAX)
}

/// What is asked of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// Most contents of the answer.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 200)]
    limit: Option<Limit>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Of this wallet alone.
    owner: Option<String>,
    /// In this state alone.
    state: Option<ContentState>,
    /// In this category alone.
    #[param(value_type = Option<String>, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length = 63)]
    category: Option<CategoryId>,
}

/// Contents, newest first: published ones, and for owners and admins the others.
#[utoipa::path(get, path = "/api/v1/contents", tag = "metadata", params(List),
    responses((status = 200, body = Contents)))]
async fn list(
    State(metadata): Service,
    caller: Caller,
    Asked(list): Asked<List>,
) -> Result<Json<Contents>, Problem> {
    let owner = list.owner.map(|owner| owner.parse::<Wallet>());
    let invalid = |e: crate::ports::chain::InvalidWallet| {
        Problem::new(Kind::Invalid, "InvalidAddress", e.to_string())
    };
    let of = ListOf {
        owner: owner
            .transpose()
            .map_err(invalid)?
            .map(|owner| owner.to_string()),
        state: list.state,
        category: list.category,
    };
    let limit = number(list.limit.unwrap_or(DEFAULT_LIMIT));
    let (who, cursor) = (caller.known(), list.cursor.as_deref());
    Ok(Json(
        metadata.list(who.as_ref(), of, limit, cursor).await?.into(),
    ))
}

/// What is asked of a search.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Search {
    /// Words, or their beginnings.
    #[param(value_type = String, min_length = 1, max_length = 200)]
    q: Line<200>,
    /// Most contents of the answer.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 200)]
    limit: Option<Limit>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Contents with all of these words in title or description, best first.
#[utoipa::path(get, path = "/api/v1/search", tag = "metadata", params(Search),
    responses((status = 200, body = Contents)))]
async fn search(
    State(metadata): Service,
    caller: Caller,
    Asked(search): Asked<Search>,
) -> Result<Json<Contents>, Problem> {
    let limit = number(search.limit.unwrap_or(DEFAULT_LIMIT));
    let (who, cursor) = (caller.known(), search.cursor.as_deref());
    let found = metadata.search(who.as_ref(), search.q.as_str(), limit, cursor);
    Ok(Json(found.await?.into()))
}

/// Makes a content without video: name it in a TranscodeJob's `spec.content`.
#[utoipa::path(post, path = "/api/v1/contents", tag = "metadata", request_body = NewContent,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key makes it once")),
    responses((status = 201, body = shape::Content), (status = 200, body = shape::Content)))]
async fn create(
    State(metadata): Service,
    caller: Caller,
    headers: HeaderMap,
    Sent(new): Sent<NewContent>,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    let (made, shown) = metadata
        .create(&who, idempotency_key(&headers)?, new)
        .await?;
    let location = format!("/api/v1/contents/{}", shown.entry.content.id);
    let status = if made {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let location = AppendHeaders([(header::LOCATION, location)]);
    Ok((status, location, tagged(shown)).into_response())
}

/// One content.
#[utoipa::path(get, path = "/api/v1/contents/{id}", tag = "metadata",
    params(("id" = String, Path)), responses((status = 200, body = shape::Content)))]
async fn one(
    State(metadata): Service,
    caller: Caller,
    Named(id): Named<ContentId>,
) -> Result<Response, Problem> {
    let shown = metadata.get(caller.known().as_ref(), &id).await?;
    Ok(tagged(shown))
}

/// Changes a content; what is absent stays.
#[utoipa::path(patch, path = "/api/v1/contents/{id}", tag = "metadata", request_body = Change,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "ETag of the content, or *")),
    responses((status = 200, body = shape::Content)))]
async fn change(
    State(metadata): Service,
    caller: Caller,
    Named(id): Named<ContentId>,
    headers: HeaderMap,
    Sent(change): Sent<Change>,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    let known = known_version(&headers)?;
    Ok(tagged(metadata.change(&who, &id, known, change).await?))
}

/// Removes a content; its objects go a day later.
#[utoipa::path(delete, path = "/api/v1/contents/{id}", tag = "metadata",
    params(("id" = String, Path), ("If-Match" = String, Header, description = "ETag of the content, or *")),
    responses((status = 204)))]
async fn remove(
    State(metadata): Service,
    caller: Caller,
    Named(id): Named<ContentId>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let who = caller.signed_in()?;
    metadata.remove(&who, &id, known_version(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Every category.
#[utoipa::path(get, path = "/api/v1/categories", tag = "metadata",
    responses((status = 200, body = Categories)))]
async fn categories(State(metadata): Service) -> Result<Json<Categories>, Problem> {
    let categories = metadata.categories().await?;
    let categories = categories.iter().cloned().map(Into::into).collect();
    Ok(Json(Categories { categories }))
}

/// A category's title.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CategoryTitle {
    /// Title for people.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    title: Title,
}

/// Makes a category or gives it another title. For admins.
#[utoipa::path(put, path = "/api/v1/categories/{id}", tag = "metadata",
    request_body = CategoryTitle,
    params(("id" = String, Path, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length = 63)),
    responses((status = 204), (status = 201)))]
async fn put_category(
    State(metadata): Service,
    caller: Caller,
    Named(id): Named<CategoryId>,
    Sent(category): Sent<CategoryTitle>,
) -> Result<StatusCode, Problem> {
    let who = caller.signed_in()?;
    let made = metadata.put_category(&who, id, category.title).await?;
    Ok(if made {
        StatusCode::CREATED
    } else {
        StatusCode::NO_CONTENT
    })
}

/// Removes a category; its contents stay. For admins.
#[utoipa::path(delete, path = "/api/v1/categories/{id}", tag = "metadata",
    params(("id" = String, Path)), responses((status = 204)))]
async fn remove_category(
    State(metadata): Service,
    caller: Caller,
    Named(id): Named<CategoryId>,
) -> Result<StatusCode, Problem> {
    metadata.remove_category(&caller.signed_in()?, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which days are counted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Since {
    /// The last so many days in UTC, today included.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 366)]
    days: Option<Days>,
}

/// What was watched of everything.
#[utoipa::path(get, path = "/api/v1/stats/playback", tag = "metadata", params(Since),
    responses((status = 200, body = Playback)))]
async fn watched(
    State(metadata): Service,
    Asked(since): Asked<Since>,
) -> Result<Json<Playback>, Problem> {
    let days = number(since.days.unwrap_or(DEFAULT_DAYS));
    Ok(Json(metadata.watched(days).await?.into()))
}

/// What was watched of one content. For its owner and admins.
#[utoipa::path(get, path = "/api/v1/contents/{id}/stats", tag = "metadata",
    params(("id" = String, Path), Since), responses((status = 200, body = Playback)))]
async fn watched_of(
    State(metadata): Service,
    caller: Caller,
    Named(id): Named<ContentId>,
    Asked(since): Asked<Since>,
) -> Result<Json<Playback>, Problem> {
    let who = caller.signed_in()?;
    let days = number(since.days.unwrap_or(DEFAULT_DAYS));
    Ok(Json(metadata.watched_of(&who, &id, days).await?.into()))
}

/// How many contents, over which days.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TopOf {
    /// The last so many days in UTC, today included.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 366)]
    days: Option<Days>,
    /// Most contents of the answer.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 200)]
    limit: Option<Limit>,
}

/// The published contents that were begun most often.
#[utoipa::path(get, path = "/api/v1/stats/top", tag = "metadata", params(TopOf),
    responses((status = 200, body = Top)))]
async fn top(State(metadata): Service, Asked(of): Asked<TopOf>) -> Result<Json<Top>, Problem> {
    let days = number(of.days.unwrap_or(DEFAULT_DAYS));
    let limit = number(of.limit.unwrap_or(Limit::of::<10>()));
    Ok(Json(metadata.top(days, limit).await?.into()))
}

impl From<MetadataError> for Problem {
    fn from(error: MetadataError) -> Self {
        use MetadataError as E;
        let refused = |kind, reason| Problem::new(kind, reason, error.to_string());
        match error {
            E::NotYours(_) => refused(Kind::Forbidden, "NotYours"),
            E::CreatorRequired => refused(Kind::Forbidden, "CreatorRequired"),
            E::AdminRequired => refused(Kind::Forbidden, "AdminRequired"),
            E::Stale(_) => refused(Kind::PreconditionFailed, "VersionChanged"),
            E::KeyReused => refused(Kind::Unprocessable, "KeyReused"),
            E::Invalid(InvalidChange::Rule(_)) => refused(Kind::Unprocessable, "UnknownRule"),
            E::Invalid(InvalidChange::State) => refused(Kind::Unprocessable, "InvalidState"),
            E::Invalid(InvalidChange::Categories) => {
                refused(Kind::Unprocessable, "TooManyCategories")
            }
            E::Cursor(_) => refused(Kind::Invalid, "InvalidCursor"),
            E::NoWords => refused(Kind::Invalid, "InvalidSearch"),
            E::Catalog(cause) => cause.into(),
        }
    }
}
