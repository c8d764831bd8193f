//! What a request is refused with. Services fail with their own typed errors; each becomes a
//! [`Problem`], and the table from [`Kind`] to a status code is here and nowhere else.
//! Source: RFC 9457 (problem details), RFC 9110 (status codes), RFC 6750 (`WWW-Authenticate`).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use streamgate_contract::rules::{Check, Test, Through};

mod reasons;

pub use reasons::REASONS;

use crate::ports::catalog::CatalogError;
use crate::ports::identity::{Denied, Requirement};
use crate::ports::objects::ObjectsError;

/// What went wrong, as far as HTTP tells it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is malformed.
    Invalid,
    /// Nobody is signed in, or the token proves nothing.
    Unauthenticated,
    /// Somebody is known and may not.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The method does not apply to this route.
    MethodNotAllowed,
    /// The state does not allow it, such as an offset that moved on.
    Conflict,
    /// It is gone and will not come back.
    Gone,
    /// A precondition of the request does not hold.
    PreconditionFailed,
    /// A precondition is missing that keeps changes of others.
    PreconditionRequired,
    /// The body is larger than allowed.
    TooLarge,
    /// The head is larger than allowed.
    HeadTooLarge,
    /// The body's media type is not taken here.
    UnsupportedMediaType,
    /// The bytes do not have their checksum (tus 1.0.0: 460).
    ChecksumMismatch,
    /// The range does not lie in the object.
    RangeNotSatisfiable,
    /// The request is well-formed and refused for good.
    Unprocessable,
    /// Too many requests; the caller waits.
    TooManyRequests,
    /// A bug or a broken invariant of ours.
    Internal,
    /// A part we rely on answered nonsense, or nothing after it had begun.
    BadGateway,
    /// A part we rely on does not answer; the caller tries again.
    Unavailable,
    /// A part we rely on took too long.
    Timeout,
    /// No room to store it.
    Full,
}

impl Kind {
    fn status(self) -> StatusCode {
        match self {
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Gone => StatusCode::GONE,
            Kind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Kind::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            // Not registered with IANA, so it has no name of its own.
            Kind::ChecksumMismatch => StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST),
            Kind::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::BadGateway => StatusCode::BAD_GATEWAY,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Kind::Full => StatusCode::INSUFFICIENT_STORAGE,
        }
    }
}

/// A refusal, rendered as `application/problem+json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    kind: Kind,
    reason: &'static str,
    detail: String,
    kind_uri: &'static str,
    members: Map<String, Value>,
    retry_after: Option<u64>,
}

impl Problem {
    /// A refusal with a stable CamelCase reason and a sentence that says what was wrong and what
    /// to do. Never put a token, handle or signed URL into the sentence.
    pub fn new(kind: Kind, reason: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            reason,
            detail: detail.into(),
            kind_uri: "about:blank",
            members: Map::new(),
            retry_after: None,
        }
    }

    /// Adds an extension member, such as `required`.
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.members.insert(name.to_owned(), value);
        self
    }

    /// Names a registered problem type instead of none.
    pub fn of_type(mut self, uri: &'static str) -> Self {
        self.kind_uri = uri;
        self
    }

    /// Says after how many seconds to try again.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// What kind of refusal it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its stable word.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// A failure that is ours, logged with its causes; the caller sees a sentence without them.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        log(error);
        let detail = "something went wrong here; try again, and tell the operator if it stays";
        Self::new(Kind::Internal, "InternalError", detail)
    }
}

/// Media type of a problem (RFC 9457).
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

impl Problem {
    /// The members of its JSON object.
    pub fn members(&self) -> Map<String, Value> {
        let status = self.kind.status();
        let mut members = self.members.clone();
        members.insert("type".into(), self.kind_uri.into());
        let title = status.canonical_reason().unwrap_or("Checksum Mismatch");
        members.insert("title".into(), title.into());
        members.insert("status".into(), status.as_u16().into());
        members.insert("reason".into(), self.reason.into());
        members.insert("detail".into(), self.detail.clone().into());
        members
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.kind.status(), Json(self.members())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.kind == Kind::Unauthenticated {
            let challenge = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        // Layers outside count refusals by their reason.
        response.extensions_mut().insert(Reason(self.reason));
        response
    }
}

/// Reason of a refused request, for the layers that count and log.
#[derive(Clone, Copy, Debug)]
pub struct Reason(pub &'static str);

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        match &error {
            CatalogError::NotFound { .. } => {
                Problem::new(Kind::NotFound, "NotFound", error.to_string())
            }
            CatalogError::Conflict { .. } => {
                Problem::new(Kind::Conflict, "Conflict", error.to_string())
            }
            CatalogError::Unavailable { .. } => {
                unavailable(&error, "CatalogUnavailable", "the catalog does not answer")
            }
        }
    }
}

impl From<ObjectsError> for Problem {
    fn from(error: ObjectsError) -> Self {
        match &error {
            ObjectsError::InvalidKey(_) => {
                Problem::new(Kind::Invalid, "InvalidKey", error.to_string())
            }
            ObjectsError::NotFound(_) => {
                Problem::new(Kind::NotFound, "NotFound", "the object does not exist")
            }
            ObjectsError::OutsideObject { .. } => Problem::new(
                Kind::RangeNotSatisfiable,
                "RangeNotSatisfiable",
                error.to_string(),
            ),
            ObjectsError::Full(_) => {
                Problem::new(Kind::Full, "StoreFull", "the store has no room left")
            }
            ObjectsError::Unavailable { .. } => {
                unavailable(&error, "StoreUnavailable", "the store does not answer")
            }
        }
    }
}

impl From<&Denied> for Problem {
    fn from(denied: &Denied) -> Self {
        let refused = |kind, reason| Problem::new(kind, reason, denied.to_string());
        match denied {
            Denied::NotPlayable(_) => refused(Kind::NotFound, "NotPlayable"),
            Denied::OwnerOnly(_) => refused(Kind::Forbidden, "OwnerOnly"),
            Denied::Required(requirement) => refused(Kind::Forbidden, requirement.reason())
                .with("required", required(requirement)),
            Denied::SessionEnded => refused(Kind::Unauthenticated, "SessionEnded"),
            Denied::Undecided { reason, .. } => unavailable(
                denied,
                reason,
                "whether the viewer has what the rule asks for cannot be checked now",
            ),
        }
    }
}

/// What somebody would need, as JSON: a test with its chain and contract, or what it is combined
/// of. Lists of wallets stay here.
pub fn required(requirement: &Requirement) -> Value {
    let mut required = match &requirement.test {
        Test::Check(check) => looked_at(check),
        Test::AllOf(of) => json!({"allOf": of.iter().map(self::required).collect::<Vec<_>>()}),
        Test::AnyOf(of) => json!({"anyOf": of.iter().map(self::required).collect::<Vec<_>>()}),
        Test::Not(of) => json!({"not": self::required(of)}),
    };
    required["rule"] = requirement.rule.clone().into();
    if let Some(title) = &requirement.title {
        required["title"] = title.clone().into();
    }
    if let Some(url) = &requirement.get_url {
        required["getUrl"] = url.clone().into();
    }
    required
}

fn looked_at(check: &Check) -> Value {
    let mut shown = match check {
        Check::Erc721(rule) => json!({"tokenId": rule.token_id}),
        Check::Erc1155(rule) => json!({"tokenId": rule.token_id, "minimum": rule.minimum}),
        Check::Erc20(rule) => json!({"minimum": rule.minimum}),
        Check::Native(rule) => json!({"minimum": rule.minimum}),
        Check::Call(rule) => json!({"function": rule.function, "minimum": rule.minimum}),
        Check::AllowList(_) => json!({}),
        Check::Merkle(rule) => json!({"root": rule.root}),
        Check::OidcClaim(rule) => json!({"provider": rule.provider, "claim": rule.claim}),
        Check::Webhook(_) => json!({}),
        Check::SplToken(rule) => json!({"mint": rule.mint, "minimum": rule.minimum}),
        Check::MetaplexNft(rule) => json!({"collection": rule.collection}),
        Check::Delegated(link) => json!({"vault": link.vault}),
    };
    shown["standard"] = check.standard().into();
    if let Some(chain) = check.chain() {
        shown["chain"] = chain.into();
    }
    if let Some(contract) = check.contract() {
        shown["contract"] = contract.into();
    }
    if let Some(cluster) = check.cluster() {
        shown["cluster"] = cluster.into();
    }
    let through = check.through().map(through).filter(|t| !t.is_empty());
    if let Some(through) = through {
        shown["through"] = through.into();
    }
    if let Some(members) = shown.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    shown
}

/// What counts beside the viewer's own holdings: the registry of vaults, contracts of tokens with
/// accounts.
fn through(through: &Through) -> Vec<Value> {
    let delegation = through.delegation.iter();
    let vaults =
        delegation.map(|by| json!({"standard": "delegate registry", "contract": by.registry}));
    let accounts = through.accounts.iter();
    let tokens = accounts.map(|of| json!({"standard": "ERC-6551", "contract": of.contract}));
    vaults.chain(tokens).collect()
}

/// A part we rely on failed: logged with its causes, told without them.
pub fn unavailable(
    error: &(dyn std::error::Error + 'static),
    reason: &'static str,
    detail: &str,
) -> Problem {
    log(error);
    Problem::new(Kind::Unavailable, reason, format!("{detail}; try again")).retry_after(2)
}

fn log(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error = crate::ports::causes(error), "request failed");
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(problem: Problem) -> (StatusCode, Value) {
        let response = problem.into_response();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 16).await;
        (status, serde_json::from_slice(&bytes.unwrap()).unwrap())
    }

    #[tokio::test]
    async fn a_refusal_says_reason_and_requirement() {
        let required = serde_json::json!({"chain": "local"});
        let problem =
            Problem::new(Kind::Forbidden, "TokenRequired", "hold one").with("required", required);
        let (status, body) = body(problem).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(body["reason"], "TokenRequired");
        assert_eq!(body["required"]["chain"], "local");
        assert_eq!(body["status"], 403);
    }

    #[tokio::test]
    async fn nobody_known_is_challenged() {
        let response =
            Problem::new(Kind::Unauthenticated, "SignInRequired", "sign in").into_response();
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }
}
