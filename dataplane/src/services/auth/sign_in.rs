//! Challenge and sign-in: the server writes the message, the wallet signs it, once, in the browser
//! that asked.

use std::fmt;

use alloy_primitives::Address;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::Auth;
use super::error::AuthError;
use super::siwe::{Account, Form, Message, Signable, Time};
use super::verify::{self, Expected};
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;

/// A message to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The text, to be signed as it is.
    pub message: String,
    /// How it is signed.
    pub form: Form,
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

/// The nonce as it is remembered: it is good for the account, chain, place, browser and form it was
/// asked for.
fn bound(asked: &Signable, browser: &Browser) -> String {
    let Message {
        nonce,
        account,
        domain,
        uri,
        ..
    } = &asked.message;
    let (address, chain) = (account.address(), account.chain());
    let domain = domain.to_ascii_lowercase();
    let Browser(browser) = browser;
    let form = match asked.form {
        // As it was when there were no other forms: versions share their challenges.
        Form::Eip4361 | Form::Solana => "",
        Form::PersonalSign => "\npersonal_sign",
        Form::Eip712 => "\neip712",
    };
    let text = format!("{nonce}\n{address}\n{chain}\n{domain}\n{uri}\n{browser}{form}");
    hex::encode(Sha256::digest(text))
}

impl Auth {
    /// Writes a message for `wallet`, in the form it usually signs, and remembers its nonce.
    pub async fn challenge(
        &self,
        wallet: Wallet,
        chain_id: Option<u64>,
        browser: &Browser,
    ) -> Result<Challenge, AuthError> {
        self.challenge_in(None, wallet, chain_id, browser).await
    }

    /// The same in a form of the wallet's choice.
    pub async fn challenge_in(
        &self,
        form: Option<Form>,
        wallet: Wallet,
        chain_id: Option<u64>,
        browser: &Browser,
    ) -> Result<Challenge, AuthError> {
        let account = self.account(wallet, chain_id)?;
        let form = form.unwrap_or(Form::usual(&account));
        if !form.fits(&account) {
            return Err(AuthError::UnfitForm);
        }
        let now = self.clock.now();
        let expires = later(now, self.settings.challenge_seconds);
        let message = self.message(account, now, expires)?;
        let asked = Signable { form, message };
        let nonce = bound(&asked, browser);
        self.catalog.put_nonce(&nonce, now, expires).await?;
        Ok(Challenge {
            message: asked.to_string(),
            form,
            expires,
        })
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
        let time = |at| Time::at(at).ok_or(AuthError::Clock);
        Ok(Message::ours(
            self.settings.domain.clone(),
            account,
            self.public_url.clone(),
            random(),
            time(now)?,
            time(expires)?,
        ))
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
        let signed: Signable = text.parse()?;
        verify::check(&signed.message, &self.expected(), now)?;
        let browser = browser.ok_or(AuthError::Unbound)?;
        let wallet = self.signer(&signed, text, signature).await?;
        // Last, so that only the wallet itself can spend its nonce.
        let nonce = bound(&signed, browser);
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
