//! How the endpoints of chains are, by their places in `rpcUrls`: nothing of their addresses, since
//! keys ride in those.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::ports::Source;

/// How an endpoint is, by what became of the last requests to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// Nobody has asked it yet.
    Unasked,
    /// It answers.
    Answers,
    /// It failed the last time.
    Fails,
    /// It failed several times in a row, and its breaker is open: it is asked again after a pause.
    LeftAlone,
}

/// The endpoints of a chain or cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChainStanding {
    /// Its name in the StreamGate.
    pub chain: String,
    /// Endpoints that must agree.
    pub quorum: usize,
    /// Are enough endpoints asked to decide anything?
    pub ok: bool,
    /// Each endpoint, in the order of `rpcUrls`.
    pub endpoints: Vec<Standing>,
}

impl ChainStanding {
    /// Of these endpoints.
    pub fn new(chain: &str, quorum: usize, endpoints: Vec<Standing>) -> Self {
        let asked = endpoints.iter().filter(|e| **e != Standing::LeftAlone);
        Self {
            chain: chain.to_owned(),
            quorum,
            ok: asked.count() >= quorum,
            endpoints,
        }
    }
}

/// Knows how the endpoints of chains are.
#[async_trait]
pub trait Standings: Send + Sync {
    /// Every chain and cluster, by name.
    ///
    /// # Errors
    /// When whoever knows cannot be asked.
    async fn standings(&self) -> Result<Vec<ChainStanding>, Source>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_well_while_enough_endpoints_are_asked() {
        use Standing::*;
        let well = |quorum, endpoints: &[Standing]| {
            ChainStanding::new("main", quorum, endpoints.to_vec()).ok
        };
        assert!(well(2, &[Answers, Fails, LeftAlone]));
        assert!(!well(2, &[Answers, LeftAlone, LeftAlone]));
        assert!(well(1, &[Unasked]) && !well(1, &[LeftAlone]));
    }
}
