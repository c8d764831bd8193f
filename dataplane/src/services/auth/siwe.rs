//! Sign-in messages: built and parsed byte by byte, nothing lenient, since what is parsed here is
//! what a wallet signed. The facts are the same in every form; the texts are not. Source: EIP-4361
//! (grammar), EIP-55 (address), RFC 3339 (times), Sign In With Solana (the same fields for a Solana
//! account).

use std::fmt;

use alloy_primitives::Address;

use crate::ports::clock::UnixSeconds;

mod form;
mod parse;
mod plain;
mod typed;

pub use form::{Form, Signable};
pub use parse::Malformed;

/// What a person reads in the wallet, in every form.
pub const STATEMENT: &str = "Sign in to StreamGate. This costs nothing and moves nothing.";

/// End of the first line, by kind of account.
const ETHEREUM: &str = " wants you to sign in with your Ethereum account:";
const SOLANA: &str = " wants you to sign in with your Solana account:";
/// The one version there is.
const VERSION: &str = "1";

/// A time with the text it is written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    /// As it is written.
    text: String,
    /// The moment, whole seconds.
    pub seconds: UnixSeconds,
}

/// Who signs in, and the chain the message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// An account of EVM chains.
    Ethereum {
        /// Its address.
        address: Address,
        /// EIP-155 chain id.
        chain_id: u64,
    },
    /// An account of Solana.
    Solana {
        /// Its Ed25519 key.
        key: [u8; 32],
        /// The cluster, such as `mainnet`.
        cluster: String,
    },
}

impl Account {
    const fn wants(&self) -> &'static str {
        match self {
            Self::Ethereum { .. } => ETHEREUM,
            Self::Solana { .. } => SOLANA,
        }
    }

    /// The account as the message writes it.
    pub fn address(&self) -> String {
        match self {
            Self::Ethereum { address, .. } => address.to_string(),
            Self::Solana { key, .. } => bs58::encode(key).into_string(),
        }
    }

    /// The chain as the message writes it.
    pub fn chain(&self) -> String {
        match self {
            Self::Ethereum { chain_id, .. } => chain_id.to_string(),
            Self::Solana { cluster, .. } => cluster.clone(),
        }
    }
}

/// A sign-in message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Scheme of the origin that asks, if it is named.
    pub scheme: Option<String>,
    /// Authority of the origin that asks.
    pub domain: String,
    /// Who signs in, on which chain.
    pub account: Account,
    /// What the person reads.
    pub statement: Option<String>,
    /// What the sign-in is for.
    pub uri: String,
    /// Makes the message good for one sign-in.
    pub nonce: String,
    /// When it was made.
    pub issued_at: Time,
    /// When it ends.
    pub expiration_time: Option<Time>,
    /// When it begins.
    pub not_before: Option<Time>,
    /// Somebody's own number for it.
    pub request_id: Option<String>,
    /// What else the person consents to.
    pub resources: Vec<String>,
}

impl Message {
    /// A message as we write it: whoever signs reads [`STATEMENT`], and it says nothing else.
    pub fn ours(
        domain: String,
        account: Account,
        uri: String,
        nonce: String,
        issued_at: Time,
        expiration_time: Time,
    ) -> Self {
        Self {
            scheme: None,
            domain,
            account,
            statement: Some(STATEMENT.to_owned()),
            uri,
            nonce,
            issued_at,
            expiration_time: Some(expiration_time),
            not_before: None,
            request_id: None,
            resources: Vec::new(),
        }
    }
}

impl Time {
    /// The moment in UTC; `None` outside the years 0 to 9999.
    pub fn at(seconds: UnixSeconds) -> Option<Self> {
        let time = jiff::Timestamp::from_second(seconds).ok()?;
        Self::parse(&time.to_string())
    }

    /// RFC 3339 `date-time`, as strict as its grammar.
    fn parse(text: &str) -> Option<Self> {
        let shape = "0000-00-00T00:00:00".bytes();
        let (stem, rest) = text.split_at_checked(shape.len())?;
        let fits = |(byte, shape): (u8, u8)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == shape,
        };
        if !stem.bytes().zip(shape).all(fits) || !valid_rest(rest) {
            return None;
        }
        let seconds = text.parse::<jiff::Timestamp>().ok()?.as_second();
        let text = text.to_owned();
        Some(Self { text, seconds })
    }
}

/// Fraction and offset of a time.
fn valid_rest(rest: &str) -> bool {
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let fraction = &rest[..rest.len() - offset.len()];
    let numeric = |o: &str| match o.as_bytes() {
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|d| d.is_ascii_digit()),
        _ => false,
    };
    fraction != "." && fraction.len() <= 10 && (offset == "Z" || numeric(offset))
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(f, "{scheme}://")?;
        }
        let (wants, address) = (self.account.wants(), self.account.address());
        write!(f, "{}{wants}\n{address}\n\n", self.domain)?;
        if let Some(statement) = &self.statement {
            writeln!(f, "{statement}")?;
        }
        write!(f, "\nURI: {}\nVersion: {VERSION}", self.uri)?;
        write!(f, "\nChain ID: {}", self.account.chain())?;
        write!(f, "\nNonce: {}", self.nonce)?;
        write!(f, "\nIssued At: {}", self.issued_at.text)?;
        if let Some(time) = &self.expiration_time {
            write!(f, "\nExpiration Time: {}", time.text)?;
        }
        if let Some(time) = &self.not_before {
            write!(f, "\nNot Before: {}", time.text)?;
        }
        if let Some(id) = &self.request_id {
            write!(f, "\nRequest ID: {id}")?;
        }
        if !self.resources.is_empty() {
            write!(f, "\nResources:")?;
        }
        self.resources.iter().try_for_each(|r| write!(f, "\n- {r}"))
    }
}

#[cfg(test)]
mod tests;
