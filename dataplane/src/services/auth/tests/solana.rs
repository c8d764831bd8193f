//! Sign-in by accounts of Solana.

use ed25519_dalek::{Signer as _, SigningKey};

use crate::ports::chain::Wallet;
use crate::services::auth::AuthError;
use crate::services::auth::fixture::{GATE, World, browser};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn wallet(key: &SigningKey) -> Wallet {
    Wallet::Solana(key.verifying_key().to_bytes())
}

fn sign(key: &SigningKey, text: &str) -> String {
    bs58::encode(key.sign(text.as_bytes()).to_bytes()).into_string()
}

async fn challenge(world: &World, key: &SigningKey) -> String {
    let challenge = world.auth.challenge(wallet(key), None, browser());
    challenge.await.unwrap().message
}

async fn sign_in(world: &World, message: &str, signature: &str) -> Result<Wallet, AuthError> {
    let signed_in = world.auth.sign_in(message, signature, Some(browser()));
    Ok(signed_in.await?.wallet)
}

#[tokio::test]
async fn an_account_of_solana_signs_in_once_with_its_key() {
    let world = World::generous().await;
    let key = key(7);
    let message = challenge(&world, &key).await;
    let address = bs58::encode(key.verifying_key().to_bytes()).into_string();
    let head = format!(
        "gate.example wants you to sign in with your Solana account:\n{address}\n\nSign in to \
         StreamGate. This costs nothing and moves nothing.\n\nURI: {GATE}\nVersion: 1\nChain ID: mainnet\nNonce: "
    );
    assert!(message.starts_with(&head), "{message}");
    let signature = sign(&key, &message);
    let who = sign_in(&world, &message, &signature).await.unwrap();
    assert_eq!(who, wallet(&key));
    assert_eq!(who.to_string(), format!("solana:{address}"));
    let again = sign_in(&world, &message, &signature).await;
    assert!(matches!(again, Err(AuthError::NonceSpent)), "{again:?}");
}

/// Sign-ins that must fail, each with what it is made of.
#[tokio::test]
async fn whoever_did_not_sign_is_refused() {
    let world = World::generous().await;
    let (mine, other) = (key(7), key(8));
    let message = challenge(&world, &mine).await;
    let good = sign(&mine, &message);
    let mut bytes = bs58::decode(&good).into_vec().unwrap();
    bytes[40] ^= 1;
    let flipped = bs58::encode(&bytes).into_string();
    for signature in [sign(&other, &message), sign(&mine, "else"), flipped] {
        let outcome = sign_in(&world, &message, &signature).await;
        assert!(
            matches!(outcome, Err(AuthError::WrongSigner)),
            "{outcome:?}"
        );
    }
    let hex = format!("0x{}", "11".repeat(65));
    // Without three digits it has fewer than 64 bytes, whatever they are.
    let short = &good[..good.len() - 3];
    for signature in ["", "0", "1", short, &hex, &"1".repeat(89)] {
        let outcome = sign_in(&world, &message, signature).await;
        assert!(
            matches!(outcome, Err(AuthError::InvalidSignature(_))),
            "{signature}"
        );
    }
    for (from, to) in [("mainnet", "devnet"), (GATE, "https://evil.example")] {
        let changed = message.replacen(from, to, 1);
        let outcome = sign_in(&world, &changed, &sign(&mine, &changed)).await;
        assert!(matches!(outcome, Err(AuthError::Foreign(_))), "{outcome:?}");
    }
    sign_in(&world, &message, &good).await.unwrap();
}

/// Points of small order sign everything, and a second form of a good signature exists: RFC 8032
/// leaves both open, strict verification does not.
#[tokio::test]
async fn weak_keys_and_second_forms_of_signatures_are_refused() {
    let world = World::generous().await;
    let mut weak = [0; 32];
    weak[0] = 1;
    let nobody = Wallet::Solana(weak);
    let message = world
        .auth
        .challenge(nobody, None, browser())
        .await
        .unwrap()
        .message;
    // R is the neutral point and s is zero: s·B = R + k·A holds for every message.
    let mut forged = [0; 64];
    forged[0] = 1;
    let outcome = sign_in(&world, &message, &bs58::encode(forged).into_string()).await;
    assert!(
        matches!(outcome, Err(AuthError::WrongSigner)),
        "{outcome:?}"
    );

    let mine = key(7);
    let message = challenge(&world, &mine).await;
    let mut bytes = mine.sign(message.as_bytes()).to_bytes();
    // s + L, the order of the group.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0u16;
    for (byte, add) in bytes[32..].iter_mut().zip(order.unwrap()) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = (carry & 0xFF) as u8;
        carry >>= 8;
    }
    let second = bs58::encode(bytes).into_string();
    let outcome = sign_in(&world, &message, &second).await;
    assert!(
        matches!(outcome, Err(AuthError::WrongSigner)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_message_of_one_kind_is_none_of_the_other() {
    let world = World::generous().await;
    let key = key(7);
    let message = challenge(&world, &key).await;
    let ethereum = message.replacen("Solana account", "Ethereum account", 1);
    let outcome = sign_in(&world, &ethereum, &sign(&key, &ethereum)).await;
    assert!(
        matches!(outcome, Err(AuthError::Malformed(_))),
        "{outcome:?}"
    );
}
