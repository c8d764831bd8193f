//! Whole files in one request: the body itself, or a field of a form (RFC 7578). A request that can be
//! gone on with is in [`draft`].

use std::sync::Arc;

use axum::body::Body as HttpBody;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::{head, post};
use axum::{Extension, Router};
use futures::{StreamExt, TryStreamExt};
use multer::{Constraints, Field, Multipart, SizeLimit};

use super::headers::{plain, text};
use super::{Service, draft, render, terminate};
use crate::error::{Kind, Problem};
use crate::layers::authenticate::Caller;
use crate::ports::catalog::uploads::UploadKind;
use crate::server::interim::Interim;
use crate::services::upload::checksum::{Checksum, Expected};
use crate::services::upload::error::UploadError;
use crate::services::upload::metadata::Metadata;
use crate::services::upload::{Body, Creation, UploadService};

/// Where whole files are sent.
pub const PATH: &str = "/api/v1/files";
/// The field of a form that holds the file; those that describe it come before.
const FILE: &str = "file";
/// Most bytes of a field that describes it.
const MAX_FIELD_BYTES: u64 = 4 << 10;
/// Most fields before the file.
const MAX_FIELDS: usize = 16;

/// The routes.
pub fn routes() -> Router<Arc<UploadService>> {
    let files = post(take).put(take).options(draft::options);
    let one = head(draft::offset)
        .get(draft::offset)
        .patch(draft::append)
        .delete(terminate);
    Router::new()
        .route(PATH, files)
        .route(&format!("{PATH}/{{id}}"), one)
}

async fn take(
    State(service): Service,
    caller: Caller,
    RawQuery(query): RawQuery,
    connection: Option<Extension<Interim>>,
    headers: HeaderMap,
    body: HttpBody,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    if draft::complete(&headers).is_some() {
        let interim = draft::interim(&headers, connection);
        return draft::create(&service, who, query.as_deref(), &headers, body, interim).await;
    }
    let mut metadata = described(query.as_deref(), &headers)?;
    let media_type = text(&headers, header::CONTENT_TYPE.as_str());
    let (announced, body) = match multer::parse_boundary(media_type) {
        Ok(boundary) => {
            let file = file_of_form(boundary, body, &mut metadata).await?;
            // A form is longer than the file in it, and says nothing about that.
            (None, file)
        }
        Err(_) => {
            let length = text(&headers, header::CONTENT_LENGTH.as_str());
            (length.parse().ok(), plain(body))
        }
    };
    let body = Body {
        announced,
        completes: true,
        checksum: digest(&headers)?,
        ..Body::new(0, body)
    };
    let asked = Creation {
        kind: UploadKind::Whole,
        length: announced,
        metadata,
    };
    let status = service.take_whole(who, asked, body).await?;
    Ok(render::whole(&status))
}

/// `Content-Digest` is of the body, which is the file itself unless it is a form.
pub fn digest(headers: &HeaderMap) -> Result<Expected, UploadError> {
    let digest = Checksum::of_digest_field(text(headers, "content-digest"));
    let digest = digest.map_err(|invalid| UploadError::Checksum(invalid.into()))?;
    let form = text(headers, header::CONTENT_TYPE.as_str()).starts_with("multipart/");
    Ok(digest
        .filter(|_| !form)
        .map_or(Expected::Nothing, Expected::Known))
}

/// What query and headers say about the file.
pub fn described(query: Option<&str>, headers: &HeaderMap) -> Result<Metadata, UploadError> {
    let mut metadata = Metadata::default();
    let disposition = text(headers, header::CONTENT_DISPOSITION.as_str());
    if let Some(name) = file_name(disposition) {
        metadata.set("filename", &name)?;
    }
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        metadata.set(&name, &value)?;
    }
    Ok(metadata)
}

/// The name in `Content-Disposition` (RFC 6266): `filename*` in UTF-8 before `filename`.
fn file_name(disposition: &str) -> Option<String> {
    let parameters = disposition.split(';').skip(1);
    let parameters = parameters.filter_map(|parameter| parameter.trim().split_once('='));
    let parameters: Vec<_> = parameters.collect();
    let find = |wanted: &str| {
        let found = parameters
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| *value)
    };
    let encoded = find("filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let (_, text) = rest.split_once('\'')?;
        let utf8 = charset.eq_ignore_ascii_case("utf-8");
        // Percent-encoding is that of a form's value, but for the plus sign.
        let text = text.replace('+', "%2B");
        let decoded = url::form_urlencoded::parse(text.as_bytes()).next();
        decoded.filter(|_| utf8).map(|(text, _)| text.into_owned())
    });
    encoded.or_else(|| find("filename").map(|name| name.trim_matches('"').to_owned()))
}

type Bytes = futures::stream::BoxStream<'static, Result<bytes::Bytes, crate::ports::Source>>;

/// Reads the fields before the file; the file is left to be read.
async fn file_of_form(
    boundary: String,
    body: HttpBody,
    metadata: &mut Metadata,
) -> Result<Bytes, Problem> {
    let fields = SizeLimit::new()
        .per_field(MAX_FIELD_BYTES)
        .for_field(FILE, u64::MAX);
    let constraints = Constraints::new().size_limit(fields.whole_stream(u64::MAX));
    let body = body.into_data_stream();
    let mut form = Multipart::with_constraints(body, boundary, constraints);
    for _ in 0..MAX_FIELDS {
        let field = form.next_field().await.map_err(malformed)?;
        let field = field.ok_or_else(no_file)?;
        if field.name() == Some(FILE) {
            if let Some(name) = field.file_name().filter(|name| !name.is_empty()) {
                metadata.set("filename", name).map_err(UploadError::from)?;
            }
            return Ok(file(form, field));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let value = field.text().await.map_err(malformed)?;
        // A field left empty in a browser says nothing.
        if !value.trim().is_empty() {
            metadata.set(&name, &value).map_err(UploadError::from)?;
        }
    }
    Err(no_file())
}

/// The bytes of the file. The form lives as long as they do: a field of a form that is gone ends.
fn file(form: Multipart<'static>, field: Field<'static>) -> Bytes {
    let bytes = field.map_err(crate::ports::Source::from);
    let guarded = bytes.map(move |item| {
        let _form = &form;
        item
    });
    guarded.boxed()
}

fn no_file() -> Problem {
    let detail = format!("the form needs a field {FILE:?} with the file, behind title and rule");
    Problem::new(Kind::Invalid, "InvalidForm", detail)
}

fn malformed(error: multer::Error) -> Problem {
    Problem::new(
        Kind::Invalid,
        "InvalidForm",
        format!("the form cannot be read: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_found() {
        for (text, name) in [
            ("attachment; filename=\"a b.mp4\"", Some("a b.mp4")),
            (
                "inline; filename=x; filename*=UTF-8''%C3%BCber+1.mp4",
                Some("über+1.mp4"),
            ),
            ("inline", None),
            ("", None),
        ] {
            assert_eq!(file_name(text).as_deref(), name, "{text}");
        }
    }

    #[test]
    fn queries_and_headers_describe_the_file() {
        let headers = HeaderMap::from_iter([(
            header::CONTENT_DISPOSITION,
            "inline; filename=a.mp4".parse().unwrap(),
        )]);
        let metadata = described(Some("title=Ein%20Film&x=y"), &headers).unwrap();
        assert_eq!(
            (metadata.title(), metadata.filename.as_deref()),
            ("Ein Film", Some("a.mp4"))
        );
        assert!(described(Some("title=%0A"), &headers).is_err());
    }
}
