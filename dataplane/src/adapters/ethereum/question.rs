//! A check as a question to a chain, and what an answer to it means. Pure.
//! Source: ERC-20, ERC-721, ERC-1155, Solidity contract ABI.

use alloy_primitives::{Address, U256, keccak256};
use alloy_sol_types::{SolCall, sol};
use streamgate_contract::rules::{CallRule, Check, number};

use super::rpc::{Outcome, Query};
use crate::ports::chain::ChainError;

mod erc {
    #![allow(missing_docs, reason = "the standards document these functions")]
    use super::sol;

    sol! {
        function balanceOf(address owner) external view returns (uint256 balance);
        function ownerOf(uint256 tokenId) external view returns (address owner);
    }

    pub mod erc1155 {
        use super::sol;

        sol! {
            function balanceOf(address owner, uint256 id) external view returns (uint256 balance);
        }
    }
}

/// What the answer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    AtLeast(U256),
    Owner(Address),
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) query: Query,
    wanted: Wanted,
}

impl Question {
    /// What to ask about an account.
    pub(super) fn of(account: [u8; 20], check: &Check) -> Result<Self, ChainError> {
        let invalid = |detail: String| ChainError::InvalidRule {
            check: check.to_string(),
            detail,
        };
        let amount = |text: &str| {
            let word = number(text).map(U256::from_be_bytes);
            word.ok_or_else(|| invalid(format!("{text:?} is no number of 256 bits")))
        };
        let owner = Address::from(account);
        let (data, wanted) = match check {
            Check::Erc721(rule) => match &rule.token_id {
                None => (erc::balanceOfCall { owner }.abi_encode(), amount("1")?),
                Some(id) => {
                    let data = erc::ownerOfCall {
                        tokenId: amount(id)?,
                    }
                    .abi_encode();
                    let to = contract(&rule.contract).map_err(invalid)?;
                    return Ok(Self {
                        query: call(to, data),
                        wanted: Wanted::Owner(owner),
                    });
                }
            },
            Check::Erc1155(rule) => {
                let id = amount(&rule.token_id)?;
                let data = erc::erc1155::balanceOfCall { owner, id }.abi_encode();
                (data, amount(&rule.minimum)?)
            }
            Check::Erc20(rule) => {
                let data = erc::balanceOfCall { owner }.abi_encode();
                (data, amount(&rule.minimum)?)
            }
            Check::Call(rule) => {
                let data = call_data(rule, account).map_err(invalid)?;
                (data, amount(&rule.minimum)?)
            }
            Check::Native(rule) => {
                let wanted = Wanted::AtLeast(amount(&rule.minimum)?);
                let query = Query::Balance(owner);
                return Ok(Self { query, wanted });
            }
            Check::AllowList(_) | Check::Merkle(_) | Check::OidcClaim(_) | Check::Webhook(_) => {
                return Err(invalid("no chain is asked for it".into()));
            }
        };
        let to = contract(check.contract().unwrap_or_default()).map_err(invalid)?;
        Ok(Self {
            query: call(to, data),
            wanted: Wanted::AtLeast(wanted),
        })
    }

    /// Whether the account has it; `None` when nothing that follows the standard answers like this.
    pub(super) fn read(&self, outcome: &Outcome) -> Option<bool> {
        match (outcome, &self.wanted) {
            // ERC-721 lets ownerOf throw for a token that does not exist.
            (Outcome::Reverted, Wanted::Owner(_)) => Some(false),
            (Outcome::Reverted | Outcome::Broke, _) => None,
            (Outcome::Returned(bytes), Wanted::Owner(owner)) => {
                let holder = erc::ownerOfCall::abi_decode_returns_validate(bytes).ok()?;
                Some(holder == *owner)
            }
            (Outcome::Returned(bytes), Wanted::AtLeast(minimum)) => {
                let word: [u8; 32] = bytes.get(..32)?.try_into().ok()?;
                Some(U256::from_be_bytes(word) >= *minimum)
            }
        }
    }
}

fn contract(text: &str) -> Result<Address, String> {
    let address = text.parse();
    address.map_err(|_| format!("{text:?} is no address"))
}

fn call(to: Address, data: Vec<u8>) -> Query {
    Query::Call {
        to: Some(to),
        data: data.into(),
    }
}

fn call_data(rule: &CallRule, account: [u8; 20]) -> Result<Vec<u8>, String> {
    let mut data = keccak256(&rule.function)[..4].to_vec();
    for word in rule.words(account)? {
        data.extend_from_slice(&word);
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgate_contract::rules::VIEWER;

    #[test]
    fn a_call_is_encoded_as_its_signature_says() {
        let rule = CallRule {
            chain: "main".into(),
            contract: format!("0x{}", "a1".repeat(20)),
            function: "balanceOf(address,uint256)".into(),
            arguments: vec![VIEWER.into(), "7".into()],
            minimum: "3".into(),
        };
        let account = [0xAB; 20];
        let question = Question::of(account, &Check::Call(rule)).unwrap();
        let (owner, id) = (Address::from(account), U256::from(7));
        let data = erc::erc1155::balanceOfCall { owner, id }.abi_encode();
        assert_eq!(question.query, call(Address::repeat_byte(0xA1), data));
        let word = |n: u64| Outcome::Returned(U256::from(n).to_be_bytes::<32>().to_vec().into());
        assert_eq!(question.read(&word(2)), Some(false));
        assert_eq!(question.read(&word(3)), Some(true));
        assert_eq!(question.read(&Outcome::Returned(vec![1].into())), None);
        assert_eq!(question.read(&Outcome::Reverted), None);
    }
}
