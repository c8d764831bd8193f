//! Tokens of the gate and who holds them. The gate's tokens are those that its rules test by
//! themselves: contract, chain, id and minimum stand there, so no request names what is looked at. The
//! answers tell somebody what they hold; they admit nobody.

use streamgate_contract::rules::{Check, Requirement, Test};

use super::Auth;
use super::dry_run::DryRun;
use super::error::AuthError;
use super::examine::Ask;
use super::sessions::{Means, Profile};
use crate::ports::identity::Viewer;

/// Does a rule ask for a token and for nothing else?
fn is_token(rule: &Requirement) -> bool {
    let Test::Check(check) = &rule.test else {
        return false;
    };
    match check {
        Check::Erc721(_) | Check::Erc1155(_) | Check::Erc20(_) => true,
        Check::SplToken(_) | Check::MetaplexNft(_) => true,
        Check::Native(_) | Check::Call(_) | Check::Delegated(_) => false,
        Check::AllowList(_) | Check::Merkle(_) => false,
        Check::OidcClaim(_) | Check::Webhook(_) => false,
    }
}

/// People, and machines that may watch in their place.
fn watches(who: &Profile) -> Result<(), AuthError> {
    match who.means {
        Means::Key(scopes) if !scopes.watch => Err(AuthError::ScopeRequired("watch")),
        _ => Ok(()),
    }
}

impl Auth {
    /// Every token of the gate, by the name of its rule, and whether the caller holds it. Chains are
    /// asked as for a viewer: what they said lately is believed.
    pub async fn tokens(&self, who: &Profile) -> Result<Vec<DryRun>, AuthError> {
        watches(who)?;
        let mut tokens: Vec<_> = self.rules.usable().filter(|rule| is_token(rule)).collect();
        tokens.sort_by(|a, b| a.rule.cmp(&b.rule));
        let viewer = self.holder(who, Vec::new());
        let held = |rule: &Requirement| self.try_rule(rule.clone(), &viewer, Self::remembered);
        Ok(futures::future::join_all(tokens.into_iter().map(held)).await)
    }

    /// The token of one rule.
    pub async fn token(&self, who: &Profile, rule: &str) -> Result<DryRun, AuthError> {
        self.held(who, rule, Vec::new(), Self::remembered).await
    }

    /// The same, the chain asked now, with accounts that the caller names.
    pub async fn verify_token(
        &self,
        who: &Profile,
        rule: &str,
        through: Vec<String>,
    ) -> Result<DryRun, AuthError> {
        self.held(who, rule, through, Self::anew).await
    }

    async fn held(
        &self,
        who: &Profile,
        rule: &str,
        through: Vec<String>,
        ask: Ask,
    ) -> Result<DryRun, AuthError> {
        watches(who)?;
        let rule = self.rules.get(rule).and_then(Result::ok);
        let rule = rule.filter(|rule| is_token(rule));
        let rule = rule.ok_or(AuthError::UnknownToken)?.clone();
        let viewer = self.holder(who, through);
        Ok(self.try_rule(rule, &viewer, ask).await)
    }

    fn holder(&self, who: &Profile, through: Vec<String>) -> Viewer {
        self.viewer(who.principal.wallet, who.session.clone(), through)
    }
}
