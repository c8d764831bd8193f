//! OpenID providers over HTTP: discovery, the authorization code flow with PKCE, and ID tokens
//! verified by the keys the provider publishes. Our own on the one HTTP client and JWT crate that
//! are there already: the flow is three requests. Redirects are not followed: codes and secrets go
//! to the endpoints that were discovered and nowhere else.
//! Source: OpenID Connect Core 1.0 and Discovery 1.0, RFC 6749, RFC 7636, RFC 9700.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use streamgate_contract::config;
use tokio::sync::Mutex;

use self::keys::Keys;
use self::token::{Expected, Failure};
use crate::ports::Source;
use crate::ports::clock::UnixSeconds;
use crate::ports::openid::{Answer, OpenIdError, OpenIdProviders, Request, Vouched};

#[cfg(test)]
pub mod browser;
mod keys;
mod token;

/// Longest wait for one answer; somebody who signs in waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is read.
const MAX_BYTES: usize = 256 << 10;
/// Seconds for which what was discovered is good.
const DISCOVERY_SECONDS: i64 = 3_600;

/// What a provider says of itself.
#[derive(Clone, Debug, Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// One provider.
struct Provider {
    settings: config::OpenIdProvider,
    discovered: Mutex<Option<(Discovered, UnixSeconds)>>,
    keys: Keys,
}

/// Every configured provider.
pub struct OpenId {
    client: reqwest::Client,
    providers: HashMap<String, Provider>,
    secrets: PathBuf,
}

impl OpenId {
    /// Makes the client; asks nothing yet. `secrets` holds a folder for each provider that has a
    /// client secret.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(providers: &[config::OpenIdProvider], secrets: &Path) -> Result<Self, Source> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let provider = |settings: &config::OpenIdProvider| {
            let provider = Provider {
                settings: settings.clone(),
                discovered: Mutex::default(),
                keys: Keys::default(),
            };
            (settings.name.clone(), provider)
        };
        Ok(Self {
            client,
            providers: providers.iter().map(provider).collect(),
            secrets: secrets.to_owned(),
        })
    }

    fn provider(&self, name: &str) -> Result<&Provider, OpenIdError> {
        let unknown = || OpenIdError::UnknownProvider(name.chars().take(63).collect());
        self.providers.get(name).ok_or_else(unknown)
    }

    /// What the provider says of itself: asked anew once an hour, else as it was last known.
    async fn discovered(
        &self,
        provider: &Provider,
        now: UnixSeconds,
    ) -> Result<Discovered, OpenIdError> {
        let mut known = provider.discovered.lock().await;
        if let Some((found, at)) = &*known
            && now.saturating_sub(*at) < DISCOVERY_SECONDS
        {
            return Ok(found.clone());
        }
        let issuer = &provider.settings.issuer;
        let url = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let asked = async {
            let found: Discovered = self.get(&url).await?;
            match &found.issuer == issuer {
                true => Ok(found),
                false => Err("it says that it is another issuer".into()),
            }
        };
        match asked.await {
            Ok(found) => {
                *known = Some((found.clone(), now));
                Ok(found)
            }
            Err(error) => match &*known {
                Some((found, _)) => {
                    let name = &provider.settings.name;
                    tracing::warn!(provider = name, %error, "discovery failed");
                    Ok(found.clone())
                }
                None => Err(provider.unavailable("cannot be discovered", error)),
            },
        }
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, Source> {
        let response = self.client.get(url).send().await;
        let response = response.map_err(reqwest::Error::without_url)?;
        match response.status() {
            StatusCode::OK => Ok(serde_json::from_slice(&body(response).await?)?),
            status => Err(format!("it answered {status}").into()),
        }
    }

    /// The ID token for a code.
    async fn exchange(
        &self,
        provider: &Provider,
        found: &Discovered,
        request: &Request,
        code: &str,
    ) -> Result<String, OpenIdError> {
        let client_id = &provider.settings.client_id;
        let mut form: Vec<(&str, &str)> = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", request.redirect_uri.as_str()),
            ("code_verifier", request.verifier.as_str()),
        ];
        let secret = self.secret(provider)?;
        let methods = &found.token_endpoint_auth_methods_supported;
        let posts = |method: &String| method == "client_secret_post";
        // Basic is the default where a provider does not say.
        let basic = methods.is_empty() || methods.iter().any(|m| m == "client_secret_basic");
        let mut post = self.client.post(&found.token_endpoint);
        match &secret {
            Some(secret) if basic || !methods.iter().any(posts) => {
                post = post.basic_auth(encoded(client_id), Some(encoded(secret)));
            }
            Some(secret) => form.extend([
                ("client_id", client_id.as_str()),
                ("client_secret", secret.as_str()),
            ]),
            None => form.push(("client_id", client_id.as_str())),
        }
        let body_text = form
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect::<Vec<_>>()
            .join("&");
        let post = post.header("content-type", "application/x-www-form-urlencoded");
        let failed = |source: Source| provider.unavailable("does not exchange codes", source);
        let response = post.body(body_text).send().await;
        let response = response.map_err(|e| failed(e.without_url().into()))?;
        let status = response.status();
        let text = body(response).await.map_err(failed)?;
        if status.is_client_error() {
            return Err(OpenIdError::CodeRefused(provider.settings.name.clone()));
        }
        let answer: Value = serde_json::from_slice(&text).unwrap_or_default();
        match (status, answer["id_token"].as_str()) {
            (StatusCode::OK, Some(token)) => Ok(token.to_owned()),
            _ => Err(failed(
                format!("it answered {status} and no ID token").into(),
            )),
        }
    }

    /// The client's secret; `None` for a client that has none. Read each time, so that a new one
    /// counts at once.
    fn secret(&self, provider: &Provider) -> Result<Option<String>, OpenIdError> {
        if !provider.settings.has_secret {
            return Ok(None);
        }
        let path = self
            .secrets
            .join(&provider.settings.name)
            .join(config::OIDC_SECRET);
        let read = std::fs::read_to_string(path);
        let secret = read.map_err(|e| provider.unavailable("has no mounted secret", e.into()))?;
        Ok(Some(secret.trim().to_owned()))
    }

    /// What an ID token says, by the keys the provider publishes now.
    async fn read(
        &self,
        provider: &Provider,
        found: &Discovered,
        expected: &Expected<'_>,
        text: &str,
    ) -> Result<Vouched, OpenIdError> {
        let invalid = |what| OpenIdError::InvalidIdToken {
            provider: provider.settings.name.clone(),
            what,
        };
        let fetch = || async { self.get(&found.jwks_uri).await };
        let keys = provider.keys.fresh(expected.now, fetch).await;
        let keys = keys.map_err(|e| provider.unavailable("shows no keys", e))?;
        let first = token::read(text, &keys, expected);
        let read = match first {
            // Signed with a key we have not seen, or with a new one under an old name.
            Err(Failure::UnknownKey | Failure::Forged) => {
                let newer = provider.keys.newer(expected.now, &keys, fetch).await;
                newer.map_or(first, |keys| token::read(text, &keys, expected))
            }
            read => read,
        };
        let claims = read.map_err(|failure| invalid(failure.what()))?;
        let subject = claims
            .get("sub")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Ok(Vouched {
            issuer: found.issuer.clone(),
            subject: subject.to_owned(),
            claims,
        })
    }
}

impl Provider {
    fn unavailable(&self, action: &'static str, source: Source) -> OpenIdError {
        OpenIdError::Unavailable {
            provider: self.settings.name.clone(),
            action,
            source,
        }
    }
}

/// A value in a form or a query, and in basic authentication of clients (RFC 6749, appendix B).
fn encoded(text: &str) -> String {
    let byte = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(b).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, Source> {
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| e.without_url())? {
        if text.len() + chunk.len() > MAX_BYTES {
            return Err("its answer is too long".into());
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

#[async_trait]
impl OpenIdProviders for OpenId {
    async fn authorization(
        &self,
        provider: &str,
        request: &Request,
        now: UnixSeconds,
    ) -> Result<String, OpenIdError> {
        let provider = self.provider(provider)?;
        let found = self.discovered(provider, now).await?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&request.verifier));
        let url = Url::parse(&found.authorization_endpoint);
        let mut url = url.map_err(|e| provider.unavailable("names no endpoint", e.into()))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.settings.client_id)
            .append_pair("redirect_uri", &request.redirect_uri)
            .append_pair("scope", &provider.settings.scopes.join(" "))
            .append_pair("state", &request.state)
            .append_pair("nonce", &request.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(url.into())
    }

    async fn vouched(
        &self,
        provider: &str,
        request: &Request,
        answer: &Answer<'_>,
        now: UnixSeconds,
    ) -> Result<Vouched, OpenIdError> {
        let provider = self.provider(provider)?;
        let found = self.discovered(provider, now).await?;
        // A code of another provider must not be shown to this one (RFC 9207).
        let named = answer.issuer.is_some_and(|issuer| issuer != found.issuer);
        let unnamed =
            answer.issuer.is_none() && found.authorization_response_iss_parameter_supported;
        if named || unnamed {
            return Err(OpenIdError::CodeRefused(provider.settings.name.clone()));
        }
        let text = self
            .exchange(provider, &found, request, answer.code)
            .await?;
        let expected = Expected {
            issuer: &found.issuer,
            client_id: &provider.settings.client_id,
            nonce: &request.nonce,
            now,
        };
        self.read(provider, &found, &expected, &text).await
    }
}

#[cfg(test)]
pub(crate) mod server;
