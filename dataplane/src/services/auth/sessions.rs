//! Sessions after sign-in: who a token belongs to, what they may do, and the session's end.

use std::sync::Arc;

use async_trait::async_trait;

use super::Auth;
use super::error::AuthError;
use super::machines::Scopes;
use super::sign_in::{SignedIn, later, random};
use crate::layers::authenticate::KEY_PREFIX;
use crate::ports::catalog::CatalogError;
use crate::ports::chain::Wallet;
use crate::ports::clock::UnixSeconds;
use crate::ports::identity::{Identities, IdentityError, Principal, Viewer};
use crate::tokens::{Session, Token};

/// A session that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Who.
    pub principal: Principal,
    /// Which session.
    pub session: String,
    /// Until when; a machine's key may have no end.
    pub expires: Option<UnixSeconds>,
    /// What the sign-in proved besides the wallet.
    pub proven: Vec<String>,
    /// How they came in.
    pub means: Means,
}

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// A person signed in then.
    SignIn(UnixSeconds),
    /// A machine showed a key with these scopes.
    Key(Scopes),
}

impl Auth {
    /// Who the token belongs to, if its session holds.
    pub async fn session(&self, token: &str) -> Result<Profile, IdentityError> {
        if token.starts_with(KEY_PREFIX) {
            return self.machine(token).await;
        }
        let verifier = self.session_key.verifier();
        let read = verifier.verify::<Session>(&self.public_url, token, self.clock.now());
        let token = read.map_err(|_| IdentityError::Refused)?;
        let Session {
            sub,
            jti,
            auth_time,
            proven,
        } = token.claims;
        self.refuse_ended(&jti).await?;
        let viewer = self.viewer(sub, jti, proven);
        Ok(Profile {
            principal: self.rights(&viewer).await,
            session: viewer.session,
            expires: Some(token.exp),
            proven: viewer.proven,
            means: Means::SignIn(auth_time),
        })
    }

    pub(super) fn viewer(&self, wallet: Wallet, session: String, proven: Vec<String>) -> Viewer {
        Viewer {
            wallet,
            session,
            proven,
        }
    }

    /// Refuses a session that was ended.
    pub(super) async fn refuse_ended(&self, session: &str) -> Result<(), IdentityError> {
        let epoch = self.catalog.epoch().await.map_err(unavailable)?;
        let ended = self.has_ended(session, epoch).await;
        match ended.map_err(|error| IdentityError::Unavailable(error.into()))? {
            true => Err(IdentityError::Refused),
            false => Ok(()),
        }
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

    /// What a wallet may do by its name alone.
    pub(super) fn principal(&self, wallet: Wallet) -> Principal {
        let admin = self.admins.contains(&wallet);
        Principal {
            wallet,
            creator: admin || self.creators.contains(&wallet),
            admin,
        }
    }

    /// What somebody may do, by name or because a rule admits them. A rule that cannot be decided
    /// grants nothing.
    pub(super) async fn rights(&self, viewer: &Viewer) -> Principal {
        let named = self.principal(viewer.wallet);
        let (admins, creators) = (&self.people.admin_rule, &self.people.creator_rule);
        let admin = named.admin || self.admits(admins.as_deref(), viewer).await;
        let creator = admin || named.creator || self.admits(creators.as_deref(), viewer).await;
        Principal {
            creator,
            admin,
            ..named
        }
    }

    async fn admits(&self, rule: Option<&str>, viewer: &Viewer) -> bool {
        let required = rule.and_then(|name| self.rules.get(name));
        let Some(Ok(required)) = required else {
            return false;
        };
        self.admitted(viewer, required).await.is_ok()
    }

    /// Begins a session of somebody who has just proven who they are.
    pub(super) fn begin(&self, wallet: Wallet, proven: Vec<String>) -> Result<SignedIn, AuthError> {
        let (now, jti) = (self.clock.now(), random());
        self.grant(wallet, jti, now, proven)
    }

    /// A token of a session that began at `since`.
    fn grant(
        &self,
        wallet: Wallet,
        jti: String,
        since: UnixSeconds,
        proven: Vec<String>,
    ) -> Result<SignedIn, AuthError> {
        let now = self.clock.now();
        let ends = later(since, self.settings.refresh_seconds);
        let expires = match since == now {
            true => later(now, self.settings.session_seconds),
            false => later(now, self.settings.session_seconds).min(ends),
        };
        let claims = Session {
            sub: wallet,
            jti,
            auth_time: since,
            proven,
        };
        let token = Token::new(&self.public_url, now, expires, claims);
        let token = self.session_key.sign(&token)?;
        Ok(SignedIn {
            token,
            expires,
            wallet,
        })
    }

    /// Makes a session last longer, as long as its sign-in is not too old. It stays the same
    /// session: ending it ends every token of it.
    pub fn refresh(&self, who: &Profile) -> Result<SignedIn, AuthError> {
        let Means::SignIn(since) = who.means else {
            return Err(AuthError::SessionRequired);
        };
        let now = self.clock.now();
        if later(since, self.settings.refresh_seconds) <= now {
            return Err(AuthError::RefreshOver);
        }
        let (wallet, proven) = (who.principal.wallet, who.proven.clone());
        self.grant(wallet, who.session.clone(), since, proven)
    }

    /// Ends a session and everything that is watched in it.
    pub async fn sign_out(&self, session: &str) -> Result<(), AuthError> {
        Ok(self.catalog.revoke_session(session).await?)
    }
}

pub(super) fn unavailable(error: CatalogError) -> IdentityError {
    IdentityError::Unavailable(error.into())
}

#[async_trait]
impl Identities for Auth {
    async fn identify(&self, token: &str) -> Result<Principal, IdentityError> {
        Ok(self.session(token).await?.principal)
    }
}
