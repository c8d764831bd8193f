//! Roles in pods of their own: who asks, and how one asks another.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use streamgate_contract::roles::Role;
use tokio::sync::mpsc;

use super::Source;
use super::jobs::TokenError;

/// Tells which role of the gate shows a token.
#[async_trait]
pub trait Peers: Send + Sync {
    /// The role the token was issued to, if it is meant for us.
    async fn role(&self, token: &str) -> Result<Role, TokenError>;
}

/// Bytes on their way, with the trailers behind them.
pub type Body = UnsyncBoxBody<Bytes, Source>;

/// Extension of a request: where go the interim responses (1xx) that come before its answer. What
/// finds no room there is lost, as interim responses may be.
#[derive(Clone, Debug)]
pub struct Meanwhile(pub mpsc::Sender<(StatusCode, HeaderMap)>);

/// Why another role gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Nothing was sent: there is no connection, or no token to show.
    #[error("role {role} cannot be reached; check that its pods are ready")]
    Unreachable {
        /// Which.
        role: Role,
        /// What failed.
        source: Source,
    },
    /// The connection ended before the answer. What was asked may have been done.
    #[error("role {role} ended the connection before it answered")]
    Broken {
        /// Which.
        role: Role,
        /// What failed.
        source: Source,
    },
}

/// Passes requests to the other roles of the gate.
#[async_trait]
pub trait Upstream: Send + Sync {
    /// Asks a role; of the URI only path and query count. The answer is there when its head is.
    async fn send(
        &self,
        role: Role,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, UpstreamError>;
}
