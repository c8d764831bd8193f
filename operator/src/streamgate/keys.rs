//! Makes the keys of a StreamGate. Randomness enters here and nowhere else; private halves leave in a
//! Secret or in a patch of it, and are never read back.

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;

pub mod ring;
pub mod secret;

use ring::Public;

/// A key could not be written as PEM.
#[derive(Debug, thiserror::Error)]
#[error("a generated key cannot be written as PEM; report this as a bug")]
pub struct Unwritable;

/// A fresh key.
pub struct Pair {
    /// PKCS#8 PEM.
    pub private: String,
    /// Its public half.
    pub public: Public,
}

/// As many fresh keys of one kind as a step can use.
pub type Spares = [Pair; 2];

/// Fresh keys of both kinds of token.
///
/// # Errors
/// When a key cannot be written as PEM, which a test excludes.
pub fn spares() -> Result<[Spares; 2], Unwritable> {
    Ok([[pair()?, pair()?], [pair()?, pair()?]])
}

/// The key that signs object URLs.
pub fn url_key() -> [u8; 32] {
    rand::random()
}

fn pair() -> Result<Pair, Unwritable> {
    let key = SigningKey::from_bytes(&rand::random());
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|_| Unwritable)?;
    Ok(Pair {
        private: pem.as_str().to_owned(),
        public: Public(key.verifying_key().to_bytes()),
    })
}
