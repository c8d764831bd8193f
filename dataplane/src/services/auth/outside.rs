//! Who is asked besides chains: OpenID providers and services of the gate's operator.

use std::sync::Arc;

use async_trait::async_trait;
use streamgate_contract::rules::WebhookRule;

use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;
use crate::ports::hooks::{AccessHooks, HookError};
use crate::ports::openid::{Answer, OpenIdError, OpenIdProviders, Request, Vouched};

/// Who is asked.
#[derive(Clone)]
pub struct Outside {
    /// Where people sign in.
    pub providers: Arc<dyn OpenIdProviders>,
    /// Services that rules ask.
    pub hooks: Arc<dyn AccessHooks>,
}

impl Outside {
    /// Nobody: no provider is known, and no service may be called.
    pub fn nobody() -> Self {
        Self {
            providers: Arc::new(Nobody),
            hooks: Arc::new(Nobody),
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
