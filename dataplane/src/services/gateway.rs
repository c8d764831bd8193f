//! Role `gateway`: what the API is as a whole: its description, a browser for it, and whether
//! everything behind it is well.

use std::sync::Arc;

use async_trait::async_trait;

pub mod checks;
pub mod http;
pub mod openapi;
pub mod proxy;

/// A part of the gate and whether it does its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub part: &'static str,
    /// What hinders it; `None` when it is well.
    pub hindrance: Option<&'static str>,
}

/// Knows how the parts are.
#[async_trait]
pub trait Checks: Send + Sync {
    /// Every part, as of at most a second ago.
    async fn checks(&self) -> Vec<Check>;
}

/// The role.
pub struct Gateway {
    checks: Arc<dyn Checks>,
    /// The description of the API, as text.
    description: String,
}

impl Gateway {
    /// Makes the role.
    pub fn new(checks: Arc<dyn Checks>) -> Self {
        Self {
            checks,
            description: openapi::text(),
        }
    }

    /// How every part is.
    pub async fn health(&self) -> Vec<Check> {
        self.checks.checks().await
    }

    /// The description of the API in JSON.
    pub fn description(&self) -> &str {
        &self.description
    }
}

#[cfg(test)]
mod tests;
