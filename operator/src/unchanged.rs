//! Whether an object in the cluster is as wanted already: pure comparison of JSON values.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Annotation with the hash of what the operator applied last. Together with [`covers`] it finds
/// both a field we no longer want and a field somebody else turned.
pub const APPLIED: &str = "streamgate.io/applied";

/// Hash of a wanted object.
pub fn hash(wanted: &Value) -> String {
    let digest = Sha256::digest(wanted.to_string());
    hex::encode(&digest[..8])
}

/// Whether `live` says everything that `wanted` says; what the API server defaulted beyond it
/// does not count.
pub fn covers(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (_, wanted) if is_empty(wanted) => true,
        (Value::Object(live), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            is_empty(wanted) || live.get(key).is_some_and(|live| covers(live, wanted))
        }),
        (Value::Array(live), Value::Array(wanted)) => lists(live, wanted),
        (Value::String(live), Value::String(wanted)) => {
            live == wanted || same_quantity(live, wanted)
        }
        (Value::Number(live), Value::Number(wanted)) => live.as_f64() == wanted.as_f64(),
        _ => live == wanted,
    }
}

/// Objects in lists are found by content, since the server keys such lists; plain values keep
/// their order.
fn lists(live: &[Value], wanted: &[Value]) -> bool {
    if wanted.iter().all(Value::is_object) {
        let found = |wanted: &Value| live.iter().any(|live| covers(live, wanted));
        wanted.iter().all(found)
    } else {
        live.len() == wanted.len() && live.iter().zip(wanted).all(|(l, w)| covers(l, w))
    }
}

/// The API server leaves out what is empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().all(is_empty),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// The API server writes quantities in its own way: `1000m` comes back as `1`.
fn same_quantity(a: &str, b: &str) -> bool {
    matches!((quantity(a), quantity(b)), (Some(a), Some(b)) if a == b)
}

fn quantity(text: &str) -> Option<f64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_of_the_server_are_no_difference() {
        let live = json!({"spec": {"replicas": 1, "extra": true, "ports": [{"port": 80, "protocol": "TCP"}]}});
        let wanted = json!({"spec": {"replicas": 1, "ports": [{"port": 80}], "empty": {}}});
        assert!(covers(&live, &wanted));
    }

    #[test]
    fn a_turned_field_is_a_difference() {
        let wanted = json!({"spec": {"replicas": 1}, "args": ["a", "b"]});
        for live in [
            json!({"spec": {"replicas": 2}, "args": ["a", "b"]}),
            json!({"spec": {}, "args": ["a", "b"]}),
            json!({"spec": {"replicas": 1}, "args": ["b", "a"]}),
        ] {
            assert!(!covers(&live, &wanted), "{live}");
        }
    }

    #[test]
    fn quantities_compare_by_amount() {
        for (live, wanted) in [("1", "1000m"), ("500m", "0.5"), ("1Gi", "1024Mi")] {
            assert!(covers(&json!(live), &json!(wanted)), "{live} {wanted}");
        }
        assert!(!covers(&json!("1"), &json!("2")));
        assert!(!covers(&json!("a1"), &json!("a1000m")));
    }
}
