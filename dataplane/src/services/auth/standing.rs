//! How the chains are that rules ask.

use async_trait::async_trait;

use super::Auth;
use crate::ports::Source;
use crate::ports::chain::standing::{ChainStanding, Standings};

#[async_trait]
impl Standings for Auth {
    async fn standings(&self) -> Result<Vec<ChainStanding>, Source> {
        let mut all = self.chain.standings();
        all.extend(self.outside.solana.standings());
        all.sort_by(|a, b| a.chain.cmp(&b.chain));
        Ok(all)
    }
}
