//! Passes requests to the roles behind the gateway: bodies as they come, both ways; headers without
//! those of one connection and without whatever a caller could say in a role's place.
//! Source: RFC 9110, 7.6 (forwarding), RFC 9113, 8.2.3 (cookies).

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body as Sent, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderName, Method, Uri, request};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Empty};
use streamgate_contract::playback::PlaybackSettings;
use streamgate_contract::roles::Role;

use crate::error::{Kind, Problem, unavailable};
use crate::layers::arrival::Arrival;
use crate::layers::client_address::Peer;
use crate::layers::routes::{self, Class};
use crate::ports::peers::{Body, Upstream, UpstreamError};

use self::meanwhile::Relay;

mod headers;
mod meanwhile;

/// Longest wait for the head of an answer to a player: it asks again sooner than people wait.
const PLAYBACK: Duration = Duration::from_secs(15);

/// The way to the roles.
pub struct Proxy {
    roles: Arc<dyn Upstream>,
    /// Header in which a trusted proxy names the country of a caller.
    country: Option<HeaderName>,
    /// Longest wait for the head of an answer to a player.
    playback: Duration,
}

impl Proxy {
    /// To these roles; `settings` are those of playback.
    pub fn new(roles: Arc<dyn Upstream>, settings: &PlaybackSettings) -> Self {
        let country = settings.country_header.as_deref();
        Self {
            roles,
            country: country.and_then(|name| name.parse().ok()),
            playback: PLAYBACK,
        }
    }

    /// The role's answer, or why there is none.
    pub async fn forward(&self, role: Role, request: Request) -> Response {
        let class = routes::known(&request).class;
        let asked = self.ask(role, request);
        let answer = match self.patience(class) {
            None => asked.await,
            Some(patience) => match tokio::time::timeout(patience, asked).await {
                Ok(answer) => answer,
                Err(_) => return late(role),
            },
        };
        answer.unwrap_or_else(|error| failed(&error).into_response())
    }

    async fn ask(&self, role: Role, request: Request) -> Result<Response, UpstreamError> {
        let (mut head, body) = request.into_parts();
        let relay = head.extensions.get().map(Relay::new);
        self.clean(&mut head);
        // Only what changes nothing and can be sent again is sent again.
        let again = match harmless(&head) && body.is_end_stream() {
            true => Some(copy(&head)),
            false => None,
        };
        let body = body.map_err(Into::into).boxed_unsync();
        let first = http::Request::from_parts(head, body);
        let first = match relay {
            Some(relay) => {
                relay
                    .during(first, |first| self.roles.send(role, first))
                    .await
            }
            None => self.roles.send(role, first).await,
        };
        let answer = match (first, again) {
            (Err(UpstreamError::Broken { .. }), Some(again)) => {
                self.roles.send(role, again).await?
            }
            (answer, _) => answer?,
        };
        let mut answer = answer.map(Sent::new);
        headers::remove_hop_by_hop(answer.headers_mut());
        if let Some(reason) = headers::reason(answer.headers_mut()) {
            // For the layers around us, as if the refusal were our own.
            answer.extensions_mut().insert(reason);
        }
        Ok(answer)
    }

    /// How long the head of an answer may take. Uploads end when their bytes do; the deadline of the
    /// request path is around everything else.
    fn patience(&self, class: Class) -> Option<Duration> {
        (class == Class::Playback).then_some(self.playback)
    }

    /// Makes the head of a request the role's.
    fn clean(&self, head: &mut request::Parts) {
        let arrival = head.extensions.get::<Arrival>().copied();
        let peer = head.extensions.get::<Peer>().copied();
        // Nothing of this process rides along.
        head.extensions.clear();
        headers::remove_hop_by_hop(&mut head.headers);
        headers::join_cookies(&mut head.headers);
        headers::introduce(&mut head.headers, arrival, peer);
        let proxied = peer.is_some_and(|p| p.socket.ip().to_canonical() != p.client);
        if let (false, Some(country)) = (proxied, &self.country) {
            // Said by the caller itself.
            head.headers.remove(country);
        }
        let path = head.uri.path_and_query().cloned();
        head.uri = path.map(Uri::from).unwrap_or_default();
    }
}

fn harmless(head: &request::Parts) -> bool {
    matches!(head.method, Method::GET | Method::HEAD)
}

fn copy(head: &request::Parts) -> http::Request<Body> {
    let nothing = Empty::new().map_err(|never| match never {});
    let mut again = http::Request::new(nothing.boxed_unsync());
    again.method_mut().clone_from(&head.method);
    again.uri_mut().clone_from(&head.uri);
    again.headers_mut().clone_from(&head.headers);
    again
}

fn failed(error: &UpstreamError) -> Problem {
    match error {
        UpstreamError::Unreachable { .. } => unavailable(
            error,
            "RoleUnreachable",
            "the part that answers this is away",
        ),
        UpstreamError::Broken { .. } => {
            tracing::error!(error = crate::ports::causes(error), "request failed");
            let detail = "the part that answers this ended before it did; look whether it was \
                done, and try again";
            Problem::new(Kind::BadGateway, "RoleFailed", detail)
        }
    }
}

fn late(role: Role) -> Response {
    tracing::error!(%role, "a role did not answer in time");
    let detail = "the request took too long; try again";
    Problem::new(Kind::Timeout, "Timeout", detail).into_response()
}

#[cfg(test)]
mod tests;
