//! What the roles ask `auth` over the network, and what it answers, as JSON. An answer is a
//! decision, whichever way it goes; anything else means that none was made.

use serde::{Deserialize, Serialize};
use streamgate_contract::ContentId;

use super::{Denied, IdentityError, Lease, Principal, Requirement, Viewer};
use crate::ports::Source;
use crate::ports::clock::UnixSeconds;

/// Who does this session token belong to?
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identify {
    /// The token. Secret.
    pub token: String,
}

/// Whom it belongs to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Identified {
    /// Somebody who is signed in.
    SignedIn {
        /// Their wallet.
        wallet: String,
        /// May upload.
        creator: bool,
        /// May do everything.
        admin: bool,
    },
    /// It proves nothing.
    Refused,
}

/// May somebody watch a content?
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entitle {
    /// The wallet.
    pub wallet: String,
    /// The session it signed in to.
    pub session: String,
    /// Roots of Merkle trees it was proven to be in.
    pub proven: Vec<String>,
    /// The content.
    pub content: ContentId,
}

/// Whether they may.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Entitled {
    /// They may, for a while.
    Lease {
        /// Until when.
        until: UnixSeconds,
        /// Revocation epoch it was granted in.
        epoch: u64,
    },
    /// There is nothing to play.
    NotPlayable,
    /// It is its owner's alone.
    OwnerOnly,
    /// The rule asks for this.
    Required(Box<Requirement>),
    /// The session has ended.
    SessionEnded,
    /// It cannot be decided now.
    Undecided {
        /// Stable word for what is in the way.
        reason: String,
        /// What failed.
        detail: String,
    },
}

impl Entitle {
    /// The question about a viewer.
    pub fn of(viewer: &Viewer, content: &ContentId) -> Self {
        Self {
            wallet: viewer.wallet.to_string(),
            session: viewer.session.clone(),
            proven: viewer.proven.clone(),
            content: content.clone(),
        }
    }

    /// The viewer it is about; `None` when the wallet is none.
    pub fn viewer(self) -> Option<(Viewer, ContentId)> {
        let viewer = Viewer {
            wallet: self.wallet.parse().ok()?,
            session: self.session,
            proven: self.proven,
        };
        Some((viewer, self.content))
    }
}

impl Entitled {
    /// The answer that says what was decided.
    pub fn of(decided: Result<Lease, Denied>) -> Self {
        match decided {
            Ok(Lease { until, epoch }) => Self::Lease { until, epoch },
            Err(Denied::NotPlayable(_)) => Self::NotPlayable,
            Err(Denied::OwnerOnly(_)) => Self::OwnerOnly,
            Err(Denied::Required(requirement)) => Self::Required(requirement),
            Err(Denied::SessionEnded) => Self::SessionEnded,
            Err(Denied::Undecided { reason, source }) => Self::Undecided {
                reason: reason.to_owned(),
                detail: crate::ports::causes(source.as_ref()),
            },
        }
    }

    /// What was decided about a content; `known` are the words that may be in the way.
    ///
    /// # Errors
    /// When somebody may not watch.
    pub fn decided(
        self,
        content: &ContentId,
        known: &[&'static str],
        other: &'static str,
    ) -> Result<Lease, Denied> {
        Err(match self {
            Self::Lease { until, epoch } => return Ok(Lease { until, epoch }),
            Self::NotPlayable => Denied::NotPlayable(content.clone()),
            Self::OwnerOnly => Denied::OwnerOnly(content.clone()),
            Self::Required(requirement) => Denied::Required(requirement),
            Self::SessionEnded => Denied::SessionEnded,
            Self::Undecided { reason, detail } => Denied::Undecided {
                reason: known.iter().find(|k| **k == reason).unwrap_or(&other),
                source: detail.into(),
            },
        })
    }
}

impl Identified {
    /// The answer; an error when nothing was decided.
    ///
    /// # Errors
    /// When sessions cannot be checked now.
    pub fn of(found: Result<Principal, IdentityError>) -> Result<Self, Source> {
        match found {
            Ok(who) => Ok(Self::SignedIn {
                wallet: who.wallet.to_string(),
                creator: who.creator,
                admin: who.admin,
            }),
            Err(IdentityError::Refused) => Ok(Self::Refused),
            Err(IdentityError::Unavailable(source)) => Err(source),
        }
    }

    /// Who it is.
    ///
    /// # Errors
    /// When the token proves nothing, or the answer makes no sense.
    pub fn principal(self) -> Result<Principal, IdentityError> {
        match self {
            Self::Refused => Err(IdentityError::Refused),
            Self::SignedIn {
                wallet,
                creator,
                admin,
            } => {
                let wallet = wallet.parse();
                let wallet = wallet.map_err(|e: crate::ports::chain::InvalidWallet| {
                    IdentityError::Unavailable(e.into())
                })?;
                Ok(Principal {
                    wallet,
                    creator,
                    admin,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgate_contract::rules::{AllowListRule, Check, Test};

    /// There and back as JSON.
    fn sent(decided: Result<Lease, Denied>) -> Result<Lease, Denied> {
        let text = serde_json::to_string(&Entitled::of(decided)).unwrap();
        let read: Entitled = serde_json::from_str(&text).unwrap();
        let content = "c".parse().unwrap();
        read.decided(&content, &["ChainStale"], "EntitlementUndecided")
    }

    #[test]
    fn a_decision_is_the_same_at_both_ends() {
        let lease = Lease { until: 7, epoch: 3 };
        assert_eq!(sent(Ok(lease)).unwrap(), lease);
        let content: ContentId = "c".parse().unwrap();
        let wallets = vec!["0x01".to_owned()];
        let requirement = Requirement {
            rule: "friends".into(),
            title: Some("Friends".into()),
            get_url: None,
            test: Test::Not(Box::new(Requirement {
                rule: "list".into(),
                title: None,
                get_url: None,
                test: Test::Check(Check::AllowList(AllowListRule { wallets })),
            })),
        };
        for denied in [
            Denied::NotPlayable(content.clone()),
            Denied::OwnerOnly(content),
            Denied::Required(Box::new(requirement)),
            Denied::SessionEnded,
        ] {
            let told = denied.to_string();
            let again = sent(Err(denied)).unwrap_err();
            assert_eq!(again.to_string(), told);
            assert!(!matches!(again, Denied::Undecided { .. }));
        }
        for (word, kept) in [
            ("ChainStale", "ChainStale"),
            ("SomethingNew", "EntitlementUndecided"),
        ] {
            let denied = Denied::Undecided {
                reason: word,
                source: "why".into(),
            };
            match sent(Err(denied)) {
                Err(Denied::Undecided { reason, source }) => {
                    assert_eq!((reason, source.to_string().as_str()), (kept, "why"));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_question_with_a_wallet_that_is_none_is_about_nobody() {
        let entitle = |wallet: &str| Entitle {
            wallet: wallet.into(),
            session: "s".into(),
            proven: Vec::new(),
            content: "c".parse().unwrap(),
        };
        let right = entitle("0x00000000000000000000000000000000000000a1");
        let (viewer, content) = right.viewer().unwrap();
        assert_eq!(
            Entitle::of(&viewer, &content).wallet,
            viewer.wallet.to_string()
        );
        assert!(entitle("nobody").viewer().is_none());
    }
}
