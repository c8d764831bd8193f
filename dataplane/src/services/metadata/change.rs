//! What an owner or an admin may change of a content. Pure.

use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use streamgate_contract::rules::Rules;

use crate::ports::catalog::{Content, ContentState};

/// Most characters of a title.
const MAX_TITLE_CHARS: usize = 200;

/// The fields to change; what is absent stays. Source: RFC 7396 (JSON Merge Patch).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Title for people.
    pub title: Option<String>,
    /// Name of a gate rule; `null` for the gate's default.
    #[serde(default, deserialize_with = "present")]
    pub rule: Option<Option<String>>,
    /// `withdrawn` takes it down, `published` brings it back.
    pub state: Option<ContentState>,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChange {
    /// The title is no short line of text.
    #[error("title must be one line of 1 to {MAX_TITLE_CHARS} characters")]
    Title,
    /// There is no such rule.
    #[error("rule {0:?} is not one the StreamGate has; use the name of one in its spec.rules")]
    Rule(String),
    /// The content cannot be in that state.
    #[error(
        "state must be withdrawn, or what the content was before: published with a finished output, processing without one"
    )]
    State,
}

/// The content as it is after the change.
pub fn apply(before: &Content, change: Change, rules: &Rules) -> Result<Content, InvalidChange> {
    let mut after = before.clone();
    if let Some(title) = change.title {
        after.title = line(&title).ok_or(InvalidChange::Title)?;
    }
    if let Some(rule) = change.rule {
        let unknown = |name: &&String| rules.get(name).is_none_or(|rule| rule.is_err());
        if let Some(name) = rule.as_ref().filter(unknown) {
            return Err(InvalidChange::Rule(name.chars().take(63).collect()));
        }
        after.rule = rule;
    }
    if let Some(state) = change.state {
        after.state = state;
        if !possible(&after) {
            return Err(InvalidChange::State);
        }
    }
    Ok(after)
}

fn line(title: &str) -> Option<String> {
    let title = title.trim();
    let short = (1..=MAX_TITLE_CHARS).contains(&title.chars().count());
    (short && !title.chars().any(char::is_control)).then(|| title.to_owned())
}

/// Playable when something is finished, in work when nothing is, withdrawn always.
fn possible(content: &Content) -> bool {
    match content.state {
        ContentState::Withdrawn => true,
        ContentState::Published => content.current_output.is_some(),
        ContentState::Processing => content.current_output.is_none(),
    }
}

/// Names a version of a content: the same exactly when every field is.
pub fn version(content: &Content) -> String {
    let text = serde_json::json!([
        content.id,
        content.title,
        content.owner,
        content.rule,
        content.state,
        content.current_output
    ]);
    hex::encode(&Sha256::digest(text.to_string())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::catalog::suite;

    fn changed(before: &Content, change: serde_json::Value) -> Result<Content, InvalidChange> {
        let rules = serde_json::from_value::<Vec<_>>(serde_json::json!([
            {"name": "few", "allowList": {"wallets": ["0x00000000000000000000000000000000000000ff"]}},
        ]));
        let change = serde_json::from_value(change).unwrap();
        apply(before, change, &Rules::new(&rules.unwrap()))
    }

    #[test]
    fn what_is_absent_stays_and_null_is_the_default_rule() {
        let before = suite::content("c");
        assert_eq!(changed(&before, serde_json::json!({})).unwrap(), before);
        let change = serde_json::json!({"title": " New ", "rule": "few", "state": "withdrawn"});
        let after = changed(&before, change).unwrap();
        assert_eq!(
            (after.title.as_str(), after.rule.as_deref()),
            ("New", Some("few"))
        );
        assert_eq!(after.state, ContentState::Withdrawn);
        assert_ne!(version(&after), version(&before));
        let default = changed(&after, serde_json::json!({"rule": null})).unwrap();
        assert_eq!((default.rule, default.title), (None, after.title));
    }

    #[test]
    fn titles_rules_and_states_that_cannot_be_are_refused() {
        let before = suite::content("c");
        for title in ["", "  ", "a\nb", &"x".repeat(201)] {
            let refused = changed(&before, serde_json::json!({"title": title}));
            assert_eq!(refused, Err(InvalidChange::Title), "{title:?}");
        }
        let refused = changed(&before, serde_json::json!({"rule": "none"}));
        assert_eq!(refused, Err(InvalidChange::Rule("none".into())));
        let mut bare = before.clone();
        bare.current_output = None;
        let refused = changed(&bare, serde_json::json!({"state": "published"}));
        assert_eq!(refused, Err(InvalidChange::State));
        bare.current_output = Some("o".parse().unwrap());
        let refused = changed(&bare, serde_json::json!({"state": "processing"}));
        assert_eq!(refused, Err(InvalidChange::State));
    }
}
