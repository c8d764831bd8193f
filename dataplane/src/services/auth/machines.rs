//! Keys of machines: made, listed and removed by admins. A key acts for a wallet, with no more than
//! its scopes say and the wallet may. Its secret is shown once and kept as a hash (argon2id), so that
//! who reads the database cannot use it. Source: RFC 9106 (Argon2).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moka::future::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::Auth;
use super::error::AuthError;
use super::sessions::{Means, Profile, unavailable};
use super::sign_in::{later, random};
use crate::layers::authenticate::KEY_PREFIX;
use crate::ports::catalog::{CatalogError, MachineKey};
use crate::ports::chain::Wallet;
use crate::ports::identity::{IdentityError, Principal};

/// Longest name of a key.
const MAX_NAME: usize = 120;
/// Hashes computed at once: each takes 19 MiB.
const AT_ONCE: usize = 2;
/// Most keys that are remembered as looked up or checked.
const MAX_REMEMBERED: u64 = 10_000;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// Ask for playback.
    pub watch: bool,
    /// Upload, where its wallet may.
    pub upload: bool,
    /// Administrate, where its wallet may.
    pub admin: bool,
}

impl Scopes {
    fn words(self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("watch", self.watch),
            ("upload", self.upload),
            ("admin", self.admin),
        ];
        all.into_iter().filter(|(_, on)| *on).map(|(word, _)| word)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().collect::<Vec<_>>().join(" "))
    }
}

impl FromStr for Scopes {
    type Err = AuthError;

    fn from_str(text: &str) -> Result<Self, AuthError> {
        let mut scopes = Self::default();
        for word in text.split(' ') {
            match word {
                "watch" => scopes.watch = true,
                "upload" => scopes.upload = true,
                "admin" => scopes.admin = true,
                _ => {
                    return Err(AuthError::MalformedKey(
                        "scopes are watch, upload and admin",
                    ));
                }
            }
        }
        Ok(scopes)
    }
}

/// What a key is to be.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What people call it.
    pub name: String,
    /// Wallet it acts for; that of the admin when absent.
    pub wallet: Option<Wallet>,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Seconds until it ends.
    pub seconds: Option<u64>,
}

/// Keys as they were looked up and checked lately.
pub struct Machines {
    /// By key and revocation epoch.
    kept: Cache<(String, u64), Option<Arc<MachineKey>>>,
    /// Hashes of keys together with what they were checked against.
    checked: Cache<[u8; 32], ()>,
    room: Semaphore,
}

impl Default for Machines {
    fn default() -> Self {
        Self {
            kept: Cache::new(MAX_REMEMBERED),
            checked: Cache::new(MAX_REMEMBERED),
            room: Semaphore::new(AT_ONCE),
        }
    }
}

/// argon2id with 19 MiB and two passes, the least that OWASP advises: secrets have 256 random bits.
fn digest(secret: &[u8], salt: &[u8]) -> Result<[u8; 32], argon2::Error> {
    let parameters = Params::new(19 << 10, 2, 1, Some(32))?;
    let mut hash = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(secret, salt, &mut hash)?;
    Ok(hash)
}

/// The hash as it is kept: salt and digest.
fn kept(secret: &str, salt: &[u8]) -> Option<String> {
    let hash = digest(secret.as_bytes(), salt).ok()?;
    Some(format!("{}:{}", hex::encode(salt), hex::encode(hash)))
}

fn is_of(secret: &str, stored: &str) -> bool {
    let salt = stored.split(':').next().and_then(|s| hex::decode(s).ok());
    let computed = salt.and_then(|salt| kept(secret, &salt));
    // Hashes of hashes, so that the time this takes says nothing of where they differ.
    let blind = |text: &str| Sha256::digest(text);
    computed.is_some_and(|text| blind(&text) == blind(stored))
}

/// Identifier and secret of a key.
fn parts(key: &str) -> Option<(&str, &str)> {
    let (id, secret) = key.strip_prefix(KEY_PREFIX)?.split_once('_')?;
    let hex = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    (hex && secret.len() == 43).then_some((id, secret))
}

/// The session that is watched in by a key: ended with it.
fn session(id: &str) -> String {
    format!("key-{id}")
}

impl Auth {
    /// Who a machine's key belongs to.
    pub(super) async fn machine(&self, text: &str) -> Result<Profile, IdentityError> {
        let (id, secret) = parts(text).ok_or(IdentityError::Refused)?;
        let key = self.kept_key(id).await?.ok_or(IdentityError::Refused)?;
        let over = key.expires_at.is_some_and(|end| end <= self.clock.now());
        if over || !self.shown(secret, &key.hash).await {
            return Err(IdentityError::Refused);
        }
        self.refuse_ended(&session(id)).await?;
        let wallet: Wallet = key.wallet.parse().map_err(|_| IdentityError::Refused)?;
        let scopes: Scopes = key.scopes.parse().map_err(|_| IdentityError::Refused)?;
        let viewer = self.viewer(wallet, session(id), Vec::new());
        let rights = self.rights(&viewer).await;
        Ok(Profile {
            principal: Principal {
                creator: rights.creator && scopes.upload,
                admin: rights.admin && scopes.admin,
                ..rights
            },
            session: viewer.session,
            expires: key.expires_at,
            proven: Vec::new(),
            means: Means::Key(scopes),
        })
    }

    async fn kept_key(&self, id: &str) -> Result<Option<Arc<MachineKey>>, IdentityError> {
        let epoch = self.catalog.epoch().await.map_err(unavailable)?;
        let look = async {
            let key = self.catalog.key(id).await?;
            Ok::<_, CatalogError>(key.map(Arc::new))
        };
        let found = self
            .machines
            .kept
            .try_get_with((id.to_owned(), epoch), look);
        found
            .await
            .map_err(|e| IdentityError::Unavailable(e.into()))
    }

    /// Is this the secret? Computed once for each key, and never many at a time.
    async fn shown(&self, secret: &str, stored: &str) -> bool {
        let known: [u8; 32] = Sha256::digest(format!("{secret}\n{stored}")).into();
        if self.machines.checked.contains_key(&known) {
            return true;
        }
        // Closed never, so this waits for its turn.
        let Ok(_turn) = self.machines.room.acquire().await else {
            return false;
        };
        let (secret, stored) = (secret.to_owned(), stored.to_owned());
        let computed = tokio::task::spawn_blocking(move || is_of(&secret, &stored)).await;
        let right = computed.unwrap_or(false);
        if right {
            self.machines.checked.insert(known, ()).await;
        }
        right
    }

    /// Makes a key; the second is its text, which is shown this once.
    pub async fn create_key(
        &self,
        who: &Profile,
        wish: Wish,
    ) -> Result<(MachineKey, String), AuthError> {
        administrates(who)?;
        let length = wish.name.chars().count();
        if !(1..=MAX_NAME).contains(&length) || wish.name.chars().any(char::is_control) {
            return Err(AuthError::MalformedKey(
                "name must have 1 to 120 characters",
            ));
        }
        if wish.scopes == Scopes::default() {
            return Err(AuthError::MalformedKey(
                "scopes are watch, upload and admin",
            ));
        }
        let id = random();
        let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let (salt, hidden) = (rand::random::<[u8; 16]>(), secret.clone());
        let hash = tokio::task::spawn_blocking(move || kept(&hidden, &salt)).await;
        let now = self.clock.now();
        let key = MachineKey {
            name: wish.name,
            wallet: wish.wallet.unwrap_or(who.principal.wallet).to_string(),
            scopes: wish.scopes.to_string(),
            hash: hash.ok().flatten().ok_or(AuthError::Hashing)?,
            created_at: now,
            expires_at: wish.seconds.map(|seconds| later(now, seconds)),
            id,
        };
        self.catalog.create_key(&key).await?;
        let text = format!("{KEY_PREFIX}{}_{secret}", key.id);
        Ok((key, text))
    }

    /// Every key.
    pub async fn list_keys(&self, who: &Profile) -> Result<Vec<MachineKey>, AuthError> {
        administrates(who)?;
        Ok(self.catalog.keys().await?)
    }

    /// Removes a key, and ends what is watched by it.
    pub async fn delete_key(&self, who: &Profile, id: &str) -> Result<(), AuthError> {
        administrates(who)?;
        if self.catalog.key(id).await?.is_none() {
            return Err(AuthError::UnknownKey);
        }
        self.catalog.revoke_session(&session(id)).await?;
        match self.catalog.delete_key(id).await? {
            true => Ok(()),
            false => Err(AuthError::UnknownKey),
        }
    }
}

/// Admins who signed in themselves: a key that leaks must not make others.
fn administrates(who: &Profile) -> Result<(), AuthError> {
    match (who.means, who.principal.admin) {
        (Means::Key(_), _) => Err(AuthError::SessionRequired),
        (_, false) => Err(AuthError::AdminRequired),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_hash_and_no_other_is() {
        let stored = kept("right", &[1; 16]).unwrap();
        assert!(is_of("right", &stored) && !is_of("wrong", &stored));
        assert_ne!(kept("right", &[2; 16]).unwrap(), stored, "salted");
        for garbage in ["", ":", "zz:00", "01"] {
            assert!(!is_of("right", garbage), "{garbage}");
        }
    }

    #[test]
    fn scopes_are_words_in_any_order() {
        let scopes: Scopes = "admin watch".parse().unwrap();
        assert_eq!(scopes.to_string(), "watch admin");
        assert!("root".parse::<Scopes>().is_err() && "".parse::<Scopes>().is_err());
    }
}
