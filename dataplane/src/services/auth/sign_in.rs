//! Challenge and sign-in: the server writes the message, the wallet signs it, once, in the browser
//! that asked.

use std::fmt;

use alloy_primitives::Address;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::Auth;
use super::error::AuthError;
use super::siwe::{Account, Message, Time};
use super::verify::{self, Expected};
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;

/// What a person reads in the wallet.
const STATEMENT: &str = "Sign in to StreamGate. This costs nothing and moves nothing.";

/// A message to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The text, to be signed as it is.
    pub message: String,
    /// Until when.
    pub expires: UnixSeconds,
}

/// A new session.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Its token. Secret.
    pub token: String,
    /// Until when.
    pub expires: UnixSeconds,
    /// Who.
    pub wallet: Wallet,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn")
            .field("wallet", &self.wallet)
            .finish_non_exhaustive()
    }
}

/// Who asks for a challenge: the hash of a secret that only the same browser, or program, has.
/// Source: RFC 7636 (`S256`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browser(String);

impl Browser {
    /// The one with this secret.
    pub fn with(secret: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(secret)))
    }

    /// The one that named the hash of its secret; `None` when that is none.
    pub fn named(hash: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(hash).ok()?;
        (bytes.len() == 32).then(|| Self(hash.to_owned()))
    }
}

/// A number nobody guesses, in 32 hex digits.
pub(super) fn random() -> String {
    format!("{:032x}", rand::random::<u128>())
}

pub(super) fn later(now: UnixSeconds, seconds: u64) -> UnixSeconds {
    now.saturating_add_unsigned(seconds)
}

/// The nonce as it is remembered: it is good for the account, chain, place and browser it was asked
/// for.
fn bound(message: &Message, browser: &Browser) -> String {
    let Message {
        nonce,
        account,
        domain,
        uri,
        ..
    } = message;
    let (address, chain) = (account.address(), account.chain());
    let domain = domain.to_ascii_lowercase();
    let Browser(browser) = browser;
    let text = format!("{nonce}\n{address}\n{chain}\n{domain}\n{uri}\n{browser}");
    hex::encode(Sha256::digest(text))
}

impl Auth {
    /// Writes a message for `wallet` and remembers its nonce.
    pub async fn challenge(
        &self,
        wallet: Wallet,
        chain_id: Option<u64>,
        browser: &Browser,
    ) -> Result<Challenge, AuthError> {
        let account = self.account(wallet, chain_id)?;
        let now = self.clock.now();
        let expires = later(now, self.settings.challenge_seconds);
        let message = self.message(account, now, expires)?;
        self.catalog
            .put_nonce(&bound(&message, browser), now, expires)
            .await?;
        let message = message.to_string();
        Ok(Challenge { message, expires })
    }

    /// The account a message is to name.
    fn account(&self, wallet: Wallet, chain_id: Option<u64>) -> Result<Account, AuthError> {
        let (address, own) = match wallet {
            Wallet::Key(address) => (address, None),
            Wallet::Contract { address, chain_id } => (address, Some(chain_id)),
            Wallet::Solana(key) => {
                let cluster = verify::CLUSTER.to_owned();
                return Ok(Account::Solana { key, cluster });
            }
            Wallet::Person(_) => return Err(AuthError::NoWallet),
        };
        let asked = own.or(chain_id);
        let chain_id = asked.or(self.chain_ids.first().copied()).unwrap_or(1);
        match self.chain_ids.contains(&chain_id) {
            true => Ok(Account::Ethereum {
                address: Address::from(address),
                chain_id,
            }),
            false => Err(AuthError::UnknownChain(chain_id)),
        }
    }

    fn message(
        &self,
        account: Account,
        now: UnixSeconds,
        expires: UnixSeconds,
    ) -> Result<Message, AuthError> {
        Ok(Message {
            scheme: None,
            domain: self.settings.domain.clone(),
            account,
            statement: Some(STATEMENT.to_owned()),
            uri: self.public_url.clone(),
            nonce: random(),
            issued_at: Time::at(now).ok_or(AuthError::Clock)?,
            expiration_time: Some(Time::at(expires).ok_or(AuthError::Clock)?),
            not_before: None,
            request_id: None,
            resources: Vec::new(),
        })
    }

    /// Takes a signed message from the browser that asked for it and begins a session.
    pub async fn sign_in(
        &self,
        text: &str,
        signature: &str,
        browser: Option<&Browser>,
    ) -> Result<SignedIn, AuthError> {
        let outcome = self.try_sign_in(text, signature, browser).await;
        self.metrics.sign_in(&outcome);
        outcome
    }

    async fn try_sign_in(
        &self,
        text: &str,
        signature: &str,
        browser: Option<&Browser>,
    ) -> Result<SignedIn, AuthError> {
        let now = self.clock.now();
        let message: Message = text.parse()?;
        verify::check(&message, &self.expected(), now)?;
        let browser = browser.ok_or(AuthError::Unbound)?;
        let wallet = self.signer(&message, text, signature).await?;
        // Last, so that only the wallet itself can spend its nonce.
        let nonce = bound(&message, browser);
        if !self.catalog.take_nonce(&nonce, now).await? {
            return Err(AuthError::NonceSpent);
        }
        self.begin(wallet, Vec::new())
    }

    /// Seconds a challenge lasts.
    pub fn challenge_seconds(&self) -> u64 {
        self.settings.challenge_seconds
    }

    fn expected(&self) -> Expected<'_> {
        Expected {
            domain: &self.settings.domain,
            uri: &self.public_url,
            chain_ids: &self.chain_ids,
            life_seconds: self.settings.challenge_seconds,
        }
    }
}
