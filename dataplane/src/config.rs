//! Reads what the operator mounts: the role configuration and the keys. Anything wrong with them
//! ends the process at its start, with the file and what to do.

use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use streamgate_contract::config::{self, RoleConfig};

/// Why the process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file is missing or cannot be read.
    #[error("cannot read {path}; check that it is mounted")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The configuration is not what this version expects.
    #[error("{path} is not a role configuration of this version: {detail}")]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        detail: String,
    },
    /// A key is not what it should be.
    #[error("key file {path} is not valid: {detail}; restore Secret <gate>-keys")]
    InvalidKey {
        /// Which file.
        path: PathBuf,
        /// What is wrong; never the key.
        detail: &'static str,
    },
}

/// The generated keys, as their files hold them.
#[derive(Clone)]
pub struct Keys {
    /// Signs sessions: Ed25519, PKCS#8 PEM.
    pub session: String,
    /// Verifies sessions, where the file is there: Ed25519, SPKI PEM.
    pub session_public: Option<String>,
    /// Signs playback handles: Ed25519, PKCS#8 PEM.
    pub playback: String,
    /// Verifies playback handles: Ed25519, SPKI PEM.
    pub playback_public: String,
    /// Signs internal object URLs.
    pub object_url: [u8; 32],
}

/// Reads the role configuration: YAML, or JSON, which begins with a brace and writes a choice as an
/// object of one member instead of a tag.
///
/// # Errors
/// When the file is missing or holds something else.
pub fn read(path: &Path) -> Result<RoleConfig, ConfigError> {
    let text = read_text(path)?;
    let parsed = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(&text).map_err(|error| error.to_string()),
        false => serde_yaml::from_str(&text).map_err(|error| error.to_string()),
    };
    let path = path.to_owned();
    parsed.map_err(|detail| ConfigError::Invalid { path, detail })
}

/// Reads the keys of a folder.
///
/// # Errors
/// When one is missing or is no key.
pub fn read_keys(dir: &Path) -> Result<Keys, ConfigError> {
    Ok(Keys {
        session: read_pem(dir, config::SESSION_KEY)?,
        session_public: read_session_public(dir)?,
        playback: read_pem(dir, config::PLAYBACK_KEY)?,
        playback_public: read_pem(dir, config::PLAYBACK_PUBLIC_KEY)?,
        object_url: read_url_key(dir)?,
    })
}

/// Reads the keys that verify sessions; `None` in a folder that has none.
///
/// # Errors
/// When there is something else.
pub fn read_session_public(dir: &Path) -> Result<Option<String>, ConfigError> {
    match dir.join(config::SESSION_PUBLIC_KEY).exists() {
        true => read_pem(dir, config::SESSION_PUBLIC_KEY).map(Some),
        false => Ok(None),
    }
}

/// Reads one key of a folder as PEM.
///
/// # Errors
/// When it is missing or is no key.
pub fn read_pem(dir: &Path, name: &str) -> Result<String, ConfigError> {
    let path = dir.join(name);
    let text = read_text(&path)?;
    if text.starts_with("-----BEGIN ") {
        return Ok(text);
    }
    let detail = "it is not PEM";
    Err(ConfigError::InvalidKey { path, detail })
}

/// Reads the key that signs internal object URLs, and that others are derived from.
///
/// # Errors
/// When it is missing or has another length.
pub fn read_url_key(dir: &Path) -> Result<[u8; 32], ConfigError> {
    read_bytes(&dir.join(config::OBJECT_URL_KEY))
}

/// The key that signs the audit log and makes its pseudonyms, from a folder of keys. It is derived,
/// so that gates whose keys are older than the log have one.
///
/// # Errors
/// When the key it is derived from is missing.
pub fn read_audit_key(dir: &Path) -> Result<[u8; 32], ConfigError> {
    read_url_key(dir).map(|key| audit_key(&key))
}

/// The key of the audit log.
pub fn audit_key(key: &[u8; 32]) -> [u8; 32] {
    derived(key, b"streamgate audit v1\x01")
}

/// The key that signs cursors of lists.
pub fn cursor_key(key: &[u8; 32]) -> [u8; 32] {
    derived(key, b"streamgate cursors v1\x01")
}

/// One key of another (HKDF of RFC 5869, expand step of one block).
fn derived(key: &[u8; 32], purpose: &[u8]) -> [u8; 32] {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}

/// A URL with its credentials, from a file that a Secret is mounted as.
///
/// # Errors
/// When the file cannot be read.
pub fn read_url(path: &Path) -> Result<String, ConfigError> {
    read_text(path).map(|text| text.trim().to_owned())
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn read_bytes(path: &Path) -> Result<[u8; 32], ConfigError> {
    let bytes = std::fs::read(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    bytes.try_into().map_err(|_| ConfigError::InvalidKey {
        path: path.to_owned(),
        detail: "it must be 32 bytes",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_and_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        assert!(read(&path).unwrap_err().to_string().contains("config.yaml"));
        std::fs::write(&path, "gate: {namespace: a}\nunknown: 1\n").unwrap();
        let text = read(&path).unwrap_err().to_string();
        assert!(text.contains("not a role configuration"), "{text}");
        std::fs::write(dir.path().join("session.pem"), "nonsense").unwrap();
        let text = read_keys(dir.path()).err().map(|e| e.to_string());
        assert!(
            text.as_deref()
                .is_some_and(|t| t.contains("session.pem") && !t.contains("nonsense"))
        );
    }

    #[test]
    fn the_same_configuration_is_read_from_yaml_and_from_json() {
        let dir = tempfile::tempdir().unwrap();
        let config = crate::services::auth::fixture::config("http://127.0.0.1:1", 1);
        let yaml = serde_yaml::to_string(&config).unwrap();
        let json = serde_json::to_string_pretty(&config).unwrap();
        for text in [yaml, json] {
            let path = dir.path().join("config");
            std::fs::write(&path, text).unwrap();
            let value = |config: &RoleConfig| serde_json::to_value(config).unwrap();
            assert_eq!(value(&read(&path).unwrap()), value(&config));
        }
    }
}
