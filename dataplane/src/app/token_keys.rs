//! Keys of tokens, taken over from their folder while the process runs: a rotation needs no restart,
//! and a key that is withdrawn in an emergency is refused as soon as kubelet has brought the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::{self, Keys};
use crate::tokens::{KeyError, Signer, Verifier};

/// How often the folder is read.
const REREAD: Duration = Duration::from_secs(5);

/// The keys of every kind of token.
#[derive(Clone)]
pub struct TokenKeys {
    /// Signs sessions.
    pub session: Signer,
    /// Signs playback handles.
    pub playback: Signer,
    /// Verifies playback handles.
    pub playback_public: Verifier,
}

impl TokenKeys {
    /// Reads them.
    ///
    /// # Errors
    /// When one is no key.
    pub fn new(keys: &Keys) -> Result<Self, KeyError> {
        Ok(Self {
            session: Signer::from_pem(&keys.session)?,
            playback: Signer::from_pem(&keys.playback)?,
            playback_public: Verifier::from_pem(&keys.playback_public)?,
        })
    }

    /// Takes over what changes in the folder until `stop`; a file that cannot be used is told once, and
    /// its keys stay as they were.
    pub async fn follow(self, folder: PathBuf, stop: CancellationToken) {
        let mut failing = false;
        loop {
            let pause = tokio::time::sleep(REREAD);
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
            let outcome = self.take_over(&folder);
            if let (Err(error), false) = (&outcome, failing) {
                let error: &dyn std::error::Error = error.as_ref();
                let error = crate::ports::causes(error);
                tracing::error!(error, "keys of tokens stay as they were");
            }
            failing = outcome.is_err();
        }
    }

    fn take_over(&self, folder: &Path) -> anyhow::Result<()> {
        let keys = config::read_keys(folder)?;
        // Verifiers first: what is signed a moment later is known.
        self.playback_public.replace(&keys.playback_public)?;
        self.playback.replace(&keys.playback)?;
        self.session.replace(&keys.session)?;
        Ok(())
    }
}
