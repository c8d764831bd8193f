//! Is a signed message a sign-in here and now? Pure: the nonce alone is taken elsewhere.
//! Source: EIP-4361 (checks), EIP-191 (what is signed), EIP-2 (no second form of a
//! signature), EIP-6492 (signatures of wallets that are not deployed yet), RFC 8032 (Ed25519).

use alloy_primitives::{Address, B256, Bytes, Signature, fixed_bytes};
use alloy_sol_types::SolValue;
use ed25519_dalek::VerifyingKey;

use super::error::AuthError;
use super::siwe::{Account, Message};
use crate::ports::clock::UnixSeconds;

/// How far a wallet's clock may be ahead of ours.
const SKEW_SECONDS: i64 = 60;

/// The cluster that messages of Solana accounts name: a key is the same on all of them.
pub const CLUSTER: &str = "mainnet";

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
        ("chain id", !on(&message.account, expected.chain_ids)),
    ];
    if let Some((what, _)) = foreign.into_iter().find(|(_, wrong)| *wrong) {
        return Err(AuthError::Foreign(what));
    }
    check_times(message, expected.life_seconds, now)
}

/// Does the account sign in for one of the gate's chains?
fn on(account: &Account, chain_ids: &[u64]) -> bool {
    match account {
        Account::Ethereum { chain_id, .. } => chain_ids.contains(chain_id),
        Account::Solana { cluster, .. } => cluster == CLUSTER,
    }
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

/// Longest signature that is looked at: a wallet's own, with the call that deploys the wallet.
const MAX_SIGNATURE_BYTES: usize = 6 << 10;
/// Longest base58 text of 64 bytes.
const MAX_BASE58_SIGNATURE: usize = 88;
/// Ends a signature that says how its wallet is deployed (EIP-6492).
const WRAPPED: [u8; 32] =
    fixed_bytes!("6492649264926492649264926492649264926492649264926492649264926492").0;

/// The bytes of a signature.
pub fn signature(text: &str) -> Result<Vec<u8>, AuthError> {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    if digits.is_empty() || digits.len() > 2 * MAX_SIGNATURE_BYTES {
        let what = "must be 0x and 2 to 12288 hex digits";
        return Err(AuthError::InvalidSignature(what));
    }
    let what = AuthError::InvalidSignature("must be 0x and an even number of hex digits");
    hex::decode(digits).map_err(|_| what)
}

/// Did the key of `account` sign? Source: EIP-191, EIP-2.
pub fn by_key(account: Address, hash: B256, signature: &[u8]) -> Result<(), AuthError> {
    let bytes: &[u8; 65] = signature
        .try_into()
        .map_err(|_| AuthError::InvalidSignature("must be 0x and 130 hex digits"))?;
    let signature = Signature::from_raw_array(bytes)
        .map_err(|_| AuthError::InvalidSignature("must end with its parity (27 or 28)"))?;
    if signature.normalize_s().is_some() {
        return Err(AuthError::InvalidSignature(
            "must have a low s value (EIP-2)",
        ));
    }
    match signature.recover_address_from_prehash(&hash) {
        Ok(address) if address == account => Ok(()),
        _ => Err(AuthError::WrongSigner),
    }
}

/// Did this key sign? Strictly: neither weak keys nor a second form of a signature are taken.
/// Source: RFC 8032, and "Taming the many EdDSAs" for what strict means.
pub fn by_solana_key(key: &[u8; 32], text: &str, signature: &str) -> Result<(), AuthError> {
    let mut bytes = [0; 64];
    let short = signature.len() <= MAX_BASE58_SIGNATURE;
    let read = short.then(|| bs58::decode(signature).onto(&mut bytes).ok());
    if read.flatten() != Some(bytes.len()) {
        let what = "must be 64 bytes in base58";
        return Err(AuthError::InvalidSignature(what));
    }
    let key = VerifyingKey::from_bytes(key).map_err(|_| AuthError::WrongSigner)?;
    let signature = ed25519_dalek::Signature::from_bytes(&bytes);
    let strict = key.verify_strict(text.as_bytes(), &signature);
    strict.map_err(|_| AuthError::WrongSigner)
}

/// A signature with the factory that deploys its wallet and the call that does it.
pub type Wrapped = (Address, Bytes, Bytes);

/// What a wrapped signature holds; `None` when it is not wrapped.
pub fn unwrap(signature: &[u8]) -> Option<Result<Wrapped, AuthError>> {
    let (content, end) = signature.split_last_chunk::<32>()?;
    let what = "ends like one of EIP-6492 and holds something else";
    (*end == WRAPPED).then(|| {
        let content = Wrapped::abi_decode_params_validate(content);
        content.map_err(|_| AuthError::InvalidSignature(what))
    })
}
