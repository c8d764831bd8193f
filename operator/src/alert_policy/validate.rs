//! Whether an AlertPolicy can be evaluated. Values in, values out.

use streamgate_crds::alert_expression;
use streamgate_crds::conditions::reason;
use streamgate_crds::{AlertPolicy, alert_policy::AlertRule};

/// Why it cannot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such StreamGate in its namespace.
    #[error(
        "StreamGate {0:?} does not exist in this namespace: create it or correct spec.streamGateRef.name"
    )]
    StreamGateNotFound(String),
    /// Expressions that the monitor does not evaluate, one sentence for each.
    #[error("{}", .0.join("; "))]
    Expressions(Vec<String>),
}

impl Refusal {
    /// The stable word for it.
    pub fn reason(&self) -> &'static str {
        match self {
            Refusal::StreamGateNotFound(_) => reason::STREAM_GATE_NOT_FOUND,
            Refusal::Expressions(_) => reason::UNSUPPORTED_EXPRESSION,
        }
    }
}

/// Checks a policy; expressions first, since they are wrong whatever StreamGates there are. Rules
/// that are switched off are checked too: switching one on should hold no surprise.
///
/// # Errors
/// Why it cannot be evaluated.
pub fn validate(policy: &AlertPolicy, gate_exists: bool) -> Result<(), Refusal> {
    let refused: Vec<_> = policy.spec.rules.iter().filter_map(unsupported).collect();
    if !refused.is_empty() {
        return Err(Refusal::Expressions(refused));
    }
    let gate = &policy.spec.stream_gate_ref.name;
    gate_exists
        .then_some(())
        .ok_or_else(|| Refusal::StreamGateNotFound(gate.clone()))
}

fn unsupported(rule: &AlertRule) -> Option<String> {
    let error = alert_expression::compile(&rule.expr).err()?;
    Some(format!("rule {}: {error}", rule.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(exprs: &[&str]) -> AlertPolicy {
        let rules: Vec<_> = exprs
            .iter()
            .enumerate()
            .map(|(i, expr)| json!({"name": format!("Rule{i}"), "expr": expr}))
            .collect();
        let spec = json!({"streamGateRef": {"name": "demo"}, "rules": rules});
        AlertPolicy::new("policy", serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn a_policy_of_supported_expressions_is_accepted() {
        let fine = policy(&["up == 0", "sum by (step) (rate(failures_total[5m])) > 0.1"]);
        assert_eq!(validate(&fine, true), Ok(()));
    }

    #[test]
    fn an_unsupported_expression_is_refused_by_rule_and_place() {
        let refusal = validate(&policy(&["up", "1 + histogram_quantile(0.9, x)"]), true).unwrap_err();
        assert_eq!(refusal.reason(), "UnsupportedExpression");
        let text = refusal.to_string();
        assert!(text.starts_with("rule Rule1: ") && text.contains("column 5"), "{text}");
    }

    #[test]
    fn every_bad_rule_is_told() {
        let text = validate(&policy(&["topk(1, x)", "up", "(("]), true).unwrap_err().to_string();
        assert!(text.contains("rule Rule0") && text.contains("rule Rule2"), "{text}");
    }

    #[test]
    fn a_missing_gate_is_named() {
        let refusal = validate(&policy(&["up"]), false).unwrap_err();
        assert_eq!(refusal.reason(), "StreamGateNotFound");
        assert!(refusal.to_string().contains("\"demo\""), "{refusal}");
    }
}
