//! What the schema cannot say about gate rules: sizes of numbers, arguments of calls, and rules
//! that grow beyond what a decision looks at.

use streamgate_contract::rules::{CallRule, GateRule, Rules, number};

use super::Problems;

/// Adds every problem of the rules.
pub fn check(rules: &[GateRule], problems: &mut Problems) {
    let resolved = Rules::new(rules);
    for (i, rule) in rules.iter().enumerate() {
        let field = format!("spec.rules[{i}]");
        if let Some(Err(error)) = resolved.get(&rule.name) {
            problems.add(&field, error.to_string());
        }
        for (name, text) in numbers(rule) {
            problems.unless(
                number(text).is_some(),
                &format!("{field}.{name}"),
                "is more than 256 bits hold: write a smaller number",
            );
        }
        if let Some(rule) = &rule.spl_token {
            problems.unless(
                rule.minimum.parse::<u64>().is_ok(),
                &format!("{field}.splToken.minimum"),
                "is more than 64 bits hold: write a smaller number",
            );
        }
        if let Some(Err(detail)) = rule.call.as_ref().map(arguments) {
            let detail = format!("{detail}: write one argument of the right form for each type");
            problems.add(format!("{field}.call.arguments"), detail);
        }
    }
}

fn arguments(call: &CallRule) -> Result<(), String> {
    call.words([0; 20]).map(|_| ())
}

/// Every number of a rule with its field.
fn numbers(rule: &GateRule) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    if let Some(id) = rule.erc721.as_ref().and_then(|r| r.token_id.as_deref()) {
        found.push(("erc721.tokenId", id));
    }
    if let Some(r) = &rule.erc1155 {
        found.push(("erc1155.tokenId", &r.token_id));
        found.push(("erc1155.minimum", &r.minimum));
    }
    if let Some(r) = &rule.erc20 {
        found.push(("erc20.minimum", &r.minimum));
    }
    if let Some(r) = &rule.native {
        found.push(("native.minimum", &r.minimum));
    }
    if let Some(r) = &rule.call {
        found.push(("call.minimum", &r.minimum));
    }
    found
}
