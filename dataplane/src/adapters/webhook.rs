//! Notices as JSON by POST over HTTP. Redirects are not followed: a receiver must not send notices
//! elsewhere. Errors leave the URL out, since people put tokens into it.

use std::time::Duration;

use async_trait::async_trait;

use crate::ports::Source;
use crate::ports::notices::{Notice, NoticeError, Webhooks};

/// Longest wait for a receiver.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The client.
pub struct HttpWebhooks(reqwest::Client);

impl HttpWebhooks {
    /// A client with its own connections.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new() -> Result<Self, Source> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder().timeout(TIMEOUT);
        let builder = builder.redirect(reqwest::redirect::Policy::none());
        Ok(Self(builder.build()?))
    }
}

#[async_trait]
impl Webhooks for HttpWebhooks {
    async fn post(&self, url: &str, notice: &Notice) -> Result<(), NoticeError> {
        let sent = self.0.post(url).json(notice).send().await;
        let answer = sent.map_err(|e| NoticeError::Unreachable(e.without_url().into()))?;
        match answer.status().as_u16() {
            200..=299 => Ok(()),
            status @ (408 | 425 | 429 | 500..=599) => Err(NoticeError::Busy(status)),
            status => Err(NoticeError::Refused(status)),
        }
    }
}
