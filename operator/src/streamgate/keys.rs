//! Generates the keys of a StreamGate. Randomness enters here and nowhere else; the bytes leave
//! in one Secret and are never read back.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use streamgate_contract::config::{OBJECT_URL_KEY, PLAYBACK_KEY, PLAYBACK_PUBLIC_KEY, SESSION_KEY};

/// A key could not be written as PEM.
#[derive(Debug, thiserror::Error)]
#[error("a generated key cannot be written as PEM; report this as a bug")]
pub struct Unwritable;

/// A Secret with fresh keys. It cannot be changed afterwards: a lost key loses videos.
///
/// # Errors
/// When a key cannot be written as PEM, which a test excludes.
pub fn generate(metadata: ObjectMeta) -> Result<Secret, Unwritable> {
    let session = SigningKey::from_bytes(&rand::random());
    let playback = SigningKey::from_bytes(&rand::random());
    let url_key: [u8; 32] = rand::random();
    let files = [
        (SESSION_KEY, private(&session)?),
        (PLAYBACK_KEY, private(&playback)?),
        (PLAYBACK_PUBLIC_KEY, public(&playback)?),
        (OBJECT_URL_KEY, url_key.to_vec()),
    ];
    let files = files.map(|(name, bytes)| (name.to_owned(), ByteString(bytes)));
    Ok(Secret {
        metadata,
        type_: Some("Opaque".to_owned()),
        immutable: Some(true),
        data: Some(BTreeMap::from(files)),
        ..Secret::default()
    })
}

fn private(key: &SigningKey) -> Result<Vec<u8>, Unwritable> {
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|_| Unwritable)?;
    Ok(pem.as_bytes().to_vec())
}

fn public(key: &SigningKey) -> Result<Vec<u8>, Unwritable> {
    let pem = key.verifying_key().to_public_key_pem(LineEnding::LF);
    pem.map(String::into_bytes).map_err(|_| Unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
    use ed25519_dalek::{Signer, Verifier, VerifyingKey};
    use streamgate_contract::config::KEY_FILES;

    fn files() -> BTreeMap<String, ByteString> {
        generate(ObjectMeta::default()).unwrap().data.unwrap()
    }

    #[test]
    fn every_key_of_the_contract_is_there_and_none_is_made_twice() {
        let (one, two) = (files(), files());
        let mut names: Vec<_> = KEY_FILES.map(str::to_owned).to_vec();
        names.sort();
        assert_eq!(one.keys().cloned().collect::<Vec<_>>(), names);
        assert!(one.iter().all(|(name, bytes)| two[name] != *bytes));
        assert_eq!(one[OBJECT_URL_KEY].0.len(), 32);
    }

    #[test]
    fn the_public_key_verifies_what_the_private_key_signs() {
        let files = files();
        let text = |name: &str| String::from_utf8(files[name].0.clone()).unwrap();
        let private = SigningKey::from_pkcs8_pem(&text(PLAYBACK_KEY)).unwrap();
        let public = VerifyingKey::from_public_key_pem(&text(PLAYBACK_PUBLIC_KEY)).unwrap();
        assert!(public.verify(b"handle", &private.sign(b"handle")).is_ok());
        assert_ne!(text(SESSION_KEY), text(PLAYBACK_KEY));
    }
}
