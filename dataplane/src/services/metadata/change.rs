//! What an owner or an admin may say of a content. Pure.

use serde::{Deserialize, Deserializer};
use streamgate_contract::CategoryId;
use streamgate_contract::rules::Rules;

use crate::ports::catalog::ContentState;
use crate::ports::catalog::library::{About, Entry};
use crate::validation::{Email, Line, Text};

/// Title of a content or category.
pub type Title = Line<200>;
/// What is said of a content.
pub type Description = Text<2000>;

/// Most categories of a content.
pub const MAX_CATEGORIES: usize = 16;

/// A content that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContent {
    /// Title for people.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub title: Title,
    /// Text for people.
    #[serde(default)]
    #[schema(value_type = String, max_length = 2000)]
    pub description: Description,
    /// E-mail address that answers questions about it.
    #[schema(value_type = Option<String>, format = Email, max_length = 254)]
    pub contact: Option<Email>,
    /// Name of a gate rule; without one the gate's default holds.
    #[schema(max_length = 63)]
    pub rule: Option<String>,
    /// Categories it is in.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 16)]
    pub categories: Vec<CategoryId>,
}

/// The fields to change; what is absent stays. Source: RFC 7396 (JSON Merge Patch).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Title for people.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub title: Option<Title>,
    /// Text for people.
    #[schema(value_type = Option<String>, max_length = 2000)]
    pub description: Option<Description>,
    /// E-mail address that answers questions about it; `null` for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = Email, max_length = 254)]
    pub contact: Option<Option<Email>>,
    /// Name of a gate rule; `null` for the gate's default.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 63)]
    pub rule: Option<Option<String>>,
    /// Categories it is in, instead of those before.
    #[schema(value_type = Option<Vec<String>>, max_items = 16)]
    pub categories: Option<Vec<CategoryId>>,
    /// `withdrawn` takes it down, `published` brings it back.
    pub state: Option<ContentState>,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    value: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChange {
    /// There is no such rule.
    #[error("rule {0:?} is not one the StreamGate has; use the name of one in its spec.rules")]
    Rule(String),
    /// The content cannot be in that state.
    #[error(
        "state must be withdrawn, or what the content was before: published with a finished output, processing without one"
    )]
    State,
    /// There are too many categories.
    #[error("a content has {MAX_CATEGORIES} categories at most")]
    Categories,
}

/// A rule that exists.
pub fn known_rule(name: &str, rules: &Rules) -> Result<(), InvalidChange> {
    match rules.get(name) {
        Some(Ok(_)) => Ok(()),
        _ => Err(InvalidChange::Rule(name.chars().take(63).collect())),
    }
}

/// Categories in order, each once.
pub fn in_order(mut categories: Vec<CategoryId>) -> Result<Vec<CategoryId>, InvalidChange> {
    categories.sort();
    categories.dedup();
    match categories.len() {
        0..=MAX_CATEGORIES => Ok(categories),
        _ => Err(InvalidChange::Categories),
    }
}

/// The content as it is after the change.
pub fn apply(before: &Entry, change: Change, rules: &Rules) -> Result<Entry, InvalidChange> {
    let mut after = before.clone();
    if let Some(rule) = change.rule {
        if let Some(name) = &rule {
            known_rule(name, rules)?;
        }
        after.content.rule = rule;
    }
    if let Some(title) = change.title {
        after.content.title = title.into();
    }
    if let Some(state) = change.state {
        after.content.state = state;
        if !possible(&after) {
            return Err(InvalidChange::State);
        }
    }
    after.about = about(
        after.about,
        change.description,
        change.contact,
        change.categories,
    )?;
    Ok(after)
}

fn about(
    before: About,
    description: Option<Description>,
    contact: Option<Option<Email>>,
    categories: Option<Vec<CategoryId>>,
) -> Result<About, InvalidChange> {
    Ok(About {
        description: description.map_or(before.description, String::from),
        contact: contact.map_or(before.contact, |contact| contact.map(String::from)),
        categories: categories.map_or(Ok(before.categories), in_order)?,
    })
}

/// Playable when something is finished, in work when nothing is, withdrawn always.
fn possible(entry: &Entry) -> bool {
    match entry.content.state {
        ContentState::Withdrawn => true,
        ContentState::Published => entry.content.current_output.is_some(),
        ContentState::Processing => entry.content.current_output.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::catalog::suite;

    fn before() -> Entry {
        Entry::new(suite::content("c"), About::default())
    }

    fn changed(before: &Entry, change: serde_json::Value) -> Result<Entry, InvalidChange> {
        let rules = serde_json::from_value::<Vec<_>>(serde_json::json!([
            {"name": "few", "allowList": {"wallets": ["0x00000000000000000000000000000000000000ff"]}},
        ]));
        let change = serde_json::from_value(change).unwrap();
        apply(before, change, &Rules::new(&rules.unwrap()))
    }

    #[test]
    fn what_is_absent_stays_and_null_is_the_default() {
        let before = before();
        assert_eq!(changed(&before, serde_json::json!({})).unwrap(), before);
        let change = serde_json::json!({"title": " New ", "rule": "few", "state": "withdrawn",
            "contact": "a@b.co", "categories": ["sea", "nature", "sea"], "description": "x\ny"});
        let after = changed(&before, change).unwrap();
        let content = &after.content;
        assert_eq!(
            (content.title.as_str(), content.rule.as_deref()),
            ("New", Some("few"))
        );
        assert_eq!(content.state, ContentState::Withdrawn);
        assert_eq!(after.about.contact.as_deref(), Some("a@b.co"));
        let categories: Vec<&str> = after.about.categories.iter().map(|c| c.as_str()).collect();
        assert_eq!(categories, ["nature", "sea"]);
        let default = changed(&after, serde_json::json!({"rule": null, "contact": null})).unwrap();
        assert_eq!(
            (&default.content.rule, &default.about.contact),
            (&None, &None)
        );
        assert_eq!(default.about.description, "x\ny");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut before = before();
        let refused = changed(&before, serde_json::json!({"rule": "none"}));
        assert_eq!(refused, Err(InvalidChange::Rule("none".into())));
        let refused = changed(&before, serde_json::json!({"state": "published"}));
        assert_eq!(refused, Err(InvalidChange::State));
        let many: Vec<String> = (0..17).map(|n| format!("c{n}")).collect();
        let refused = changed(&before, serde_json::json!({"categories": many}));
        assert_eq!(refused, Err(InvalidChange::Categories));
        before.content.current_output = Some("o".parse().unwrap());
        let refused = changed(&before, serde_json::json!({"state": "processing"}));
        assert_eq!(refused, Err(InvalidChange::State));
    }
}
