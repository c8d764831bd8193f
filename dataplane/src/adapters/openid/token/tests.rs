//! Every way an ID token can be wrong, and that none is taken for good.

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::*;

const NOW: i64 = 1_795_489_200;

fn encoding(seed: u8) -> EncodingKey {
    let pem = SigningKey::from_bytes(&[seed; 32]).to_pkcs8_pem(Default::default());
    EncodingKey::from_ed_pem(pem.unwrap().as_bytes()).unwrap()
}

fn jwk(seed: u8, kid: &str, more: Value) -> Value {
    let public = SigningKey::from_bytes(&[seed; 32])
        .verifying_key()
        .to_bytes();
    let x = URL_SAFE_NO_PAD.encode(public);
    let mut jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid});
    merge(&mut jwk, more);
    jwk
}

fn merge(into: &mut Value, more: Value) {
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(into.as_object_mut().unwrap().remove(name)),
            value => into[name] = value.clone(),
        }
    }
}

fn keys(keys: &[Value]) -> JwkSet {
    serde_json::from_value(json!({"keys": keys})).unwrap()
}

fn claims(change: Value) -> Value {
    let mut claims = json!({"iss": "https://id.example", "aud": "gate", "sub": "alice",
        "nonce": "n", "iat": NOW - 1, "exp": NOW + 60});
    merge(&mut claims, change);
    claims
}

fn sign(claims: &Value, kid: Option<&str>, seed: u8) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = kid.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, &encoding(seed)).unwrap()
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: "https://id.example",
        client_id: "gate",
        nonce: "n",
        now: NOW,
    }
}

fn outcome(text: &str, set: &JwkSet) -> Result<Map<String, Value>, Failure> {
    read(text, set, &expected())
}

#[test]
fn a_good_token_says_who_somebody_is() {
    let set = keys(&[
        jwk(2, "b", json!({})),
        jwk(1, "a", json!({"use": "sig", "alg": "EdDSA"})),
    ]);
    let token = sign(&claims(json!({"groups": ["x"]})), Some("a"), 1);
    assert_eq!(outcome(&token, &set).unwrap()["groups"], json!(["x"]));
    let several = claims(json!({"aud": ["gate", "other"], "azp": "gate"}));
    assert!(outcome(&sign(&several, Some("a"), 1), &set).is_ok());
    let only = keys(&[jwk(1, "a", json!({}))]);
    assert!(
        outcome(&sign(&claims(json!({})), None, 1), &only).is_ok(),
        "one key needs no name"
    );
}

#[test]
fn claims_for_others_or_for_another_time_are_refused() {
    let set = keys(&[jwk(1, "a", json!({}))]);
    let cases = [
        (json!({"iss": "https://evil.example"}), Failure::Foreign),
        (json!({"iss": null}), Failure::Foreign),
        (json!({"aud": "other"}), Failure::Foreign),
        (json!({"aud": ["gate", "other"]}), Failure::Foreign),
        (json!({"azp": "other"}), Failure::Foreign),
        (json!({"nonce": "m"}), Failure::OtherSignIn),
        (json!({"nonce": null}), Failure::OtherSignIn),
        (json!({"sub": ""}), Failure::Malformed),
        (json!({"sub": "x".repeat(256)}), Failure::Malformed),
        (json!({"exp": NOW - SKEW_SECONDS}), Failure::OutOfTime),
        (json!({"iat": NOW + SKEW_SECONDS + 1}), Failure::OutOfTime),
        (
            json!({"iat": NOW - MAX_AGE_SECONDS - 1}),
            Failure::OutOfTime,
        ),
        (json!({"nbf": NOW + SKEW_SECONDS + 1}), Failure::OutOfTime),
        (json!({"iat": null}), Failure::Malformed),
    ];
    for (change, failure) in cases {
        let token = sign(&claims(change.clone()), Some("a"), 1);
        assert_eq!(outcome(&token, &set), Err(failure), "{change}");
    }
}

#[test]
fn keys_and_algorithms_that_do_not_fit_are_refused() {
    let good = sign(&claims(json!({})), Some("a"), 1);
    let cases = [
        (vec![], Failure::UnknownKey),
        (vec![jwk(1, "b", json!({}))], Failure::UnknownKey),
        (
            vec![jwk(1, "a", json!({"use": "enc"}))],
            Failure::UnknownKey,
        ),
        (
            vec![jwk(1, "a", json!({"alg": "ES256"}))],
            Failure::UnknownKey,
        ),
        (vec![jwk(2, "a", json!({}))], Failure::Forged),
    ];
    for (set, failure) in cases {
        assert_eq!(outcome(&good, &keys(&set)), Err(failure));
    }
    let two = keys(&[jwk(1, "a", json!({})), jwk(2, "b", json!({}))]);
    let unnamed = sign(&claims(json!({})), None, 1);
    assert_eq!(outcome(&unnamed, &two), Err(Failure::UnknownKey));

    let set = keys(&[jwk(1, "a", json!({}))]);
    let (_, rest) = good.split_once('.').unwrap();
    for header in [
        json!({"alg": "none", "kid": "a"}),
        json!({"alg": "HS256", "kid": "a"}),
        json!({"alg": "RS256", "kid": "a"}),
        json!({"alg": "EdDSA", "kid": "a", "crit": ["exp"]}),
        json!({"alg": "EdDSA", "kid": "a", "jku": "https://evil.example"}),
        json!({"alg": "EdDSA", "kid": "a", "x5u": "https://evil.example"}),
        json!({"alg": "EdDSA", "kid": "a", "typ": "at+jwt"}),
        json!({"alg": "EdDSA", "kid": "a", "typ": "logout+jwt"}),
    ] {
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
        assert!(outcome(&token, &set).is_err(), "{header}");
    }
    // The public key as the secret of an HMAC.
    let public = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("a".into());
    let secret = EncodingKey::from_secret(&public);
    let token = jsonwebtoken::encode(&header, &claims(json!({})), &secret).unwrap();
    assert_eq!(outcome(&token, &set), Err(Failure::Malformed));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic_or_passes(text in "\\PC{0,200}", at in 0usize..400, byte in 0u8..128) {
        let set = keys(&[jwk(1, "a", json!({}))]);
        let good = sign(&claims(json!({})), Some("a"), 1);
        let mut changed = good.clone().into_bytes();
        let at = at % changed.len();
        changed[at] = byte;
        let changed = String::from_utf8(changed).unwrap();
        // Bits of the last character of a part may mean nothing; they must not be read leniently.
        proptest::prop_assert!(changed == good || outcome(&changed, &set).is_err());
        proptest::prop_assert!(outcome(&text, &set).is_err());
    }
}
