//! What a request is in the log: facts kept from before, the result added after.

use std::net::IpAddr;

use axum::extract::Request;
use axum::response::Response;
use serde_json::{Map, Value};
use streamgate_contract::audit::AuditLevel;
use streamgate_contract::limits::Scope;
use streamgate_contract::roles::Role;

use super::pseudonym::Pseudonyms;
use crate::error::Reason;
use crate::layers::arrival::Arrival;
use crate::layers::routes::{Route, UNMATCHED};
use crate::ports::audit_log::{Actor, EventKind, Outcome, Record, Stage, now};

/// Longest path kept.
const LONGEST: usize = 256;

/// What is known before the answer.
pub struct Facts {
    kind: EventKind,
    address: Option<String>,
    action: String,
    resource: String,
    pub details: Map<String, Value>,
}

impl Facts {
    pub fn of(
        request: &Request,
        route: &Route,
        level: AuditLevel,
        peer: Option<IpAddr>,
        pseudonyms: &Pseudonyms,
    ) -> Self {
        let method = request.method().as_str();
        let mut details = Map::new();
        if let Some(arrival) = request.extensions().get::<Arrival>() {
            details.insert("requestId".to_owned(), arrival.id.as_str().into());
        }
        details.insert("level".to_owned(), format!("{level:?}").into());
        Self {
            kind: kind(route.scope, method),
            address: peer.map(|peer| pseudonyms.address(peer)),
            action: method.chars().take(16).collect(),
            resource: resource(route.template, request.uri().path()),
            details,
        }
    }

    pub fn limited(route: &Route, peer: Option<IpAddr>, pseudonyms: &Pseudonyms) -> Self {
        Self {
            kind: EventKind::Limit,
            address: peer.map(|peer| pseudonyms.address(peer)),
            action: "limit".to_owned(),
            resource: route.template.to_owned(),
            details: Map::new(),
        }
    }

    pub fn detail(&mut self, name: &str, value: Option<Value>, pseudonyms: &Pseudonyms) {
        if let Some(mut value) = value {
            pseudonyms.redact(&mut value);
            self.details.insert(name.to_owned(), value);
        }
    }

    pub fn record(
        &self,
        stage: Stage,
        wallet: Option<String>,
        response: Option<&Response>,
    ) -> Record {
        let status = response.map(|response| response.status().as_u16());
        let reason = response.and_then(|response| response.extensions().get::<Reason>());
        let kind = match status {
            Some(429) => EventKind::Limit,
            _ => self.kind,
        };
        let address = self.address.clone();
        Record {
            id: hex::encode(rand::random::<[u8; 16]>()),
            time: now(),
            stage,
            kind,
            actor: Actor { wallet, address },
            action: self.action.clone(),
            resource: self.resource.clone(),
            result: Outcome {
                status,
                reason: reason.map(|reason| reason.0.to_owned()),
            },
            details: self.details.clone(),
        }
    }
}

fn kind(scope: Scope, method: &str) -> EventKind {
    match (scope, method) {
        (Scope::Role(Role::Auth), _) => EventKind::Authentication,
        (_, "GET" | "HEAD" | "OPTIONS") => EventKind::Read,
        (Scope::Role(Role::Cache), _) => EventKind::Cache,
        (Scope::Role(Role::Worker) | Scope::Jobs, _) => EventKind::Job,
        (_, "DELETE") => EventKind::Delete,
        _ => EventKind::Write,
    }
}

/// The path says which thing; where it carries a secret, or nobody knows what it carries, the
/// template must do.
fn resource(template: &str, path: &str) -> String {
    let secret = template == UNMATCHED || template.contains("{handle}") || template.contains("{*");
    if secret {
        return template.to_owned();
    }
    path.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_role_and_method_and_secrets_stay_out_of_paths() {
        assert_eq!(
            kind(Scope::Role(Role::Auth), "POST"),
            EventKind::Authentication
        );
        assert_eq!(kind(Scope::Role(Role::Upload), "DELETE"), EventKind::Delete);
        assert_eq!(kind(Scope::Role(Role::Cache), "PUT"), EventKind::Cache);
        assert_eq!(kind(Scope::Jobs, "POST"), EventKind::Job);
        assert_eq!(kind(Scope::Role(Role::Worker), "POST"), EventKind::Job);
        assert_eq!(kind(Scope::Role(Role::Metadata), "PATCH"), EventKind::Write);
        assert_eq!(
            resource("/v/{handle}/{file}", "/v/SECRET/master.m3u8"),
            "/v/{handle}/{file}"
        );
        assert_eq!(resource(UNMATCHED, "/SECRET"), UNMATCHED);
        assert_eq!(
            resource("/api/v1/contents/{id}", "/api/v1/contents/a"),
            "/api/v1/contents/a"
        );
    }
}
