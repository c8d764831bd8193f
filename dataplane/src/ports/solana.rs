//! Clusters of Solana, as far as gates need them: does this account have what a rule asks for, and
//! at which slot was that so.

use async_trait::async_trait;
use streamgate_contract::rules::Check;

use super::chain::standing::ChainStanding;
use super::chain::{ChainError, Reading};

/// Every configured cluster.
#[async_trait]
pub trait Solana: Send + Sync {
    /// How the endpoints of each cluster are.
    fn standings(&self) -> Vec<ChainStanding> {
        Vec::new()
    }
    /// Asks whether the account with this Ed25519 key has what `check` names. The block of the
    /// answer is the slot that enough endpoints had reached when they were asked, with the hash of
    /// its block and its time.
    async fn read(&self, owner: [u8; 32], check: &Check) -> Result<Reading, ChainError>;
}
