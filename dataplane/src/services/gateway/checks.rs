//! How the roles behind the gateway are: each is asked, at most once a second however many want to
//! know.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http_body_util::{BodyExt, Empty};
use streamgate_contract::peers::READY_PATH;
use streamgate_contract::roles::Role;
use tokio::sync::Mutex;

use super::{Check, Checks};
use crate::ports::peers::Upstream;

/// How long answers stay true.
const FRESH: Duration = Duration::from_secs(1);
/// Longest wait for one.
const PATIENCE: Duration = Duration::from_secs(2);

/// The roles.
pub struct RoleChecks {
    upstream: Arc<dyn Upstream>,
    roles: Vec<Role>,
    seen: Mutex<Option<(Instant, Vec<Check>)>>,
}

impl RoleChecks {
    /// Of these roles.
    pub fn new(upstream: Arc<dyn Upstream>, roles: impl IntoIterator<Item = Role>) -> Self {
        Self {
            upstream,
            roles: roles.into_iter().collect(),
            seen: Mutex::default(),
        }
    }

    async fn check(&self, role: Role) -> Check {
        Check {
            part: role.name(),
            hindrance: self.hindrance(role).await,
        }
    }

    async fn hindrance(&self, role: Role) -> Option<&'static str> {
        let nothing = Empty::new().map_err(|never| match never {});
        let request = http::Request::get(READY_PATH).body(nothing.boxed_unsync());
        let Ok(request) = request else {
            return Some("cannot be asked");
        };
        match tokio::time::timeout(PATIENCE, self.upstream.send(role, request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => None,
            Ok(Ok(_)) => Some("is not ready"),
            Ok(Err(_)) => Some("cannot be reached"),
            Err(_) => Some("does not answer in time"),
        }
    }
}

#[async_trait]
impl Checks for RoleChecks {
    async fn checks(&self) -> Vec<Check> {
        let mut seen = self.seen.lock().await;
        if let Some((when, checks)) = &*seen
            && when.elapsed() < FRESH
        {
            return checks.clone();
        }
        let all = self.roles.iter().map(|role| self.check(*role));
        let checks = futures::future::join_all(all).await;
        *seen = Some((Instant::now(), checks.clone()));
        checks
    }
}
