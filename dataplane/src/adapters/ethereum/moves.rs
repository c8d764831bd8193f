//! Transfers of tokens and delegations of vaults, read from the logs of a block.
//! Source: ERC-20 and ERC-721 (`Transfer`), ERC-1155 (`TransferSingle`, `TransferBatch`),
//! delegate.xyz's IDelegateRegistry, version 2.

use alloy_primitives::{Address, B256};
use alloy_sol_types::{SolEvent, sol};
use async_trait::async_trait;

use super::Ethereum;
use super::rpc::Log;
use crate::ports::chain::ChainError;
use crate::ports::chain::moves::{Header, Move, Moves};

sol! {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event TransferSingle(address indexed operator, address indexed from, address indexed to, uint256 id, uint256 value);
    event TransferBatch(address indexed operator, address indexed from, address indexed to, uint256[] ids, uint256[] values);
    event DelegateAll(address indexed from, address indexed to, bytes32 rights, bool enable);
    event DelegateContract(address indexed from, address indexed to, address indexed contract_, bytes32 rights, bool enable);
    event DelegateERC721(address indexed from, address indexed to, address indexed contract_, uint256 tokenId, bytes32 rights, bool enable);
    event DelegateERC20(address indexed from, address indexed to, address indexed contract_, bytes32 rights, uint256 amount);
    event DelegateERC1155(address indexed from, address indexed to, address indexed contract_, uint256 tokenId, bytes32 rights, uint256 amount);
}

const TOPICS: [B256; 8] = [
    Transfer::SIGNATURE_HASH,
    TransferSingle::SIGNATURE_HASH,
    TransferBatch::SIGNATURE_HASH,
    DelegateAll::SIGNATURE_HASH,
    DelegateContract::SIGNATURE_HASH,
    DelegateERC721::SIGNATURE_HASH,
    DelegateERC20::SIGNATURE_HASH,
    DelegateERC1155::SIGNATURE_HASH,
];
/// Logs that name an operator before the sides.
const WITH_OPERATOR: [B256; 2] = [
    TransferSingle::SIGNATURE_HASH,
    TransferBatch::SIGNATURE_HASH,
];

/// The two sides: of a transfer, or vault and delegate. Contracts older than the standards put them behind the topics.
fn sides(log: &Log) -> Option<(Address, Address)> {
    let first = *log.topics.first()?;
    let at = 1 + usize::from(WITH_OPERATOR.contains(&first));
    if let (Some(from), Some(to)) = (log.topics.get(at), log.topics.get(at + 1)) {
        return Some((Address::from_word(*from), Address::from_word(*to)));
    }
    let word = |from: usize| Some(Address::from_slice(log.data.get(from + 12..from + 32)?));
    match (first == Transfer::SIGNATURE_HASH, log.topics.len()) {
        (true, 1) => Some((word(0)?, word(32)?)),
        _ => None,
    }
}

fn read(log: &Log) -> Option<Move> {
    let (from, to) = sides(log)?;
    Some(Move {
        contract: log.address.into_array(),
        from: from.into_array(),
        to: to.into_array(),
    })
}

#[async_trait]
impl Moves for Ethereum {
    fn endpoints(&self, chain: &str) -> usize {
        self.provider(chain)
            .map_or(0, |provider| provider.endpoints())
    }

    async fn head(&self, chain: &str, endpoint: usize) -> Result<Header, ChainError> {
        let provider = self.provider(chain)?;
        let header = provider.endpoint(endpoint)?.header("latest").await;
        header.map_err(|fault| provider.failure(fault))
    }

    async fn header(
        &self,
        chain: &str,
        endpoint: usize,
        number: u64,
    ) -> Result<Header, ChainError> {
        let provider = self.provider(chain)?;
        let number = format!("{number:#x}");
        let header = provider.endpoint(endpoint)?.header(&number).await;
        header.map_err(|fault| provider.failure(fault))
    }

    async fn moves(
        &self,
        chain: &str,
        endpoint: usize,
        block: [u8; 32],
        contracts: &[[u8; 20]],
    ) -> Result<Vec<Move>, ChainError> {
        let provider = self.provider(chain)?;
        let contracts: Vec<Address> = contracts.iter().map(|c| (*c).into()).collect();
        let logs = provider
            .endpoint(endpoint)?
            .logs(block, &contracts, &TOPICS)
            .await;
        let logs = logs.map_err(|fault| provider.failure(fault))?;
        Ok(logs.iter().filter_map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_found_also_behind_the_topics() {
        let (from, to) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let (address, by) = (Address::repeat_byte(9), Address::repeat_byte(8));
        let word = |a: Address| a.into_word();
        let logs = [
            (
                vec![TOPICS[0], word(from), word(to), B256::ZERO],
                Vec::new(),
            ),
            (vec![TOPICS[1], word(by), word(from), word(to)], Vec::new()),
            (vec![TOPICS[2], word(by), word(from), word(to)], Vec::new()),
            (vec![TOPICS[3], word(from), word(to)], vec![0; 64]),
            (vec![TOPICS[6], word(from), word(to), word(by)], vec![0; 64]),
            (
                vec![TOPICS[0]],
                [word(from).0, word(to).0, [0; 32]].concat(),
            ),
        ];
        for (topics, data) in logs {
            let data = data.into();
            let found = read(&Log {
                address,
                topics,
                data,
            })
            .unwrap();
            assert_eq!((found.from, found.to), (from.into_array(), to.into_array()));
        }
        let (topics, data) = (vec![TOPICS[1]], Default::default());
        assert_eq!(
            read(&Log {
                address,
                topics,
                data
            }),
            None
        );
    }
}
