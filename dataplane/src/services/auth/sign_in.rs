//! Challenge and sign-in: the server writes the message, the wallet signs it, once.

use std::fmt;

use alloy_primitives::Address;
use sha2::{Digest, Sha256};

use super::Auth;
use super::error::AuthError;
use super::siwe::{Message, Time};
use super::verify::{self, Expected};
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;
use crate::tokens::{Session, Token};

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

fn random() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn later(now: UnixSeconds, seconds: u64) -> UnixSeconds {
    now.saturating_add_unsigned(seconds)
}

/// The nonce as it is remembered: it is good for the account, chain and place it was asked for.
fn bound(message: &Message) -> String {
    let Message {
        nonce,
        address,
        chain_id,
        domain,
        uri,
        ..
    } = message;
    let domain = domain.to_ascii_lowercase();
    let text = format!("{nonce}\n{address}\n{chain_id}\n{domain}\n{uri}");
    hex::encode(Sha256::digest(text))
}

impl Auth {
    /// Writes a message for `wallet` and remembers its nonce.
    pub async fn challenge(
        &self,
        wallet: Wallet,
        chain_id: Option<u64>,
    ) -> Result<Challenge, AuthError> {
        let asked = wallet.chain.or(chain_id);
        let chain_id = asked.or(self.chain_ids.first().copied()).unwrap_or(1);
        if !self.chain_ids.contains(&chain_id) {
            return Err(AuthError::UnknownChain(chain_id));
        }
        let now = self.clock.now();
        let expires = later(now, self.settings.challenge_seconds);
        let message = self.message(wallet, chain_id, now, expires)?;
        self.catalog
            .put_nonce(&bound(&message), now, expires)
            .await?;
        let message = message.to_string();
        Ok(Challenge { message, expires })
    }

    fn message(
        &self,
        wallet: Wallet,
        chain_id: u64,
        now: UnixSeconds,
        expires: UnixSeconds,
    ) -> Result<Message, AuthError> {
        Ok(Message {
            scheme: None,
            domain: self.settings.domain.clone(),
            address: Address::from(wallet.address),
            statement: Some(STATEMENT.to_owned()),
            uri: self.public_url.clone(),
            chain_id,
            nonce: random(),
            issued_at: Time::at(now).ok_or(AuthError::Clock)?,
            expiration_time: Some(Time::at(expires).ok_or(AuthError::Clock)?),
            not_before: None,
            request_id: None,
            resources: Vec::new(),
        })
    }

    /// Takes a signed message and begins a session.
    pub async fn sign_in(&self, text: &str, signature: &str) -> Result<SignedIn, AuthError> {
        let outcome = self.try_sign_in(text, signature).await;
        self.metrics.sign_in(&outcome);
        outcome
    }

    async fn try_sign_in(&self, text: &str, signature: &str) -> Result<SignedIn, AuthError> {
        let now = self.clock.now();
        let message: Message = text.parse()?;
        verify::check(&message, &self.expected(), now)?;
        let signature = verify::signature(signature)?;
        let wallet = self.signer(&message, text, &signature).await?;
        // Last, so that only the wallet itself can spend its nonce.
        if !self.catalog.take_nonce(&bound(&message), now).await? {
            return Err(AuthError::NonceSpent);
        }
        let expires = later(now, self.settings.session_seconds);
        let (sub, jti) = (wallet, random());
        let token = Token::new(&self.public_url, now, expires, Session { sub, jti });
        let token = self.session_key.sign(&token)?;
        Ok(SignedIn {
            token,
            expires,
            wallet,
        })
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
