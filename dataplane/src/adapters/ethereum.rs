//! EVM chains over JSON-RPC. Endpoints of a chain are tried in order; each must prove that it
//! serves the configured chain. A question is asked at one named block.

use std::collections::HashMap;

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, sol};
use async_trait::async_trait;
use streamgate_contract::config;
use streamgate_contract::rules::Erc721Rule;

use self::rpc::{Outcome, Rpc};
use crate::ports::Source;
use crate::ports::chain::{Chain, ChainError, Holding, Wallet};

#[cfg(test)]
pub(crate) mod anvil;
mod rpc;

sol! {
    function balanceOf(address owner) external view returns (uint256 balance);
    function ownerOf(uint256 tokenId) external view returns (address owner);
}

/// Every configured EVM chain.
pub struct Ethereum {
    rpc: Rpc,
    chains: HashMap<String, config::Chain>,
}

impl Ethereum {
    /// Makes the client; asks nothing yet.
    pub fn new(chains: &[config::Chain]) -> Result<Self, Source> {
        let chains = chains.iter().map(|c| (c.name.clone(), c.clone()));
        Ok(Self {
            rpc: Rpc::new()?,
            chains: chains.collect(),
        })
    }

    /// Asks one endpoint.
    async fn ask(
        &self,
        url: &str,
        chain_id: u64,
        question: &Question,
    ) -> Result<(u64, Outcome), Source> {
        let (id, block) = tokio::try_join!(
            self.rpc.number(url, "eth_chainId"),
            self.rpc.number(url, "eth_blockNumber"),
        )?;
        if id != chain_id {
            return Err(format!("the endpoint serves chain {id}, not {chain_id}").into());
        }
        let call = self
            .rpc
            .call(url, question.contract, &question.data, block)
            .await?;
        Ok((block, call))
    }
}

/// A rule as a call of its contract.
struct Question {
    contract: Address,
    data: Bytes,
    one_token: bool,
}

impl Question {
    fn of(owner: Wallet, rule: &Erc721Rule) -> Result<Self, ChainError> {
        let contract = rule
            .contract
            .parse()
            .map_err(|_| invalid(rule, "address"))?;
        let data = match &rule.token_id {
            None => balanceOfCall {
                owner: owner.0.into(),
            }
            .abi_encode(),
            Some(id) => {
                let id = U256::from_str_radix(id, 10).map_err(|_| invalid(rule, "token id"))?;
                ownerOfCall { tokenId: id }.abi_encode()
            }
        };
        Ok(Self {
            contract,
            data: data.into(),
            one_token: rule.token_id.is_some(),
        })
    }

    /// `None` when no ERC-721 contract answers like this.
    fn read(&self, owner: Wallet, outcome: &Outcome) -> Option<bool> {
        match (outcome, self.one_token) {
            // ERC-721 lets ownerOf throw for a token that does not exist.
            (Outcome::Reverted, true) => Some(false),
            (Outcome::Reverted, false) => None,
            (Outcome::Returned(bytes), true) => {
                let holder = ownerOfCall::abi_decode_returns(bytes).ok()?;
                Some(holder == Address::from(owner.0))
            }
            (Outcome::Returned(bytes), false) => balanceOfCall::abi_decode_returns(bytes)
                .ok()
                .map(|balance| !balance.is_zero()),
        }
    }
}

fn invalid(rule: &Erc721Rule, what: &str) -> ChainError {
    ChainError::InvalidRule {
        contract: rule.contract.clone(),
        detail: format!("the {what} cannot be read"),
    }
}

#[async_trait]
impl Chain for Ethereum {
    async fn holds(&self, owner: Wallet, rule: &Erc721Rule) -> Result<Holding, ChainError> {
        let unknown = || ChainError::UnknownChain(rule.chain.clone());
        let chain = self.chains.get(&rule.chain).ok_or_else(unknown)?;
        let question = Question::of(owner, rule)?;
        let mut last: Source = "no endpoint is configured".into();
        for url in &chain.rpc_urls {
            match self.ask(url, chain.chain_id, &question).await {
                Ok((block, outcome)) => {
                    let holds = question.read(owner, &outcome);
                    let (chain, contract) = (chain.name.clone(), rule.contract.clone());
                    let holds = holds.ok_or(ChainError::NotErc721 { chain, contract })?;
                    return Ok(Holding { holds, block });
                }
                Err(error) => last = error,
            }
        }
        let chain = chain.name.clone();
        Err(ChainError::Unavailable {
            chain,
            source: last,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::anvil::{Anvil, CHAIN_ID};
    use super::*;
    use crate::ports::chain::suite;

    fn ethereum(urls: &[&str], chain_id: u64) -> Ethereum {
        let rpc_urls = urls.iter().map(|u| u.to_string()).collect();
        let name = suite::CHAIN.to_owned();
        Ethereum::new(&[config::Chain {
            name,
            chain_id,
            rpc_urls,
        }])
        .unwrap()
    }

    #[tokio::test]
    async fn passes_the_suite_of_chains_on_a_real_node() {
        let node = Anvil::start().await;
        let [contract, nothing] = node.erc721(suite::HOLDER, suite::TOKEN).await;
        suite::run(&ethereum(&[&node.url], CHAIN_ID), &contract, &nothing).await;
    }

    #[tokio::test]
    async fn a_dead_or_wrong_endpoint_is_passed_over() {
        let node = Anvil::start().await;
        let [contract, _] = node.erc721(suite::HOLDER, suite::TOKEN).await;
        let rule = suite::rule(&contract, None);
        let second = ethereum(&["http://127.0.0.1:1", &node.url], CHAIN_ID);
        assert!(second.holds(suite::HOLDER, &rule).await.unwrap().holds);
        for dead in [
            ethereum(&[&node.url], 5),
            ethereum(&["http://127.0.0.1:1/key"], CHAIN_ID),
        ] {
            let error = dead.holds(suite::HOLDER, &rule).await.unwrap_err();
            assert!(matches!(error, ChainError::Unavailable { .. }), "{error:?}");
            assert!(
                !format!("{error:?}").contains("127.0.0.1:1/key"),
                "{error:?}"
            );
        }
    }
}
