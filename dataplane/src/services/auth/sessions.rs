//! Sessions after sign-in: who a token belongs to, and their end.

use std::sync::Arc;

use async_trait::async_trait;

use super::Auth;
use super::error::AuthError;
use crate::ports::catalog::CatalogError;
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;
use crate::ports::identity::{Identities, IdentityError, Principal};
use crate::tokens::Session;

/// A session that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Who.
    pub principal: Principal,
    /// Which session.
    pub session: String,
    /// Until when.
    pub expires: UnixSeconds,
}

impl Auth {
    /// Who the token belongs to, if its session holds.
    pub async fn session(&self, token: &str) -> Result<Profile, IdentityError> {
        let verifier = self.session_key.verifier();
        let read = verifier.verify::<Session>(&self.public_url, token, self.clock.now());
        let token = read.map_err(|_| IdentityError::Refused)?;
        let epoch = self.catalog.epoch().await.map_err(unavailable)?;
        let ended = self.has_ended(&token.claims.jti, epoch).await;
        if ended.map_err(|error| IdentityError::Unavailable(error.into()))? {
            return Err(IdentityError::Refused);
        }
        Ok(Profile {
            principal: self.principal(token.claims.sub),
            session: token.claims.jti,
            expires: token.exp,
        })
    }

    /// Was the session ended? Asked once an epoch.
    pub(super) async fn has_ended(
        &self,
        session: &str,
        epoch: u64,
    ) -> Result<bool, Arc<CatalogError>> {
        let key = (session.to_owned(), epoch);
        let ask = self.catalog.session_revoked(session);
        self.ended.try_get_with(key, ask).await
    }

    /// What a wallet may do.
    pub(super) fn principal(&self, wallet: Wallet) -> Principal {
        let text = wallet.to_string();
        let admin = self.people.admins.contains(&text);
        Principal {
            wallet,
            creator: admin || self.people.creators.contains(&text),
            admin,
        }
    }

    /// Ends a session and everything that is watched in it.
    pub async fn sign_out(&self, session: &str) -> Result<(), AuthError> {
        Ok(self.catalog.revoke_session(session).await?)
    }
}

fn unavailable(error: CatalogError) -> IdentityError {
    IdentityError::Unavailable(error.into())
}

#[async_trait]
impl Identities for Auth {
    async fn identify(&self, token: &str) -> Result<Principal, IdentityError> {
        Ok(self.session(token).await?.principal)
    }
}
