//! Every way a token can be wrong.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::fixture::signer;
use super::*;
use crate::ports::chain::Wallet;

const GATE: &str = "https://gate.example";
const NOW: UnixSeconds = 1_000;

fn session() -> Token<Session> {
    let sub = Wallet::of_key([7; 20]);
    let jti = "one".to_owned();
    let claims = Session {
        sub,
        jti,
        auth_time: NOW,
        proven: Vec::new(),
    };
    Token::new(GATE, NOW, NOW + 60, claims)
}

fn viewing() -> Token<Viewing> {
    let claims = Viewing {
        sub: Wallet::of_key([7; 20]),
        sid: "one".into(),
        content: "c".parse().unwrap(),
        output: "o".parse().unwrap(),
        rules: "0".into(),
        proven: Vec::new(),
        bound: None,
    };
    Token::new(GATE, NOW, NOW + 60, claims)
}

/// A token with this header and the rest of `claims`, signed with the right key.
fn with_header(change: impl Fn(&mut Value)) -> String {
    use ed25519_dalek::{Signer as _, SigningKey};
    let signed = signer(1).sign(&session()).unwrap();
    let (header, rest) = signed.split_once('.').unwrap();
    let (claims, _) = rest.split_once('.').unwrap();
    let mut header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    change(&mut header);
    let message = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header.to_string()));
    let signature = SigningKey::from_bytes(&[1; 32]).sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn read(token: &str, now: UnixSeconds) -> Result<Token<Session>, TokenError> {
    signer(1).verifier().verify(GATE, token, now)
}

#[test]
fn a_token_says_what_was_signed_until_it_expires() {
    let token = signer(1).sign(&session()).unwrap();
    assert_eq!(read(&token, NOW), Ok(session()));
    assert_eq!(read(&token, NOW + 59), Ok(session()));
    assert_eq!(read(&token, NOW + 60), Err(TokenError::Expired));
}

#[test]
fn a_token_of_one_kind_is_refused_in_the_place_of_the_other() {
    let key = signer(1);
    let (session, viewing) = (key.sign(&session()).unwrap(), key.sign(&viewing()).unwrap());
    let verifier = key.verifier();
    assert!(verifier.verify::<Viewing>(GATE, &session, NOW).is_err());
    assert!(verifier.verify::<Session>(GATE, &viewing, NOW).is_err());
    assert!(verifier.verify::<Viewing>(GATE, &viewing, NOW).is_ok());
}

#[test]
fn another_key_issuer_or_a_changed_byte_is_refused() {
    assert!(read(&signer(2).sign(&session()).unwrap(), NOW).is_err());
    let elsewhere = Token {
        iss: "https://other.example".into(),
        ..session()
    };
    assert!(read(&signer(1).sign(&elsewhere).unwrap(), NOW).is_err());
    let token = signer(1).sign(&session()).unwrap();
    for at in 0..token.len() {
        let mut forged = token.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert!(read(&forged, NOW).is_err(), "byte {at}");
    }
}

#[test]
fn headers_that_say_more_or_less_are_refused_though_well_signed() {
    assert!(
        read(&with_header(|_| ()), NOW).is_ok(),
        "the helper signs well"
    );
    let more = [
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("crit", json!(["exp"])),
        ("zip", json!("DEF")),
        ("b64", json!(false)),
        ("typ", json!("JWT")),
        ("kid", json!("other")),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
    ];
    for (name, value) in more {
        let token = with_header(|h| h[name] = value.clone());
        assert!(read(&token, NOW).is_err(), "{name}");
    }
    for name in ["typ", "kid", "alg"] {
        let token = with_header(|h| {
            h.as_object_mut().unwrap().remove(name);
        });
        assert!(read(&token, NOW).is_err(), "without {name}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let long = "a".repeat(MAX_TOKEN_BYTES + 1);
    for text in ["", ".", "..", "a.b.c", "a.b.c.d", "ä.ö.ü", long.as_str()] {
        assert_eq!(read(text, NOW), Err(TokenError::Invalid), "{text:?}");
    }
}

#[test]
fn a_public_key_file_verifies_what_the_private_one_signed() {
    use ed25519_dalek::SigningKey;
    use ed25519_dalek::pkcs8::EncodePublicKey;
    let public = SigningKey::from_bytes(&[1; 32]).verifying_key();
    let pem = public.to_public_key_pem(Default::default()).unwrap();
    let verifier = Verifier::from_pem(&pem).unwrap();
    let token = signer(1).sign(&session()).unwrap();
    assert!(verifier.verify::<Session>(GATE, &token, NOW).is_ok());
    assert_eq!(verifier.jwks(), signer(1).verifier().jwks());
    assert!(Verifier::from_pem("no key").is_err());
}

/// Private and public key of a seed as PEM.
fn pems(seed: u8) -> (String, String) {
    use ed25519_dalek::SigningKey;
    use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};
    let key = SigningKey::from_bytes(&[seed; 32]);
    let private = key.to_pkcs8_pem(Default::default()).unwrap();
    let public = key.verifying_key().to_public_key_pem(Default::default());
    (private.to_string(), public.unwrap())
}

#[test]
fn a_key_is_known_before_it_signs_and_after_until_it_is_withdrawn() {
    let ((old, old_public), (new, new_public)) = (pems(1), pems(2));
    let signer = Signer::from_pem(&old).unwrap();
    let elsewhere = Verifier::from_pem(&old_public).unwrap();
    let good = |token: &str| elsewhere.verify::<Session>(GATE, token, NOW).is_ok();
    let of_old = signer.sign(&session()).unwrap();

    // Next: everybody knows it, the old one signs.
    elsewhere
        .replace(&format!("{old_public}{new_public}"))
        .unwrap();
    signer.replace(&format!("{old}{new}"), None).unwrap();
    assert_eq!(signer.sign(&session()).unwrap(), of_old);
    assert_eq!(signer.verifier().jwks(), elsewhere.jwks());
    assert_eq!(elsewhere.jwks().len(), 2);

    // Active: it signs, what the old one signed holds.
    let generation = elsewhere.generation();
    signer.replace(&format!("{new}{old}"), None).unwrap();
    let of_new = signer.sign(&session()).unwrap();
    assert_ne!(of_new, of_old);
    assert!(good(&of_new) && good(&of_old));
    assert_eq!(elsewhere.generation(), generation, "nothing changed there");

    // Withdrawn: what it signed is refused, and every process knows that something changed.
    elsewhere.replace(&new_public).unwrap();
    assert!(good(&of_new) && !good(&of_old));
    assert_eq!(elsewhere.generation(), generation + 1);

    // A file that cannot be read changes nothing.
    assert!(elsewhere.replace("").is_err() && signer.replace("no key", None).is_err());
    assert!(good(&of_new) && !good(&of_old));
}

#[test]
fn one_private_key_signs_and_the_public_file_says_what_else_verifies() {
    let ((old, old_public), (new, new_public)) = (pems(1), pems(2));
    let listed = format!("{old_public}{new_public}");
    let signer = Signer::from_pems(&old, Some(&listed)).unwrap();
    let published = signer.verifier().jwks();
    assert_eq!(published.len(), 2, "each once");
    let of_old = signer.sign(&session()).unwrap();
    let good = |token: &str| {
        signer
            .verifier()
            .verify::<Session>(GATE, token, NOW)
            .is_ok()
    };

    signer
        .replace(&new, Some(&format!("{new_public}{old_public}")))
        .unwrap();
    let of_new = signer.sign(&session()).unwrap();
    assert!(of_new != of_old && good(&of_old) && good(&of_new));

    // Read in the middle of a change: what signs is known whatever the other file says.
    signer.replace(&new, Some(&old_public)).unwrap();
    assert!(good(&of_old) && good(&of_new));
    signer.replace(&new, Some(&new_public)).unwrap();
    assert!(!good(&of_old) && good(&of_new));
    assert!(signer.replace(&new, Some("no key")).is_err());
}
