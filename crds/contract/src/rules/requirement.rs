//! A rule with everything it refers to: what a viewer must be able to show. Pure.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Check, GateRule};

/// Most levels of rules that refer to rules, the lowest included.
pub const MAX_DEPTH: usize = 5;
/// Most things one rule tests, all it refers to included.
pub const MAX_LEAVES: usize = 32;

/// What a rule asks of a viewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirement {
    /// Name of the rule.
    pub rule: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where to get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub get_url: Option<String>,
    /// What it tests.
    pub test: Test,
}

/// How it is found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Test {
    /// One thing is looked at.
    Check(Check),
    /// All of these say yes.
    AllOf(Vec<Requirement>),
    /// At least one of these says yes.
    AnyOf(Vec<Requirement>),
    /// This says no.
    Not(Box<Requirement>),
}

/// Why a rule cannot be used. Contents that name it are refused; others are not concerned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// It refers to nothing.
    #[error(
        "rule {by:?} names rule {name:?}, which is not in spec.rules; add it or correct the name"
    )]
    Unknown {
        /// The rule that refers.
        by: String,
        /// What it refers to.
        name: String,
    },
    /// It tests nothing, or several things at once.
    #[error("rule {0:?} does not have exactly one kind; set one and remove the others")]
    NotOneKind(String),
    /// It is too much to look at, or refers to itself.
    #[error(
        "rule {0:?} is too large: at most {MAX_LEAVES} tests, {MAX_DEPTH} levels, and never itself"
    )]
    TooLarge(String),
}

impl Requirement {
    /// Everything it looks at, in order.
    pub fn checks(&self) -> Vec<&Check> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect<'a>(&'a self, found: &mut Vec<&'a Check>) {
        match &self.test {
            Test::Check(check) => found.push(check),
            Test::AllOf(of) | Test::AnyOf(of) => of.iter().for_each(|r| r.collect(found)),
            Test::Not(of) => of.collect(found),
        }
    }

    /// Stable reason of a refusal, by what the rule tests.
    pub fn reason(&self) -> &'static str {
        match &self.test {
            Test::Check(check) => check.reason(),
            Test::AllOf(_) | Test::AnyOf(_) | Test::Not(_) => "RequirementsNotMet",
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, word: &str, of: &[Requirement]| {
            write!(f, "{word} (")?;
            for (i, requirement) in of.iter().enumerate() {
                let comma = if i == 0 { "" } else { "; " };
                write!(f, "{comma}{requirement}")?;
            }
            f.write_str(")")
        };
        match (&self.title, &self.test) {
            (Some(title), Test::Check(check)) => write!(f, "{title:?}, {check}"),
            (None, Test::Check(check)) => write!(f, "{check}"),
            (_, Test::AllOf(of)) => list(f, "all of", of),
            (_, Test::AnyOf(of)) => list(f, "one of", of),
            (_, Test::Not(of)) => write!(f, "nothing like ({of})"),
        }
    }
}

/// The rules of a gate, each with what it refers to. A rule that cannot be used stays in, so that
/// what names it is refused and says why.
#[derive(Clone, Debug, Default)]
pub struct Rules(HashMap<String, Result<Requirement, InvalidRule>>);

impl Rules {
    /// Resolves every name.
    pub fn new(rules: &[GateRule]) -> Self {
        let by_name: HashMap<&str, &GateRule> =
            rules.iter().map(|r| (r.name.as_str(), r)).collect();
        let resolved = by_name.values().map(|rule| {
            let mut leaves = 0;
            let resolved = resolve(rule, &by_name, MAX_DEPTH, &mut leaves);
            // Named after the rule that somebody refers to, not after where the bound was met.
            let resolved = resolved.map_err(|error| match error {
                InvalidRule::TooLarge(_) => InvalidRule::TooLarge(rule.name.clone()),
                other => other,
            });
            (rule.name.clone(), resolved)
        });
        Self(resolved.collect())
    }

    /// What a rule asks; `None` when there is no such rule.
    pub fn get(&self, name: &str) -> Option<Result<&Requirement, &InvalidRule>> {
        self.0.get(name).map(Result::as_ref)
    }

    /// Every rule that can be used.
    pub fn usable(&self) -> impl Iterator<Item = &Requirement> {
        self.0.values().filter_map(|rule| rule.as_ref().ok())
    }
}

/// Resolves one rule; `leaves` counts what it tests, so that names referring to each other many
/// times cannot make it grow without bound.
fn resolve(
    rule: &GateRule,
    rules: &HashMap<&str, &GateRule>,
    levels: usize,
    leaves: &mut usize,
) -> Result<Requirement, InvalidRule> {
    let too_large = || InvalidRule::TooLarge(rule.name.clone());
    let below = levels.checked_sub(1).ok_or_else(too_large)?;
    let mut named = |name: &String| {
        let unknown = || InvalidRule::Unknown {
            by: rule.name.clone(),
            name: name.clone(),
        };
        let found = rules.get(name.as_str()).ok_or_else(unknown)?;
        resolve(found, rules, below, leaves)
    };
    let mut tests = Vec::new();
    if let Some(of) = &rule.all_of {
        tests.push(Test::AllOf(
            of.iter().map(&mut named).collect::<Result<_, _>>()?,
        ));
    }
    if let Some(of) = &rule.any_of {
        tests.push(Test::AnyOf(
            of.iter().map(&mut named).collect::<Result<_, _>>()?,
        ));
    }
    if let Some(of) = &rule.not {
        tests.push(Test::Not(Box::new(named(of)?)));
    }
    let checks = Check::all(rule);
    *leaves += checks.len();
    if *leaves > MAX_LEAVES {
        return Err(too_large());
    }
    tests.extend(checks.into_iter().map(Test::Check));
    // Nothing at all would be true of everybody.
    let empty = |test: &Test| matches!(test, Test::AllOf(of) | Test::AnyOf(of) if of.is_empty());
    tests.retain(|test| !empty(test));
    match <[Test; 1]>::try_from(tests) {
        Ok([test]) => Ok(Requirement {
            rule: rule.name.clone(),
            title: rule.title.clone(),
            get_url: rule.get_url.clone(),
            test,
        }),
        Err(_) => Err(InvalidRule::NotOneKind(rule.name.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::NativeRule;
    use super::*;

    fn leaf(name: &str) -> GateRule {
        GateRule {
            name: name.into(),
            native: Some(NativeRule {
                chain: "main".into(),
                minimum: "1".into(),
            }),
            ..GateRule::default()
        }
    }

    fn any(name: &str, of: &[&str]) -> GateRule {
        GateRule {
            name: name.into(),
            any_of: Some(of.iter().map(|n| n.to_string()).collect()),
            ..GateRule::default()
        }
    }

    #[test]
    fn names_are_resolved_and_say_what_is_asked() {
        let not = GateRule {
            name: "outsider".into(),
            not: Some("rich".into()),
            ..GateRule::default()
        };
        let rules = Rules::new(&[leaf("rich"), not, any("either", &["rich", "outsider"])]);
        let either = rules.get("either").unwrap().unwrap();
        assert_eq!(either.checks().len(), 2);
        assert_eq!(either.reason(), "RequirementsNotMet");
        assert_eq!(
            either.to_string(),
            "one of (a balance of 1 wei on chain main; nothing like (a balance of 1 wei on chain main))"
        );
        assert_eq!(
            rules.get("rich").unwrap().unwrap().reason(),
            "BalanceRequired"
        );
        assert!(rules.get("nobody").is_none());
    }

    #[test]
    fn a_rule_that_cannot_be_used_says_why_and_spoils_no_other() {
        let mut two = leaf("two");
        two.any_of = Some(vec!["rich".into()]);
        let none = GateRule {
            name: "none".into(),
            ..GateRule::default()
        };
        let wide: Vec<&str> = vec!["rich"; 8];
        let rules = Rules::new(&[
            leaf("rich"),
            two,
            none,
            any("empty", &[]),
            any("lost", &["nobody"]),
            any("itself", &["itself"]),
            any("ping", &["pong"]),
            any("pong", &["ping"]),
            any("wide", &wide),
            any("wider", &["wide", "wide", "wide", "wide"]),
            any("widest", &["wider", "rich"]),
        ]);
        let error = |name: &str| rules.get(name).unwrap().unwrap_err().clone();
        assert_eq!(error("two"), InvalidRule::NotOneKind("two".into()));
        for name in ["none", "empty"] {
            assert_eq!(error(name), InvalidRule::NotOneKind(name.into()));
        }
        let lost = InvalidRule::Unknown {
            by: "lost".into(),
            name: "nobody".into(),
        };
        assert_eq!(error("lost"), lost);
        for name in ["itself", "ping", "pong", "widest"] {
            assert_eq!(error(name), InvalidRule::TooLarge(name.into()));
        }
        assert_eq!(rules.get("wider").unwrap().unwrap().checks().len(), 32);
        assert_eq!(rules.usable().count(), 3);
    }

    #[test]
    fn a_rule_of_one_erc721_token_is_written_as_it_always_was() {
        let text = r#"{"name":"pass","erc721":{"chain":"main","contract":"0xa1"}}"#;
        let rule: GateRule = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&rule).unwrap(), text);
    }
}
