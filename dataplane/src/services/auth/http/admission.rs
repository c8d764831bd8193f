//! HTTP of dry runs: what a rule says of a wallet, test by test.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use streamgate_contract::ContentId;
use streamgate_contract::rules::{Requirement, Test};

use super::{Body, Names, Proofs, body, secret, session, wallet};
use crate::error::{Kind, Problem, required};
use crate::services::auth::{Auth, DryRun};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    wallet: String,
    #[serde(default)]
    proofs: Proofs,
    #[serde(default)]
    through: Names,
}

/// `POST /api/v1/contents/{id}/admission`.
pub(super) async fn dry_run(
    State(auth): State<Arc<Auth>>,
    id: Result<Path<ContentId>, PathRejection>,
    headers: HeaderMap,
    request: Body<Request>,
) -> Result<Response, Problem> {
    let who = session(&auth, &headers).await?;
    let unknown = |_| Problem::new(Kind::NotFound, "NotFound", "the path names no content");
    let Path(id) = id.map_err(unknown)?;
    let request = body(request)?;
    let wallet = wallet(&request.wallet)?;
    let mut proven = request.proofs.roots(wallet)?;
    proven.extend(request.through.read()?);
    let run = auth.dry_run(&who, &id, wallet, proven).await?;
    let rule = run.rule.as_ref().map(|(rule, _)| shown(&run, rule));
    Ok(secret(json!({
        "wallet": wallet.to_string(), "admitted": run.admitted, "reason": run.reason, "rule": rule,
    })))
}

/// A rule as JSON, each part with what it says and what that rests on.
pub(super) fn shown(run: &DryRun, part: &Requirement) -> Value {
    let below = |of: &[Requirement]| of.iter().map(|r| shown(run, r)).collect::<Vec<_>>();
    let mut value = required(part);
    match &part.test {
        Test::Check(_) => {}
        Test::AllOf(of) => value["allOf"] = below(of).into(),
        Test::AnyOf(of) => value["anyOf"] = below(of).into(),
        Test::Not(of) => value["not"] = shown(run, of),
    }
    let Some((answer, ground)) = run.says(part) else {
        return value;
    };
    value["says"] = json!(answer);
    match ground {
        Some(Ok(Some(block))) => {
            let hash = format!("0x{}", hex::encode(block.hash));
            let made = super::rfc3339(block.time);
            value["block"] = json!({"number": block.number, "hash": hash, "madeAt": made});
        }
        Some(Err(error)) => {
            let (reason, detail) = (error.reason(), error.to_string());
            value["error"] = json!({"reason": reason, "detail": detail});
        }
        _ => {}
    }
    value
}
