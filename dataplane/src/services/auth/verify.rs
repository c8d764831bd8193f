//! Is a signed message a sign-in here and now? Pure: the nonce alone is taken elsewhere.
//! Source: EIP-4361 (checks), EIP-191 (what is signed), EIP-2 (no second form of a signature).

use alloy_primitives::Signature;

use super::error::AuthError;
use super::siwe::Message;
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;

/// How far a wallet's clock may be ahead of ours.
const SKEW_SECONDS: i64 = 60;

/// What a message must say.
pub struct Expected<'a> {
    /// The gate's domain.
    pub domain: &'a str,
    /// The gate's public URL.
    pub uri: &'a str,
    /// Its chains.
    pub chain_ids: &'a [u64],
    /// Life of a challenge.
    pub life_seconds: u64,
}

/// Checks what the message says.
pub fn check(message: &Message, expected: &Expected, now: UnixSeconds) -> Result<(), AuthError> {
    let scheme = expected.uri.split_once("://").map(|(scheme, _)| scheme);
    let foreign = [
        (
            "domain",
            !message.domain.eq_ignore_ascii_case(expected.domain),
        ),
        ("URI", message.uri != expected.uri),
        (
            "scheme",
            message.scheme.is_some() && message.scheme.as_deref() != scheme,
        ),
        ("chain id", !expected.chain_ids.contains(&message.chain_id)),
    ];
    if let Some((what, _)) = foreign.into_iter().find(|(_, wrong)| *wrong) {
        return Err(AuthError::Foreign(what));
    }
    check_times(message, expected.life_seconds, now)
}

fn check_times(message: &Message, life: u64, now: UnixSeconds) -> Result<(), AuthError> {
    let issued = message.issued_at.seconds;
    let life = i64::try_from(life).unwrap_or(i64::MAX);
    let ends = message.expiration_time.as_ref().map(|t| t.seconds);
    let begins = message.not_before.as_ref().map(|t| t.seconds);
    let wrong = [
        (
            "is from the future",
            issued > now.saturating_add(SKEW_SECONDS),
        ),
        ("is too old", issued.saturating_add(life) <= now),
        ("has expired", ends.is_some_and(|end| end <= now)),
        ("is not valid yet", begins.is_some_and(|begin| begin > now)),
    ];
    match wrong.into_iter().find(|(_, wrong)| *wrong) {
        Some((how, _)) => Err(AuthError::OutOfTime(how)),
        None => Ok(()),
    }
}

/// The wallet that signed `text`, when it is the one `message` names.
pub fn signer(message: &Message, text: &str, signature: &str) -> Result<Wallet, AuthError> {
    let digits = signature.strip_prefix("0x").unwrap_or_default();
    let mut bytes = [0; 65];
    hex::decode_to_slice(digits, &mut bytes)
        .map_err(|_| AuthError::InvalidSignature("must be 0x and 130 hex digits"))?;
    let signature = Signature::from_raw_array(&bytes)
        .map_err(|_| AuthError::InvalidSignature("must end with its parity (27 or 28)"))?;
    if signature.normalize_s().is_some() {
        return Err(AuthError::InvalidSignature(
            "must have a low s value (EIP-2)",
        ));
    }
    match signature.recover_address_from_msg(text) {
        Ok(address) if address == message.address => Ok(Wallet(address.into_array())),
        _ => Err(AuthError::WrongSigner),
    }
}
