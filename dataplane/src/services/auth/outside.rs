//! Who is asked besides EVM chains: OpenID providers, services of the gate's operator, Solana.

use std::sync::Arc;

use async_trait::async_trait;
use streamgate_contract::rules::{Check, WebhookRule};

use crate::ports::chain::{ChainError, Reading, Wallet};
use crate::ports::clock::UnixSeconds;
use crate::ports::hooks::{AccessHooks, HookError};
use crate::ports::openid::{Answer, OpenIdError, OpenIdProviders, Request, Vouched};
use crate::ports::solana::Solana;

/// Who is asked.
#[derive(Clone)]
pub struct Outside {
    /// Where people sign in.
    pub providers: Arc<dyn OpenIdProviders>,
    /// Services that rules ask.
    pub hooks: Arc<dyn AccessHooks>,
    /// Clusters of Solana.
    pub solana: Arc<dyn Solana>,
}

impl Outside {
    /// Nobody: no provider and no cluster is known, and no service may be called.
    pub fn nobody() -> Self {
        Self {
            providers: Arc::new(Nobody),
            hooks: Arc::new(Nobody),
            solana: Arc::new(Nobody),
        }
    }
}

struct Nobody;

#[async_trait]
impl OpenIdProviders for Nobody {
    async fn authorization(
        &self,
        provider: &str,
        _: &Request,
        _: UnixSeconds,
    ) -> Result<String, OpenIdError> {
        Err(OpenIdError::UnknownProvider(provider.to_owned()))
    }

    async fn vouched(
        &self,
        provider: &str,
        _: &Request,
        _: &Answer<'_>,
        _: UnixSeconds,
    ) -> Result<Vouched, OpenIdError> {
        Err(OpenIdError::UnknownProvider(provider.to_owned()))
    }
}

#[async_trait]
impl AccessHooks for Nobody {
    async fn admits(&self, _: Wallet, _: &WebhookRule) -> Result<bool, HookError> {
        Err(HookError::NotAllowed("no host is listed"))
    }
}

#[async_trait]
impl Solana for Nobody {
    async fn read(&self, _: [u8; 32], check: &Check) -> Result<Reading, ChainError> {
        let cluster = check.cluster().unwrap_or_default();
        Err(ChainError::UnknownCluster(cluster.to_owned()))
    }
}
