//! A check as questions to an endpoint, and what its answers mean.

use std::collections::BTreeSet;

use streamgate_contract::rules::Check;

use super::endpoint::{Endpoint, Fault, Of};
use super::{metadata, token};
use crate::ports::chain::ChainError;
use crate::validation::SolanaAddress;

/// Most mints of an account whose metadata is looked through.
const MOST_MINTS: usize = 1_000;
/// Most accounts that one question may name.
const AT_ONCE: usize = 100;

/// What is to be found out.
pub(super) struct Question {
    owner: [u8; 32],
    wanted: Wanted,
}

enum Wanted {
    /// So much of a mint.
    Amount { mint: SolanaAddress, minimum: u64 },
    /// Something of a collection.
    Member { collection: [u8; 32] },
}

impl Question {
    /// What to ask about an account.
    pub(super) fn of(owner: [u8; 32], check: &Check) -> Result<Self, ChainError> {
        let invalid = |detail: &str| ChainError::InvalidRule {
            check: check.to_string(),
            detail: detail.to_owned(),
        };
        let address = |text: &str| {
            let address = text.parse::<SolanaAddress>();
            address.map_err(|error| invalid(&error.to_string()))
        };
        let wanted = match check {
            Check::SplToken(rule) => Wanted::Amount {
                mint: address(&rule.mint)?,
                minimum: rule
                    .minimum
                    .parse()
                    .map_err(|_| invalid("the minimum is no number of 64 bits"))?,
            },
            Check::MetaplexNft(rule) => Wanted::Member {
                collection: *address(&rule.collection)?.bytes(),
            },
            _ => return Err(invalid("no cluster of Solana is asked for it")),
        };
        Ok(Self { owner, wanted })
    }

    /// What an endpoint finds, at no slot older than `slot`.
    pub(super) async fn ask(&self, endpoint: &Endpoint, slot: u64) -> Result<bool, Fault> {
        match &self.wanted {
            Wanted::Amount { mint, minimum } => {
                let of = mint.to_string();
                let holdings = endpoint.holdings(&self.owner, Of::Mint(&of), slot).await?;
                let fitting = holdings.iter().filter(|held| held.mint == *mint.bytes());
                let sum: u128 = fitting.map(|held| u128::from(held.amount)).sum();
                Ok(sum >= u128::from(*minimum))
            }
            Wanted::Member { collection } => self.member(endpoint, slot, collection).await,
        }
    }

    async fn member(
        &self,
        endpoint: &Endpoint,
        slot: u64,
        collection: &[u8; 32],
    ) -> Result<bool, Fault> {
        let mut mints = BTreeSet::new();
        for program in [token::TOKEN, token::TOKEN_2022] {
            let of = Of::Program(program);
            let holdings = endpoint.holdings(&self.owner, of, slot).await?;
            mints.extend(holdings.iter().filter(|h| h.amount > 0).map(|h| h.mint));
        }
        if mints.len() > MOST_MINTS {
            return Err(Fault::TooMany);
        }
        let mints: Vec<[u8; 32]> = mints.into_iter().collect();
        for some in mints.chunks(AT_ONCE) {
            let address = |mint| Some((mint, bs58::encode(metadata::address(mint)?)));
            let (some, addresses): (Vec<_>, Vec<String>) = some
                .iter()
                .filter_map(address)
                .map(|(mint, address)| (mint, address.into_string()))
                .unzip();
            let records = endpoint.records(&addresses, slot).await?;
            let is_member = |(mint, record): (&&[u8; 32], &Option<(String, Vec<u8>)>)| {
                let record = record
                    .as_ref()
                    .filter(|(owner, _)| owner == metadata::PROGRAM);
                let found = record.and_then(|(_, data)| metadata::collection(mint, data));
                found.as_ref() == Some(collection)
            };
            if some.iter().zip(&records).any(is_member) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
