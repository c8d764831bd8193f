//! Interim responses (1xx) of a role, told to the caller while the answer is awaited.
//! Source: RFC 9110, 15.2 (a proxy forwards them).

use axum::http::{HeaderMap, StatusCode};
use tokio::sync::mpsc;

use super::headers;
use crate::ports::peers::{Body, Meanwhile};
use crate::server::interim::{Interim, Open};

/// Interim responses that wait to be told; progress that comes faster is told now and then.
const WAITING: usize = 8;

/// The way of interim responses to the caller, open until the answer is there.
pub struct Relay(Open);

impl Relay {
    /// To the connection of the caller.
    pub fn new(caller: &Interim) -> Self {
        Self(caller.open())
    }

    /// What `send` answers to the request; what comes before goes to the caller. It is told by the
    /// task of the caller's connection, which is woken by it and so writes it at once.
    pub async fn during<A, F: Future<Output = A>>(
        self,
        mut request: http::Request<Body>,
        send: impl FnOnce(http::Request<Body>) -> F,
    ) -> A {
        let (told, mut heard) = mpsc::channel(WAITING);
        request.extensions_mut().insert(Meanwhile(told));
        let mut answer = std::pin::pin!(send(request));
        loop {
            tokio::select! {
                // What was told before the answer goes before it.
                biased;
                Some((status, headers)) = heard.recv() => self.tell(status, headers),
                answer = &mut answer => return answer,
            }
        }
    }

    fn tell(&self, status: StatusCode, mut headers: HeaderMap) {
        // These two are about the connection to the role.
        if matches!(
            status,
            StatusCode::CONTINUE | StatusCode::SWITCHING_PROTOCOLS
        ) {
            return;
        }
        headers::remove_hop_by_hop(&mut headers);
        self.0.sender().send(status, phrase(status), &headers);
    }
}

/// What a status is called; phrases do not go through clients of HTTP.
fn phrase(status: StatusCode) -> &'static str {
    match status.as_u16() {
        104 => "Upload Resumption Supported",
        _ => status.canonical_reason().unwrap_or_default(),
    }
}
