//! Our own tokens: files that kubelet replaces before they end, one for each role we may ask.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use streamgate_contract::roles::Role;

use crate::ports::Source;

/// How long a file counts as read: kubelet replaces it minutes before the token in it ends.
const FRESH: Duration = Duration::from_secs(10);

/// The files.
pub(super) struct Tokens {
    folder: PathBuf,
    read: Mutex<HashMap<Role, (Instant, HeaderValue)>>,
}

impl Tokens {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            read: Mutex::default(),
        }
    }

    /// The token to show to a role.
    pub(super) fn token(&self, role: Role) -> Result<HeaderValue, Source> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, token)) = read.get(&role)
            && when.elapsed() < FRESH
        {
            return Ok(token.clone());
        }
        let text = std::fs::read_to_string(self.folder.join(role.name()));
        let text = text.map_err(|e| format!("cannot read the token for role {role}: {e}"))?;
        let mut token = HeaderValue::from_str(text.trim())?;
        token.set_sensitive(true);
        read.insert(role, (Instant::now(), token.clone()));
        Ok(token)
    }
}
