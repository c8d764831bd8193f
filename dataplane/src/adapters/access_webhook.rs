//! Rules that ask a service, by POST over HTTP. Only hosts that the StreamGate lists are called, and
//! only at addresses that are public or of its listed networks: the address that was checked is the
//! one that is dialled. No redirect is followed, no proxy is used, and time and length of an answer
//! are bounded. An answer counts when the rule's key signed its bytes and it repeats our nonce.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ed25519_dalek::{Signature, VerifyingKey};
use ipnet::IpNet;
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::json;
use streamgate_contract::config::Webhooks;
use streamgate_contract::rules::WebhookRule;
use url::Host;

use self::dial::{CheckedNames, Names, SystemNames, refused};
use crate::ports::Source;
use crate::ports::chain::Wallet;
use crate::ports::hooks::{AccessHooks, HookError};

mod address;
mod dial;

/// Longest wait for the whole answer; a viewer waits for it.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Longest answer that is read.
const MAX_BYTES: usize = 16 << 10;
/// Header with the signature of an answer: 128 hex digits.
const SIGNATURE: &str = "streamgate-signature";
/// Stands before the bytes of an answer when they are signed, so that what was signed for something
/// else is none.
const CONTEXT: &[u8] = b"streamgate-webhook:v1\n";

/// Which addresses may be dialled.
#[derive(Clone, Debug)]
pub struct Reach {
    networks: Arc<Vec<IpNet>>,
    /// Public ones too.
    public: bool,
}

impl Reach {
    fn allows(&self, address: IpAddr) -> bool {
        (self.public && address::is_public(address)) || self.lists(address)
    }

    fn lists(&self, address: IpAddr) -> bool {
        let address = address::plain(address);
        !address::is_metadata(address) && self.networks.iter().any(|net| net.contains(&address))
    }
}

/// A way to call services.
struct Caller {
    client: reqwest::Client,
    reach: Reach,
}

impl Caller {
    fn new(names: Arc<dyn Names>, networks: Arc<Vec<IpNet>>, public: bool) -> Result<Self, Source> {
        let reach = Reach { networks, public };
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would dial what we did not check.
            .no_proxy()
            .dns_resolver(Arc::new(CheckedNames::new(names, reach.clone())))
            .build()?;
        Ok(Self { client, reach })
    }
}

/// The client.
pub struct HttpHooks {
    /// Encrypted.
    secure: Caller,
    /// Not encrypted, and only inside.
    plain: Caller,
    hosts: Vec<String>,
    gate: String,
}

#[derive(Deserialize)]
struct Reply {
    nonce: String,
    wallet: String,
    admit: bool,
}

impl HttpHooks {
    /// A client that finds hosts as the system does.
    ///
    /// # Errors
    /// When a listed network is none, or no HTTP client can be made.
    pub fn new(settings: &Webhooks, gate: &str) -> Result<Self, Source> {
        Self::with_names(settings, gate, Arc::new(SystemNames))
    }

    fn with_names(settings: &Webhooks, gate: &str, names: Arc<dyn Names>) -> Result<Self, Source> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let networks: Result<Vec<IpNet>, _> = settings
            .private_networks
            .iter()
            .map(|n| n.parse())
            .collect();
        let networks = Arc::new(networks?);
        Ok(Self {
            secure: Caller::new(names.clone(), networks.clone(), true)?,
            plain: Caller::new(names, networks, false)?,
            hosts: settings.hosts.clone(),
            gate: gate.to_owned(),
        })
    }

    /// The URL, if it may be called, and how.
    fn url(&self, text: &str) -> Result<(Url, &Caller), HookError> {
        let url = Url::parse(text).map_err(|_| HookError::NotAllowed("its URL is none"))?;
        let bare = url.username().is_empty() && url.password().is_none();
        let caller = match url.scheme() {
            "https" if bare => &self.secure,
            "http" if bare && !self.plain.reach.networks.is_empty() => &self.plain,
            _ => return Err(HookError::NotAllowed("its URL must be plain https")),
        };
        // As the URL writes them, so that what is listed is what is called.
        let written = text.split('/').nth(2).unwrap_or_default();
        if !self.hosts.iter().any(|host| host == written) {
            return Err(HookError::NotAllowed("its host is not listed"));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        // An address is not looked up, so nothing else would check it.
        match literal {
            Some(address) if !caller.reach.allows(address) => {
                Err(HookError::NotAllowed("its address is not public"))
            }
            _ => Ok((url, caller)),
        }
    }

    async fn ask(
        &self,
        (url, caller): (Url, &Caller),
        wallet: &str,
        nonce: &str,
    ) -> Result<(String, Vec<u8>), HookError> {
        let question = json!({"nonce": nonce, "gate": self.gate, "wallet": wallet});
        let sent = caller.client.post(url).json(&question).send().await;
        let mut response = sent.map_err(failed)?;
        if response.status() != StatusCode::OK {
            let text = format!("it answered {}", response.status());
            return Err(HookError::Unavailable(text.into()));
        }
        let signature = response.headers().get(SIGNATURE);
        let signature = signature
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let signature = signature.to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if bytes.len() + chunk.len() > MAX_BYTES {
                return Err(HookError::InvalidAnswer("is longer than 16 KiB"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((signature, bytes))
    }
}

fn failed(error: reqwest::Error) -> HookError {
    match refused(&error) {
        true => HookError::NotAllowed("its host has an address that is not public"),
        false => HookError::Unavailable(error.without_url().into()),
    }
}

/// Is this what the rule's key signed? Source: RFC 8032, strictly.
fn is_signed(public_key: &str, signature: &str, bytes: &[u8]) -> bool {
    let (mut key, mut signed) = ([0; 32], [0; 64]);
    let read = hex::decode_to_slice(public_key, &mut key)
        .and_then(|()| hex::decode_to_slice(signature, &mut signed));
    let Ok(key) = VerifyingKey::from_bytes(&key) else {
        return false;
    };
    let text = [CONTEXT, bytes].concat();
    let strict = key.verify_strict(&text, &Signature::from_bytes(&signed));
    read.is_ok() && strict.is_ok()
}

/// What an answer says.
fn read(
    rule: &WebhookRule,
    signature: &str,
    bytes: &[u8],
    wallet: &str,
    nonce: &str,
) -> Result<bool, HookError> {
    if !is_signed(&rule.public_key, signature, bytes) {
        return Err(HookError::InvalidAnswer("is not signed by the rule's key"));
    }
    let reply: Reply = serde_json::from_slice(bytes)
        .map_err(|_| HookError::InvalidAnswer("is no JSON with nonce, wallet and admit"))?;
    match reply.nonce == nonce && reply.wallet == wallet {
        true => Ok(reply.admit),
        false => Err(HookError::InvalidAnswer("answers another question")),
    }
}

#[async_trait]
impl AccessHooks for HttpHooks {
    async fn admits(&self, wallet: Wallet, rule: &WebhookRule) -> Result<bool, HookError> {
        let target = self.url(&rule.url)?;
        let nonce = format!("{:032x}", rand::random::<u128>());
        let wallet = wallet.to_string();
        let (signature, bytes) = self.ask(target, &wallet, &nonce).await?;
        read(rule, &signature, &bytes, &wallet, &nonce)
    }
}

#[cfg(test)]
pub(crate) mod tests;
