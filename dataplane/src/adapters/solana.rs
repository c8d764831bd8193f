//! Clusters of Solana over JSON-RPC, each by several endpoints. Every endpoint looks for itself,
//! at no slot older than one that enough of them have reached, and what enough of them find counts:
//! the RPC answers for now alone, so there is no older slot to ask at.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use prometheus::Registry;
use streamgate_contract::config;
use streamgate_contract::rules::Check;

use self::cluster::Cluster;
use self::metrics::Families;
use self::question::Question;
use crate::adapters::endpoints::json_rpc::JsonRpc;
use crate::ports::Source;
use crate::ports::chain::standing::ChainStanding;
use crate::ports::chain::{ChainError, Reading};
use crate::ports::clock::Clock;
use crate::ports::solana::Solana;

mod cluster;
mod endpoint;
mod metadata;
mod metrics;
mod question;
mod token;

/// Every configured cluster.
pub struct Clusters(HashMap<String, Cluster>);

impl Clusters {
    /// Makes the client; asks nothing yet.
    ///
    /// # Errors
    /// When its metrics are registered already or no HTTP client can be made.
    pub fn new(
        clusters: &[config::SolanaCluster],
        clock: Arc<dyn Clock>,
        registry: &Registry,
    ) -> Result<Self, Source> {
        let (rpc, families) = (JsonRpc::new()?, Families::new(registry)?);
        let one = |settings: &config::SolanaCluster| {
            let cluster = Cluster::new(settings, &rpc, clock.clone(), &families);
            (settings.name.clone(), cluster)
        };
        Ok(Self(clusters.iter().map(one).collect()))
    }
}

#[async_trait]
impl Solana for Clusters {
    fn standings(&self) -> Vec<ChainStanding> {
        self.0.values().map(Cluster::standing).collect()
    }

    async fn read(&self, owner: [u8; 32], check: &Check) -> Result<Reading, ChainError> {
        let question = Question::of(owner, check)?;
        let name = check.cluster().unwrap_or_default();
        let cluster = self.0.get(name);
        let cluster = cluster.ok_or_else(|| ChainError::UnknownCluster(name.to_owned()))?;
        cluster.read(&question).await
    }
}

#[cfg(test)]
pub(crate) mod node;
#[cfg(test)]
mod tests;
