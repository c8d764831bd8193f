//! Keeps answers that say how long they stay true (`Cache-Control: max-age`), each for the one
//! who asked: nobody is served what another may see. Source: RFC 9111, of which only a private
//! cache of complete GET answers is taken.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::authenticate::Caller;
use crate::ports::identity::Principal;

/// Bytes of all answers kept.
const CAPACITY: u64 = 16 << 20;
/// Bytes of the largest answer kept.
const LARGEST: usize = 256 << 10;
/// No answer is kept longer.
const LONGEST: Duration = Duration::from_secs(300);

/// Who asked, with their rights: a key may act for a wallet with fewer rights than it has.
type Key = (Option<Principal>, String);

#[derive(Clone)]
struct Kept {
    until: Instant,
    headers: HeaderMap,
    body: Bytes,
}

/// The cache.
pub struct Answers(moka::future::Cache<Key, Arc<Kept>>);

impl Default for Answers {
    fn default() -> Self {
        let size = |(_, uri): &Key, kept: &Arc<Kept>| {
            u32::try_from(uri.len() + kept.body.len() + 512).unwrap_or(u32::MAX)
        };
        let cache = moka::future::Cache::builder().weigher(size);
        Self(cache.max_capacity(CAPACITY).time_to_live(LONGEST).build())
    }
}

/// The layer: `axum::middleware::from_fn_with_state(answers, cache)`, inside authenticate.
pub async fn cache(State(answers): State<Arc<Answers>>, request: Request, next: Next) -> Response {
    if request.method() != Method::GET || request.headers().contains_key(header::RANGE) {
        return next.run(request).await;
    }
    let caller = request.extensions().get::<Caller>();
    let who = caller.and_then(|c| c.known());
    let key = (who, request.uri().to_string());
    if let Some(kept) = answers.0.get(&key).await
        && kept.until > Instant::now()
        && !request.headers().contains_key(header::IF_NONE_MATCH)
    {
        let mut response = Response::new(Body::from(kept.body.clone()));
        *response.headers_mut() = kept.headers.clone();
        return response;
    }
    keep(&answers, key, next.run(request).await).await
}

async fn keep(answers: &Answers, key: Key, response: Response) -> Response {
    let Some(age) = max_age(&response) else {
        return response;
    };
    let (parts, body) = response.into_parts();
    // The length is known and small, so this reads what is in memory already.
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return Response::from_parts(parts, Body::empty());
    };
    let headers = parts.headers.clone();
    let until = Instant::now() + age;
    let kept = Kept {
        until,
        headers,
        body: body.clone(),
    };
    answers.0.insert(key, Arc::new(kept)).await;
    Response::from_parts(parts, Body::from(body))
}

/// How long a complete small answer stays true.
fn max_age(response: &Response) -> Option<Duration> {
    use axum::body::HttpBody;
    let small = response.body().size_hint().exact()? <= LARGEST as u64;
    let plain =
        response.status() == StatusCode::OK && !response.headers().contains_key(header::SET_COOKIE);
    let control = response
        .headers()
        .get(header::CACHE_CONTROL)?
        .to_str()
        .ok()?;
    if !small || !plain || control.contains("no-store") {
        return None;
    }
    let age = control
        .split(',')
        .find_map(|d| d.trim().strip_prefix("max-age="))?;
    let age = Duration::from_secs(age.parse().ok()?);
    (!age.is_zero()).then(|| age.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tower::ServiceExt;

    fn app(control: &'static str, calls: Arc<AtomicU32>) -> Router {
        let handler = move || {
            let n = calls.fetch_add(1, Ordering::SeqCst);
            async move { ([(header::CACHE_CONTROL, control)], n.to_string()) }
        };
        let layer = axum::middleware::from_fn_with_state(Arc::new(Answers::default()), cache);
        Router::new().route("/x", get(handler)).layer(layer)
    }

    async fn ask(app: &Router) -> String {
        let request = Request::get("/x").body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        String::from_utf8(to_bytes(response.into_body(), 99).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_kept_only_when_it_says_so() {
        for (control, second) in [("max-age=60", "0"), ("no-store", "1"), ("max-age=0", "1")] {
            let app = app(control, Arc::new(AtomicU32::new(0)));
            assert_eq!(ask(&app).await, "0");
            assert_eq!(ask(&app).await, second, "{control}");
        }
    }
}
