//! What handlers take from a request, as values that are valid: body, query and path, each with one
//! way to be refused. A value's own type says what was wrong with it; `serde` says where it stood.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::{Kind, Problem};

/// A JSON body. What is no JSON is 400, what is no `T` is 422.
pub struct Sent<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Json::from_request(request, state).await;
        body.map(|Json(body)| Self(body)).map_err(unfit)
    }
}

fn unfit(rejection: JsonRejection) -> Problem {
    let detail = rejection.body_text();
    match (&rejection, rejection.status()) {
        (_, StatusCode::PAYLOAD_TOO_LARGE) => {
            let detail = "the body has more bytes than this route takes; send less";
            Problem::new(Kind::TooLarge, "BodyTooLarge", detail)
        }
        (JsonRejection::MissingJsonContentType(_), _) => {
            let detail = "send JSON with Content-Type: application/json";
            Problem::new(Kind::UnsupportedMediaType, "NotJson", detail)
        }
        (JsonRejection::JsonDataError(_), _) => {
            Problem::new(Kind::Unprocessable, "InvalidBody", detail)
        }
        _ => Problem::new(Kind::Invalid, "MalformedBody", detail),
    }
}

/// The query of a URL.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |rejection: QueryRejection| {
            Problem::new(Kind::Invalid, "InvalidQuery", rejection.body_text())
        };
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(query)| Self(query)).map_err(refused)
    }
}

/// What the path names; a name of another form is nothing's name.
pub struct Named<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unknown = |_: PathRejection| {
            Problem::new(Kind::NotFound, "NotFound", "there is nothing of this name")
        };
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name)).map_err(unknown)
    }
}
