//! TLS of a listener: certificate and key from a mounted Secret of type `kubernetes.io/tls`, read
//! again while the process runs, so that a renewed certificate is served without a restart.
//! HTTP/2 and HTTP/1.1 by ALPN (RFC 7301).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring::{Ticketer, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::ports::Source;

/// How often the files are read again; kubelet brings a changed Secret within about a minute.
const REREAD: Duration = Duration::from_secs(20);

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the certificate in {folder} cannot be used; mount a Secret with tls.crt (the chain) and tls.key (its key)"
)]
pub struct InvalidCertificate {
    folder: PathBuf,
    source: Source,
}

/// The certificate that is served now.
pub struct Certificate {
    folder: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads the certificate of a folder.
    ///
    /// # Errors
    /// When a file is missing, malformed, or the key is not the certificate's.
    pub fn read(folder: &Path) -> Result<Arc<Self>, InvalidCertificate> {
        Ok(Arc::new(Self {
            folder: folder.to_owned(),
            current: RwLock::new(Arc::new(certified(folder)?)),
        }))
    }

    /// What turns connections into TLS.
    ///
    /// # Errors
    /// When there is no randomness to make the keys of tickets from.
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, rustls::Error> {
        let config = ServerConfig::builder().with_no_client_auth();
        let mut config = config.with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = Ticketer::new()?;
        Ok(Arc::new(config).into())
    }

    /// Reads the files again until `stop`; what cannot be used is told once and not served.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut failing = false;
        while stop
            .run_until_cancelled(tokio::time::sleep(REREAD))
            .await
            .is_some()
        {
            let outcome = self.reread();
            if let (Err(error), false) = (&outcome, failing) {
                let error = crate::ports::causes(error);
                tracing::error!(error, "the certificate served before stays");
            }
            failing = outcome.is_err();
        }
    }

    /// Reads the files again.
    ///
    /// # Errors
    /// When they cannot be used; what was served before stays.
    pub fn reread(&self) -> Result<(), InvalidCertificate> {
        let read = certified(&self.folder)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.cert != read.cert {
            *current = Arc::new(read);
            tracing::info!("a renewed certificate is served");
        }
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.clone())
    }
}

fn certified(folder: &Path) -> Result<CertifiedKey, InvalidCertificate> {
    let read = || -> Result<CertifiedKey, Source> {
        let chain = CertificateDer::pem_file_iter(folder.join("tls.crt"))?;
        let chain: Vec<_> = chain.collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_file(folder.join("tls.key"))?;
        let certified = CertifiedKey::new(chain, any_supported_type(&key)?);
        certified.keys_match()?;
        Ok(certified)
    };
    read().map_err(|source| InvalidCertificate {
        folder: folder.to_owned(),
        source,
    })
}
