//! Audit records in the words of others: an event of the Open Cybersecurity Schema Framework in a
//! CloudEvents envelope. Sources: OCSF 1.3.0 (classes API Activity 6003 and Authentication 3002),
//! CloudEvents 1.0.2 in JSON.

use serde_json::{Value, json};

use crate::ports::audit_log::{EventKind, Record};

/// Type of the envelope.
const TYPE: &str = "io.streamgate.audit.v1";

/// The envelope around one record; `source` says which gate it comes from.
pub fn event(source: &str, sequence: u64, record: &Record) -> Value {
    json!({
        "specversion": "1.0",
        "id": record.id,
        "source": source,
        "type": TYPE,
        "time": record.time,
        "subject": record.resource,
        "datacontenttype": "application/json",
        "sequence": format!("{sequence:020}"),
        "data": ocsf(sequence, record),
    })
}

fn ocsf(sequence: u64, record: &Record) -> Value {
    let (category, class, activity) = class(record);
    let status = record.result.status;
    let failed = status.is_some_and(|status| status >= 400);
    let time = record.time.parse::<jiff::Timestamp>();
    let mut event = json!({
        "category_uid": category,
        "class_uid": class,
        "activity_id": activity,
        "type_uid": class * 100 + activity,
        "severity_id": if failed { 2 } else { 1 },
        "time": time.map_or(0, |time| time.as_millisecond()),
        "status_id": if failed { 2 } else { 1 },
        "status_code": status.map(|status| status.to_string()),
        "status_detail": record.result.reason,
        "metadata": {
            "version": "1.3.0", "uid": record.id, "sequence": sequence,
            "product": {"name": "StreamGate", "vendor_name": "StreamGate"},
        },
        "actor": {"user": {"uid": record.actor.wallet}},
        "src_endpoint": {"uid": record.actor.address},
        "unmapped": {"kind": record.kind, "stage": record.stage, "details": record.details},
    });
    if class == API_ACTIVITY {
        event["api"] = json!({"operation": format!("{} {}", record.action, record.resource)});
    } else {
        event["user"] = json!({"uid": record.actor.wallet});
    }
    if status.is_some() {
        event["http_request"] =
            json!({"http_method": record.action, "url": {"path": record.resource}});
        event["http_response"] = json!({"code": status});
    }
    event
}

const API_ACTIVITY: u64 = 6_003;
const AUTHENTICATION: u64 = 3_002;

/// Category, class and activity.
fn class(record: &Record) -> (u64, u64, u64) {
    const OTHER: u64 = 99;
    if record.kind == EventKind::Authentication {
        let activity = match record.resource.rsplit('/').next() {
            Some("login") => 1,
            Some("logout") => 2,
            _ => OTHER,
        };
        return (3, AUTHENTICATION, activity);
    }
    let activity = match record.action.as_str() {
        "POST" => 1,
        "GET" | "HEAD" => 2,
        "PUT" | "PATCH" => 3,
        "DELETE" => 4,
        _ => OTHER,
    };
    (6, API_ACTIVITY, activity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::audit_log::{Actor, Outcome, Stage};

    #[test]
    fn records_become_events_of_their_class() {
        let mut record = Record {
            id: "a1".into(),
            time: "2026-11-25T01:02:03.004Z".into(),
            stage: Stage::ResponseStarted,
            kind: EventKind::Authentication,
            actor: Actor {
                wallet: Some("hmac:1".into()),
                address: Some("hmac:2".into()),
            },
            action: "POST".into(),
            resource: "/api/v1/auth/login".into(),
            result: Outcome {
                status: Some(401),
                reason: Some("WrongSigner".into()),
            },
            details: serde_json::Map::new(),
        };
        let seen = event("/gates/demo", 7, &record);
        assert_eq!(
            (&seen["specversion"], &seen["id"]),
            (&json!("1.0"), &json!("a1"))
        );
        let data = &seen["data"];
        assert_eq!(data["type_uid"], 300_201);
        assert_eq!(data["time"], 1_795_568_523_004_u64);
        assert_eq!(
            (&data["status_id"], &data["user"]["uid"]),
            (&json!(2), &json!("hmac:1"))
        );
        record.kind = EventKind::Delete;
        record.action = "DELETE".into();
        record.result.status = Some(204);
        let data = &event("/gates/demo", 8, &record)["data"];
        assert_eq!(
            (&data["type_uid"], &data["status_id"]),
            (&json!(600_304), &json!(1))
        );
    }
}
