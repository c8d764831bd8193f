//! The grammar of EIP-4361, and of Sign In With Solana as far as it is the same, read line by line.

use std::iter::Peekable;
use std::str::{FromStr, Split};

use alloy_primitives::Address;

use super::{Account, ETHEREUM, Message, SOLANA, Time, VERSION};
use crate::validation::SolanaAddress;

/// Longest message that is looked at.
pub(super) const MAX_BYTES: usize = 4_096;
/// Most resources of a message.
const MAX_RESOURCES: usize = 16;

/// A text that is no sign-in message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sign-in message has no valid {0}; sign the text of the challenge as it is")]
pub struct Malformed(pub &'static str);

pub(super) type Lines<'a> = Peekable<Split<'a, char>>;

impl FromStr for Message {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX_BYTES {
            return Err(Malformed("length"));
        }
        let mut lines = text.split('\n').peekable();
        let first = next(&mut lines, "first line")?;
        let (origin_text, solana) = kind(first)?;
        let (scheme, domain) = origin(origin_text)?;
        let address = next(&mut lines, "address")?;
        empty(&mut lines)?;
        let message = Self {
            scheme,
            domain,
            statement: statement(&mut lines)?,
            uri: uri(field(&mut lines, "URI: ", "URI")?, "URI")?,
            account: {
                version(&mut lines)?;
                let chain = field(&mut lines, "Chain ID: ", "chain id")?;
                account(solana, address, chain)?
            },
            nonce: nonce(field(&mut lines, "Nonce: ", "nonce")?)?,
            issued_at: time(
                field(&mut lines, "Issued At: ", "issued-at time")?,
                "issued-at time",
            )?,
            expiration_time: optional_time(&mut lines, "Expiration Time: ", "expiration time")?,
            not_before: optional_time(&mut lines, "Not Before: ", "not-before time")?,
            request_id: request_id(&mut lines)?,
            resources: resources(&mut lines)?,
        };
        match lines.next() {
            None => Ok(message),
            Some(_) => Err(Malformed("end")),
        }
    }
}

pub(super) fn next<'a>(lines: &mut Lines<'a>, what: &'static str) -> Result<&'a str, Malformed> {
    lines.next().ok_or(Malformed(what))
}

pub(super) fn empty(lines: &mut Lines<'_>) -> Result<(), Malformed> {
    const WHAT: &str = "empty line around the statement";
    match next(lines, WHAT)? {
        "" => Ok(()),
        _ => Err(Malformed(WHAT)),
    }
}

pub(super) fn field<'a>(
    lines: &mut Lines<'a>,
    tag: &str,
    what: &'static str,
) -> Result<&'a str, Malformed> {
    next(lines, what)?.strip_prefix(tag).ok_or(Malformed(what))
}

fn optional<'a>(lines: &mut Lines<'a>, tag: &str) -> Option<&'a str> {
    let value = lines.peek()?.strip_prefix(tag)?;
    lines.next();
    Some(value)
}

/// What stands before the words of the first line, and whether they are of Solana.
fn kind(line: &str) -> Result<(&str, bool), Malformed> {
    let ethereum = line.strip_suffix(ETHEREUM).map(|origin| (origin, false));
    let solana = || line.strip_suffix(SOLANA).map(|origin| (origin, true));
    ethereum.or_else(solana).ok_or(Malformed("first line"))
}

pub(super) fn origin(origin: &str) -> Result<(Option<String>, String), Malformed> {
    let (scheme, domain) = match origin.split_once("://") {
        Some((scheme, domain)) => (Some(valid_scheme(scheme)?), domain),
        None => (None, origin),
    };
    let plain = |b: u8| is_uri_byte(b) && !b"/?#@".contains(&b);
    if domain.is_empty() || !domain.bytes().all(plain) {
        return Err(Malformed("domain"));
    }
    Ok((scheme, domain.to_owned()))
}

fn valid_scheme(scheme: &str) -> Result<String, Malformed> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
    let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(inner);
    valid.then(|| scheme.to_owned()).ok_or(Malformed("scheme"))
}

pub(super) fn account(solana: bool, address: &str, chain: &str) -> Result<Account, Malformed> {
    if !solana {
        let address = Address::parse_checksummed(address, None);
        return Ok(Account::Ethereum {
            address: address.map_err(|_| Malformed("address with EIP-55 checksum"))?,
            chain_id: number(chain)?,
        });
    }
    let key: SolanaAddress = address
        .parse()
        .map_err(|_| Malformed("address of 32 bytes in base58"))?;
    let key = *key.bytes();
    let named = |b: u8| b.is_ascii_alphanumeric() || b"-:".contains(&b);
    if !(1..=64).contains(&chain.len()) || !chain.bytes().all(named) {
        return Err(Malformed("chain id"));
    }
    let cluster = chain.to_owned();
    Ok(Account::Solana { key, cluster })
}

/// The statement with the line end after it; without one that line end stands alone.
fn statement(lines: &mut Lines<'_>) -> Result<Option<String>, Malformed> {
    let line = next(lines, "statement")?;
    if line.is_empty() {
        return Ok(None);
    }
    // Grammar: reserved, unreserved or space; no percent sign.
    let allowed = |b: u8| b == b' ' || (is_uri_byte(b) && b != b'%');
    if !line.bytes().all(allowed) {
        return Err(Malformed("statement"));
    }
    empty(lines)?;
    Ok(Some(line.to_owned()))
}

fn version(lines: &mut Lines<'_>) -> Result<(), Malformed> {
    match field(lines, "Version: ", "version")? {
        VERSION => Ok(()),
        _ => Err(Malformed("version")),
    }
}

fn number(text: &str) -> Result<u64, Malformed> {
    let value: Option<u64> = text.parse().ok();
    // Signs and leading zeros would be another text for the same number.
    let canonical = value.filter(|value| value.to_string() == text);
    canonical.ok_or(Malformed("chain id"))
}

pub(super) fn nonce(text: &str) -> Result<String, Malformed> {
    let valid = (8..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    valid.then(|| text.to_owned()).ok_or(Malformed("nonce"))
}

pub(super) fn time(text: &str, what: &'static str) -> Result<Time, Malformed> {
    Time::parse(text).ok_or(Malformed(what))
}

fn optional_time(
    lines: &mut Lines<'_>,
    tag: &str,
    what: &'static str,
) -> Result<Option<Time>, Malformed> {
    optional(lines, tag)
        .map(|text| time(text, what))
        .transpose()
}

fn request_id(lines: &mut Lines<'_>) -> Result<Option<String>, Malformed> {
    let Some(text) = optional(lines, "Request ID: ") else {
        return Ok(None);
    };
    // Grammar: *pchar.
    let pchar = |b: u8| is_uri_byte(b) && !b"/?#[]".contains(&b);
    let valid = text.bytes().all(pchar);
    let id = valid.then(|| Some(text.to_owned()));
    id.ok_or(Malformed("request id"))
}

fn resources(lines: &mut Lines<'_>) -> Result<Vec<String>, Malformed> {
    if lines.next_if_eq(&"Resources:").is_none() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    while let Some(text) = optional(lines, "- ") {
        if found.len() == MAX_RESOURCES {
            return Err(Malformed("number of resources"));
        }
        found.push(uri(text, "resource")?);
    }
    if found.is_empty() {
        return Err(Malformed("resource"));
    }
    Ok(found)
}

pub(super) fn uri(text: &str, what: &'static str) -> Result<String, Malformed> {
    let (scheme, rest) = text.split_once(':').ok_or(Malformed(what))?;
    valid_scheme(scheme).map_err(|_| Malformed(what))?;
    let valid = rest.bytes().all(is_uri_byte);
    valid.then(|| text.to_owned()).ok_or(Malformed(what))
}

/// RFC 3986: unreserved, reserved, or the sign of a percent-encoded byte.
fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}
