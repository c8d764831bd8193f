//! A check as a question to a chain, and what an answer to it means. Pure.
//! Source: ERC-20, ERC-721, ERC-1155, Solidity contract ABI, delegate.xyz's IDelegateRegistry.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolCall, sol};
use streamgate_contract::rules::{CallRule, Check, Delegated, Erc721Rule, number};

use super::rpc::{Outcome, Query};
use crate::ports::chain::ChainError;

mod erc {
    #![allow(missing_docs, reason = "the standards document these functions")]
    use super::sol;

    sol! {
        function balanceOf(address owner) external view returns (uint256 balance);
        function ownerOf(uint256 tokenId) external view returns (address owner);
    }

    sol! {
        function checkDelegateForContract(address to, address from, address contract_, bytes32 rights) external view returns (bool valid);
        function checkDelegateForERC721(address to, address from, address contract_, uint256 tokenId, bytes32 rights) external view returns (bool valid);
        function checkDelegateForERC20(address to, address from, address contract_, bytes32 rights) external view returns (uint256 amount);
        function checkDelegateForERC1155(address to, address from, address contract_, uint256 tokenId, bytes32 rights) external view returns (uint256 amount);
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
            Check::Delegated(link) => {
                let data = delegation(owner, link).map_err(invalid)?;
                (data, amount(reach(&link.of))?)
            }
            Check::AllowList(_)
            | Check::Merkle(_)
            | Check::OidcClaim(_)
            | Check::Webhook(_)
            | Check::SplToken(_)
            | Check::MetaplexNft(_) => {
                return Err(invalid("no EVM chain is asked for it".into()));
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

/// How much of what a vault holds must be delegated: as much as the check asks for, and a token
/// that there is one of as a whole.
fn reach(of: &Check) -> &str {
    match of {
        Check::Erc1155(rule) => &rule.minimum,
        Check::Erc20(rule) => &rule.minimum,
        _ => "1",
    }
}

/// Asks the registry whether a vault lets `to` act for it, as far as the check reaches.
fn delegation(to: Address, link: &Delegated) -> Result<Vec<u8>, String> {
    let from = contract(&link.vault)?;
    let contract_ = contract(link.of.contract().unwrap_or_default())?;
    let rights: B256 = link.by.rights.parse().map_err(|_| "rights are 32 bytes")?;
    let id = |text: &str| {
        let word = number(text).map(U256::from_be_bytes);
        word.ok_or_else(|| format!("{text:?} is no number of 256 bits"))
    };
    Ok(match &link.of {
        Check::Erc721(Erc721Rule { token_id: None, .. }) => erc::checkDelegateForContractCall {
            to,
            from,
            contract_,
            rights,
        }
        .abi_encode(),
        Check::Erc721(Erc721Rule {
            token_id: Some(token),
            ..
        }) => erc::checkDelegateForERC721Call {
            to,
            from,
            contract_,
            tokenId: id(token)?,
            rights,
        }
        .abi_encode(),
        Check::Erc20(_) => erc::checkDelegateForERC20Call {
            to,
            from,
            contract_,
            rights,
        }
        .abi_encode(),
        Check::Erc1155(rule) => erc::checkDelegateForERC1155Call {
            to,
            from,
            contract_,
            tokenId: id(&rule.token_id)?,
            rights,
        }
        .abi_encode(),
        _ => return Err("only tokens are delegated".into()),
    })
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
