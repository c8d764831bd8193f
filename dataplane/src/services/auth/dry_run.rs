//! Would this wallet be admitted, and what does each test say? For owners and admins: the same
//! rule, the same tests and the same logic as for a viewer, but every chain is asked anew, nothing
//! is remembered, and nobody is admitted by it.

use streamgate_contract::ContentId;
use streamgate_contract::rules::{Requirement, Test};

use super::Auth;
use super::entitle::UNDECIDED;
use super::error::AuthError;
use super::evaluate::{Answer, evaluate};
use super::examine::{Ask, Examined, Ground};
use super::rules::{self, Access};
use super::sessions::Profile;
use crate::ports::catalog::Content;
use crate::ports::chain::Wallet;
use crate::ports::identity::Viewer;

/// What a dry run found.
#[derive(Debug)]
pub struct DryRun {
    /// Whether the wallet would be admitted.
    pub admitted: Answer,
    /// Stable word for why: `Admitted`, `Owner`, or the reason a viewer would be refused with.
    pub reason: String,
    /// The rule with what was found out; `None` when no rule had to be looked at.
    pub rule: Option<(Requirement, Examined)>,
}

impl DryRun {
    fn without_rule(admitted: Answer, reason: &str) -> Self {
        Self {
            admitted,
            reason: reason.to_owned(),
            rule: None,
        }
    }

    /// What a part of the rule says, and what a test of it rests on.
    pub fn says(&self, part: &Requirement) -> Option<(Answer, Option<&Ground>)> {
        let (_, examined) = self.rule.as_ref()?;
        let answer = evaluate(part, &|check| examined.finding(check)).answer;
        let ground = match &part.test {
            Test::Check(check) => examined.ground(check),
            _ => None,
        };
        Some((answer, ground))
    }
}

impl Auth {
    /// Tries a wallet at a content's rule. What is asked does not change who may watch.
    pub async fn dry_run(
        &self,
        who: &Profile,
        id: &ContentId,
        wallet: Wallet,
        proven: Vec<String>,
    ) -> Result<DryRun, AuthError> {
        let content = self.catalog.content(id).await?;
        if !who.principal.admin && !rules::owns(&content, who.principal.wallet) {
            return Err(AuthError::NotYours(id.clone()));
        }
        let run = self.try_wallet(&content, wallet, proven).await;
        tracing::info!(
            actor = %who.principal.wallet,
            content = %id,
            wallet = %wallet,
            admitted = ?run.admitted,
            reason = run.reason,
            "dry run of a gate rule"
        );
        Ok(run)
    }

    async fn try_wallet(&self, content: &Content, wallet: Wallet, proven: Vec<String>) -> DryRun {
        let who = self.principal(wallet);
        let access = rules::access(content, &who, &self.rules, self.default_rule.as_deref());
        match access {
            Access::Granted => DryRun::without_rule(Answer::Yes, "Owner"),
            Access::Nobody => DryRun::without_rule(Answer::No, "NotPlayable"),
            Access::OwnerOnly => DryRun::without_rule(Answer::No, "OwnerOnly"),
            Access::UnknownRule(_) => DryRun::without_rule(Answer::Unknown, "UnknownRule"),
            Access::InvalidRule(_) => DryRun::without_rule(Answer::Unknown, "InvalidRule"),
            Access::Holders(required) => {
                let viewer = self.viewer(wallet, String::new(), proven);
                self.try_rule(required.clone(), &viewer, Self::anew).await
            }
        }
    }

    /// What a rule says of somebody, chains asked by `ask`.
    pub(super) async fn try_rule(
        &self,
        required: Requirement,
        viewer: &Viewer,
        ask: Ask,
    ) -> DryRun {
        let examined = self.examine(viewer, &required, ask).await;
        let admitted = evaluate(&required, &|check| examined.finding(check)).answer;
        let reason = match admitted {
            Answer::Yes => "Admitted",
            Answer::No => required.reason(),
            Answer::Unknown => examined.failure().map_or(UNDECIDED, |error| error.reason()),
        };
        DryRun {
            admitted,
            reason: reason.to_owned(),
            rule: Some((required, examined)),
        }
    }
}
