//! What goes on, what stays here, what is asked twice, and what is told when nobody answers.

use std::sync::Mutex;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue};
use http_body_util::{Full, StreamBody};
use hyper::body::Frame;
use serde_json::Value;

use super::*;
use crate::ports::Source;

/// A role that answers what it is told to, and keeps what it was asked.
#[derive(Default)]
struct Stub {
    asked: Mutex<Vec<(Method, Uri, HeaderMap, Bytes)>>,
    /// What happens to the first requests.
    fails: Mutex<Vec<UpstreamError>>,
}

fn broken() -> UpstreamError {
    UpstreamError::Broken {
        role: Role::Upload,
        source: "reset".into(),
    }
}

fn unreachable() -> UpstreamError {
    UpstreamError::Unreachable {
        role: Role::Upload,
        source: "refused".into(),
    }
}

#[async_trait]
impl Upstream for Stub {
    async fn send(
        &self,
        _: Role,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, UpstreamError> {
        let (head, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|source| UpstreamError::Broken {
                role: Role::Upload,
                source,
            })?;
        let seen = (head.method, head.uri, head.headers, body.to_bytes());
        self.asked.lock().unwrap().push(seen);
        if let Some(error) = self.fails.lock().unwrap().pop() {
            return Err(error);
        }
        let frames = ["one ", "two"].map(|text| Ok::<_, Source>(Frame::data(Bytes::from(text))));
        let body = StreamBody::new(futures::stream::iter(frames));
        let answer = http::Response::builder()
            .header("connection", "close, x-hop")
            .header("x-hop", "1")
            .header("etag", "\"1\"");
        Ok(answer.body(BodyExt::boxed_unsync(body)).unwrap())
    }
}

fn request(method: Method, path: &str, body: &'static str) -> Request {
    let request = http::Request::builder().method(method).uri(path);
    let request = request.header("x-forwarded-for", "127.0.0.1");
    let request = request.header("x-country", "de");
    let body = match body {
        "" => Sent::empty(),
        body => Sent::new(Full::new(Bytes::from(body))),
    };
    request.body(body).unwrap()
}

async fn forwarded(fails: Vec<UpstreamError>, request: Request) -> (Arc<Stub>, Response) {
    let role = Arc::new(Stub {
        fails: Mutex::new(fails),
        ..Stub::default()
    });
    let settings = PlaybackSettings {
        country_header: Some("x-country".into()),
        ..PlaybackSettings::default()
    };
    let answer = Proxy::new(role.clone(), &settings)
        .forward(Role::Upload, request)
        .await;
    (role, answer)
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 16).await;
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_request_goes_on_whole_and_says_who_asks_and_nothing_false() {
    let mut sent = request(
        Method::PATCH,
        "https://watch.example/api/v1/uploads/u?x=1",
        "bytes",
    );
    let peer = Peer::new("203.0.113.7:5".parse().unwrap());
    sent.extensions_mut().insert(peer);
    let arrival = Arrival::of(&sent);
    sent.extensions_mut().insert(arrival);
    let (role, answer) = forwarded(Vec::new(), sent).await;
    assert_eq!(answer.headers()["etag"], "\"1\"");
    assert!(!answer.headers().contains_key("connection"));
    assert!(!answer.headers().contains_key("x-hop"));
    assert_eq!(text(answer).await, "one two");
    let asked = role.asked.lock().unwrap();
    let (method, uri, headers, body) = &asked[0];
    assert_eq!(
        (method, uri.to_string().as_str()),
        (&Method::PATCH, "/api/v1/uploads/u?x=1")
    );
    assert_eq!(body, "bytes");
    assert_eq!(headers["x-forwarded-for"], "203.0.113.7");
    assert_eq!(headers["x-request-id"], arrival.id.as_str());
    assert!(!headers.contains_key("x-country"), "nobody trusted said it");
}

#[tokio::test]
async fn what_a_trusted_proxy_says_of_the_country_goes_on() {
    let mut sent = request(Method::GET, "/v/h/master.m3u8", "");
    let mut peer = Peer::new("10.0.0.1:5".parse().unwrap());
    peer.client = "203.0.113.7".parse().unwrap();
    sent.extensions_mut().insert(peer);
    let (role, _) = forwarded(Vec::new(), sent).await;
    let asked = role.asked.lock().unwrap();
    assert_eq!(asked[0].2["x-country"], HeaderValue::from_static("de"));
}

#[tokio::test]
async fn only_what_changes_nothing_is_asked_twice() {
    for (method, body, times, status) in [
        (Method::GET, "", 2, 200),
        (Method::HEAD, "", 2, 200),
        (Method::GET, "a body", 1, 502),
        (Method::POST, "", 1, 502),
        (Method::PATCH, "bytes", 1, 502),
        (Method::DELETE, "", 1, 502),
    ] {
        let (role, answer) = forwarded(vec![broken()], request(method.clone(), "/x", body)).await;
        assert_eq!(answer.status().as_u16(), status, "{method}");
        assert_eq!(role.asked.lock().unwrap().len(), times, "{method} {body}");
    }
    let (_, answer) = forwarded(vec![broken(), broken()], request(Method::GET, "/x", "")).await;
    assert_eq!(answer.status(), 502, "not a third time");
}

#[tokio::test]
async fn a_role_that_is_away_is_told_as_a_problem() {
    for (error, status, reason) in [
        (unreachable(), 503, "RoleUnreachable"),
        (broken(), 502, "RoleFailed"),
    ] {
        let (_, answer) = forwarded(vec![error], request(Method::POST, "/x", "")).await;
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.headers().contains_key("retry-after"), status == 503);
        let problem: Value = serde_json::from_str(&text(answer).await).unwrap();
        assert_eq!(problem["reason"], reason);
    }
}

struct Silent;

#[async_trait]
impl Upstream for Silent {
    async fn send(
        &self,
        _: Role,
        _: http::Request<Body>,
    ) -> Result<http::Response<Body>, UpstreamError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_player_is_told_in_time_that_there_is_no_answer() {
    let mut proxy = Proxy::new(Arc::new(Silent), &PlaybackSettings::default());
    proxy.playback = Duration::from_millis(20);
    let sent = request(Method::GET, "/v/handle/master.m3u8", "");
    let answer = proxy.forward(Role::Streaming, sent).await;
    assert_eq!(answer.status(), 504);
    let sent = request(Method::PATCH, "/api/v1/uploads/u", "bytes");
    let asked = proxy.forward(Role::Upload, sent);
    let longer = tokio::time::timeout(Duration::from_millis(200), asked).await;
    assert!(longer.is_err(), "an upload was ended");
}
