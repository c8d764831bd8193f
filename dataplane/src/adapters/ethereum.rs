//! EVM chains over JSON-RPC, each by several endpoints. A question is asked at one block, named by
//! its hash, and the answer is what enough endpoints say.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use prometheus::Registry;
use streamgate_contract::config;
use streamgate_contract::rules::Check;

use self::metrics::Families;
use self::provider::{Policy, Provider};
use self::question::Question;
use self::rpc::{Outcome, Query, Rpc};
use crate::ports::Source;
use crate::ports::chain::standing::ChainStanding;
use crate::ports::chain::{Block, Chain, ChainError, Code, Reading, Signed};
use crate::ports::clock::Clock;

#[cfg(test)]
pub(crate) mod anvil;
mod endpoint;
mod metrics;
mod moves;
mod provider;
#[cfg(test)]
pub(crate) mod proxy;
mod question;
mod rpc;
mod signature;

/// Every configured EVM chain.
pub struct Ethereum {
    chains: HashMap<String, Provider>,
}

impl Ethereum {
    /// Makes the client; asks nothing yet.
    ///
    /// # Errors
    /// When its metrics are registered already or no HTTP client can be made.
    pub fn new(
        chains: &[config::Chain],
        clock: Arc<dyn Clock>,
        registry: &Registry,
    ) -> Result<Self, Source> {
        let (rpc, families) = (Rpc::new()?, Families::new(registry)?);
        let provider = |chain: &config::Chain| Provider::new(chain, &rpc, clock.clone(), &families);
        let chains = chains.iter().map(|c| (c.name.clone(), provider(c)));
        Ok(Self {
            chains: chains.collect(),
        })
    }

    fn provider(&self, chain: &str) -> Result<&Provider, ChainError> {
        let unknown = || ChainError::UnknownChain(chain.to_owned());
        self.chains.get(chain).ok_or_else(unknown)
    }

    fn with_id(&self, id: u64) -> Result<&Provider, ChainError> {
        let unknown = || ChainError::UnknownChain(format!("eip155:{id}"));
        let mut chains = self.chains.values();
        chains.find(|c| c.chain_id() == id).ok_or_else(unknown)
    }
}

#[async_trait]
impl Chain for Ethereum {
    fn standings(&self) -> Vec<ChainStanding> {
        self.chains.values().map(Provider::standing).collect()
    }

    fn id(&self, chain: &str) -> Option<u64> {
        self.chains.get(chain).map(Provider::chain_id)
    }

    async fn read(&self, address: [u8; 20], check: &Check) -> Result<Reading, ChainError> {
        let question = Question::of(address, check)?;
        let provider = self.provider(check.chain().unwrap_or_default())?;
        let understood = |outcome: &Outcome| {
            question
                .read(outcome)
                .ok_or_else(|| ChainError::Unanswerable {
                    chain: provider.name().to_owned(),
                    contract: check.contract().unwrap_or_default().to_owned(),
                    standard: check.standard(),
                })
        };
        let policy = provider.policy();
        let (outcome, block) = provider.read(&question.query, policy).await?;
        let holds = understood(&outcome)?;
        // A grant waits for the policy's block; what has changed since does not wait.
        if policy != Policy::NEWEST {
            let (newest, _) = provider.read(&question.query, Policy::NEWEST).await?;
            if understood(&newest)? != holds {
                return Err(ChainError::Unsettled(provider.name().to_owned()));
            }
        }
        Ok(Reading { holds, block })
    }

    async fn code(&self, chain_id: u64, address: [u8; 20]) -> Result<(Code, Block), ChainError> {
        let (provider, query) = (self.with_id(chain_id)?, Query::Code(address.into()));
        let (outcome, block) = provider.read(&query, Policy::NEWEST).await?;
        let code = signature::code(&outcome).ok_or_else(|| ChainError::Unavailable {
            chain: provider.name().to_owned(),
            source: "the code of an account cannot be read".into(),
        })?;
        Ok((code, block))
    }

    async fn signed(
        &self,
        chain_id: u64,
        block: Block,
        signed: Signed<'_>,
    ) -> Result<bool, ChainError> {
        let provider = self.with_id(chain_id)?;
        let outcome = provider.read_at(block, &signature::query(&signed)).await?;
        Ok(signature::read(&signed, &outcome))
    }
}

#[cfg(test)]
mod tests;
