//! Other roles of the gate over HTTP/1.1: one pool of connections to each, a service-account token
//! meant for the role on every request.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use http::header::HeaderValue;
use http::uri::{PathAndQuery, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use streamgate_contract::peers::ROLE_TOKEN;
use streamgate_contract::roles::Role;

use crate::ports::Source;
use crate::ports::peers::{Body, Meanwhile, Upstream, UpstreamError};

mod connect;
mod tokens;

use connect::Patient;
use tokens::Tokens;

/// How long a connection may rest in the pool: shorter than a role that is told to end goes on
/// answering with `Connection: close`, so that no request meets a connection that is being closed.
const REST: Duration = Duration::from_secs(2);
/// Connections to one role that rest at once.
const RESTING: usize = 1_024;

/// The roles.
pub struct HttpRoles {
    client: Client<Patient, Body>,
    bases: BTreeMap<Role, Uri>,
    tokens: Tokens,
}

impl HttpRoles {
    /// Roles at these base URLs, with the tokens of a folder.
    ///
    /// # Errors
    /// When a URL is none.
    pub fn new(peers: &BTreeMap<Role, String>, tokens: PathBuf) -> Result<Self, Source> {
        let parse = |(role, url): (&Role, &String)| Ok((*role, url.parse::<Uri>()?));
        let bases: Result<_, http::uri::InvalidUri> = peers.iter().map(parse).collect();
        let mut client = Client::builder(TokioExecutor::new());
        client
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(REST)
            .pool_max_idle_per_host(RESTING);
        Ok(Self {
            client: client.build(Patient::new()),
            bases: bases?,
            tokens: Tokens::new(tokens),
        })
    }

    /// The request with the role's address and our token; the address of nobody else.
    fn addressed(
        &self,
        role: Role,
        request: http::Request<Body>,
    ) -> Result<http::Request<Body>, Source> {
        let (mut parts, body) = request.into_parts();
        let base = self.bases.get(&role).ok_or("it has no address here")?;
        let mut uri = base.clone().into_parts();
        let root = PathAndQuery::from_static("/");
        uri.path_and_query = Some(parts.uri.path_and_query().cloned().unwrap_or(root));
        parts.uri = Uri::from_parts(uri)?;
        parts.version = http::Version::HTTP_11;
        parts.headers.remove(http::header::HOST);
        let token: HeaderValue = self.tokens.token(role)?;
        parts.headers.insert(ROLE_TOKEN, token);
        let meanwhile = parts.extensions.remove::<Meanwhile>();
        let mut request = http::Request::from_parts(parts, body);
        if let Some(Meanwhile(told)) = meanwhile {
            hyper::ext::on_informational(&mut request, move |response| {
                // Whoever does not listen fast enough hears less.
                let _ = told.try_send((response.status(), response.headers().clone()));
            });
        }
        Ok(request)
    }
}

#[async_trait]
impl Upstream for HttpRoles {
    async fn send(
        &self,
        role: Role,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, UpstreamError> {
        let request = self.addressed(role, request);
        let request = request.map_err(|source| UpstreamError::Unreachable { role, source })?;
        match self.client.request(request).await {
            Ok(response) => Ok(response.map(|body| body.map_err(Into::into).boxed_unsync())),
            Err(error) if error.is_connect() => Err(UpstreamError::Unreachable {
                role,
                source: error.into(),
            }),
            Err(error) => Err(UpstreamError::Broken {
                role,
                source: error.into(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
