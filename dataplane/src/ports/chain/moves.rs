//! What moves on chains, block by block, as one endpoint shows it. Which endpoint is believed is
//! for those who ask.

use async_trait::async_trait;

use super::{Block, ChainError};

/// A block and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The block.
    pub block: Block,
    /// Hash of the block before it.
    pub parent: [u8; 32],
}

/// A token that went from one account to another, or a vault that changed what it delegates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Move {
    /// Contract of the token, or the registry.
    pub contract: [u8; 20],
    /// Who had it, zeros when it was made; or the vault.
    pub from: [u8; 20],
    /// Who has it, zeros when it is no more; or the delegate.
    pub to: [u8; 20],
}

/// Shows what moves.
#[async_trait]
pub trait Moves: Send + Sync {
    /// Number of endpoints of a chain.
    fn endpoints(&self, chain: &str) -> usize;
    /// The newest block an endpoint knows.
    async fn head(&self, chain: &str, endpoint: usize) -> Result<Header, ChainError>;
    /// The block of this number as an endpoint sees it.
    async fn header(&self, chain: &str, endpoint: usize, number: u64)
    -> Result<Header, ChainError>;
    /// What moved at these contracts in the block with this hash.
    async fn moves(
        &self,
        chain: &str,
        endpoint: usize,
        block: [u8; 32],
        contracts: &[[u8; 20]],
    ) -> Result<Vec<Move>, ChainError>;
}
