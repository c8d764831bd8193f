//! Keys of tokens, taken over from their folder while the process runs: a rotation needs no restart,
//! and a key that is withdrawn in an emergency is refused as soon as kubelet has brought the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use streamgate_contract::config::{PLAYBACK_KEY, PLAYBACK_PUBLIC_KEY, SESSION_KEY};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Keys};
use crate::tokens::{KeyError, Signer, Verifier};

/// How often the folder is read.
const REREAD: Duration = Duration::from_secs(5);

/// What those who sign read: private halves, and all that verify.
struct Files {
    session: (String, Option<String>),
    playback: (String, Option<String>),
}

impl Files {
    fn read(folder: &Path) -> Result<Self, config::ConfigError> {
        // What verifies first: a private half that is newer than it is known by itself.
        let public = config::read_pem(folder, PLAYBACK_PUBLIC_KEY)?;
        let session = config::read_session_public(folder)?;
        Ok(Self {
            session: (config::read_pem(folder, SESSION_KEY)?, session),
            playback: (config::read_pem(folder, PLAYBACK_KEY)?, Some(public)),
        })
    }
}

/// Reads the keys that sign: sessions and playback handles.
///
/// # Errors
/// When one is missing or is no key.
pub fn signers(folder: &Path) -> anyhow::Result<[Signer; 2]> {
    let Files { session, playback } = Files::read(folder)?;
    Ok([signer(&session)?, signer(&playback)?])
}

/// The same of keys that were read.
///
/// # Errors
/// When one is no key.
pub fn signers_of(keys: &Keys) -> Result<[Signer; 2], KeyError> {
    let session = Signer::from_pems(&keys.session, keys.session_public.as_deref())?;
    let playback = Signer::from_pems(&keys.playback, Some(&keys.playback_public))?;
    Ok([session, playback])
}

fn signer((private, public): &(String, Option<String>)) -> Result<Signer, KeyError> {
    Signer::from_pems(private, public.as_deref())
}

/// Reads the key that verifies playback handles.
///
/// # Errors
/// When it is missing or is no key.
pub fn verifier(folder: &Path) -> anyhow::Result<Verifier> {
    let pem = config::read_pem(folder, PLAYBACK_PUBLIC_KEY)?;
    Ok(Verifier::from_pem(&pem)?)
}

/// The keys a process holds.
#[derive(Clone, Default)]
pub struct TokenKeys {
    /// Sign sessions and playback handles.
    pub signers: Option<[Signer; 2]>,
    /// Verifies playback handles.
    pub verifier: Option<Verifier>,
}

impl TokenKeys {
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
        // Everything is read before anything is replaced, verifiers first: what is signed a moment
        // later is known.
        let public = self.verifier.as_ref();
        let public = public.map(|key| {
            Ok::<_, anyhow::Error>((key, config::read_pem(folder, PLAYBACK_PUBLIC_KEY)?))
        });
        let private = self.signers.as_ref();
        let private = private.map(|keys| Ok::<_, anyhow::Error>((keys, Files::read(folder)?)));
        let (public, private) = (public.transpose()?, private.transpose()?);
        if let Some((key, pem)) = public {
            key.replace(&pem)?;
        }
        if let Some(([session, playback], files)) = private {
            for (keys, (private, public)) in [(playback, files.playback), (session, files.session)]
            {
                keys.replace(&private, public.as_deref())?;
            }
        }
        Ok(())
    }
}
