//! Accounts that a viewer names as theirs to watch by: vaults that delegate to them, and tokens
//! whose accounts they hold. Pure. A name is a hint: it adds one account to those that are asked
//! about, and what it is to the viewer is a question to the chain like any other.
//! Source: ERC-6551 (addresses of accounts), EIP-1014 (CREATE2).

use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolValue;
use streamgate_contract::rules::{Check, Delegated, Erc721Rule, Through, TokenAccounts};

use crate::validation::address;

/// Most accounts that may be named at once.
pub const MOST: usize = 4;

/// Code of an account before and after the address of what it runs. Source: ERC-1167, ERC-6551.
const HEAD: [u8; 20] = [
    0x3d, 0x60, 0xad, 0x80, 0x60, 0x0a, 0x3d, 0x39, 0x81, 0xf3, 0x36, 0x3d, 0x3d, 0x37, 0x3d, 0x3d,
    0x3d, 0x36, 0x3d, 0x73,
];
const TAIL: [u8; 15] = [
    0x5a, 0xf4, 0x3d, 0x82, 0x80, 0x3e, 0x90, 0x3d, 0x91, 0x60, 0x2b, 0x57, 0xfd, 0x5b, 0xf3,
];

/// What a viewer names, as text `vault:0x…` or `erc721:0x…/ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// A vault.
    Vault(Address),
    /// A token, by whose accounts they watch.
    Token(Address, U256),
}

/// A text that names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write vault:0x… for a vault, or erc721:0x…/ID for a token that owns an account")]
pub struct InvalidName;

impl FromStr for Named {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let read = |text: &str| address::evm(text).map(Address::from).or(Err(InvalidName));
        match text.split_once(':') {
            // Nobody has the lowest addresses; what is burnt is there.
            Some(("vault", vault)) => match read(vault)? {
                vault if vault > Address::with_last_byte(0xFF) => Ok(Self::Vault(vault)),
                _ => Err(InvalidName),
            },
            Some(("erc721", token)) => {
                let (contract, id) = token.split_once('/').ok_or(InvalidName)?;
                let digits = !id.is_empty() && id.bytes().all(|c| c.is_ascii_digit());
                let id = id.parse().ok().filter(|_| digits).ok_or(InvalidName)?;
                Ok(Self::Token(read(contract)?, id))
            }
            _ => Err(InvalidName),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vault(vault) => write!(f, "vault:0x{}", hex::encode(vault)),
            Self::Token(contract, id) => write!(f, "erc721:0x{}/{id}", hex::encode(contract)),
        }
    }
}

/// An account that counts for a viewer as long as they meet `link`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// What makes it theirs.
    pub link: Check,
    /// The account.
    pub account: [u8; 20],
}

/// The ways in which a check lets a named account count, on the chain with this EIP-155 id. None
/// when its rule does not say so.
pub fn ways(check: &Check, chain_id: u64, named: Named) -> Vec<Way> {
    let (Some(through), Some(chain)) = (check.through(), check.chain()) else {
        return Vec::new();
    };
    match named {
        Named::Vault(vault) => delegated(check, through, vault).into_iter().collect(),
        Named::Token(contract, id) => {
            let fits = |of: &&TokenAccounts| of.contract.parse() == Ok(contract);
            let way = |of: &TokenAccounts| held(chain, chain_id, of, contract, id);
            through
                .accounts
                .iter()
                .filter(fits)
                .filter_map(way)
                .collect()
        }
    }
}

fn delegated(check: &Check, through: &Through, vault: Address) -> Option<Way> {
    let by = through.delegation.clone()?;
    let (text, of) = (format!("0x{}", hex::encode(vault)), check.clone());
    let link = Delegated {
        vault: text,
        by,
        of,
    };
    Some(Way {
        link: Check::Delegated(Box::new(link)),
        account: vault.into_array(),
    })
}

fn held(
    chain: &str,
    chain_id: u64,
    of: &TokenAccounts,
    contract: Address,
    id: U256,
) -> Option<Way> {
    let link = Check::Erc721(Erc721Rule {
        chain: chain.to_owned(),
        contract: of.contract.clone(),
        token_id: Some(id.to_string()),
        through: None,
    });
    let account = account(of, chain_id, contract, id)?.into_array();
    Some(Way { link, account })
}

/// The account of a token.
fn account(of: &TokenAccounts, chain_id: u64, contract: Address, id: U256) -> Option<Address> {
    let implementation: Address = of.implementation.parse().ok()?;
    let salt: B256 = of.salt.parse().ok()?;
    let registry: Address = of.registry.parse().ok()?;
    let mut code = [&HEAD[..], implementation.as_slice(), &TAIL].concat();
    code.extend((salt, U256::from(chain_id), contract, id).abi_encode());
    Some(registry.create2_from_code(salt, code))
}

/// Contracts besides its own whose logs tell what a check may rest on.
pub fn logged(check: &Check) -> impl Iterator<Item = &str> {
    let through = check.through();
    let delegation = through.and_then(|t| t.delegation.as_ref());
    let accounts = through.into_iter().flat_map(|t| &t.accounts);
    let registry = delegation.map(|d| d.registry.as_str());
    registry
        .into_iter()
        .chain(accounts.map(|a| a.contract.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAULT: &str = "vault:0x00000000000000000000000000000000000a1b2c";

    fn check(through: serde_json::Value) -> Check {
        let rule = serde_json::json!({"chain": "main", "contract": "0x0000000000000000000000000000000000000001", "through": through});
        Check::Erc721(serde_json::from_value(rule).unwrap())
    }

    #[test]
    fn a_name_has_one_text_and_nothing_else_is_one() {
        for text in [VAULT, "erc721:0x00000000000000000000000000000000000a1b2c/0"] {
            assert_eq!(text.parse::<Named>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "vault:",
            "0x00000000000000000000000000000000000a1b2c",
            "vault:0x0000000000000000000000000000000000000000",
            "vault:0x0000000000000000000000000000000000000001",
            "vault:eip155:1:0x00000000000000000000000000000000000a1b2c",
            "erc721:0x00000000000000000000000000000000000a1b2c",
            "erc721:0x00000000000000000000000000000000000a1b2c/",
            "erc721:0x00000000000000000000000000000000000a1b2c/-1",
            "erc721:0x00000000000000000000000000000000000a1b2c/0x1",
            "erc721:0x00000000000000000000000000000000000a1b2c/1/2",
            "erc20:0x00000000000000000000000000000000000a1b2c/1",
        ] {
            assert_eq!(text.parse::<Named>(), Err(InvalidName), "{text:?}");
        }
        let huge = format!(
            "erc721:0x00000000000000000000000000000000000a1b2c/{}",
            "9".repeat(78)
        );
        assert_eq!(huge.parse::<Named>(), Err(InvalidName));
    }

    #[test]
    fn only_what_the_rule_lets_count_counts() {
        let vault: Named = VAULT.parse().unwrap();
        let outer = "0x00000000000000000000000000000000000000c1";
        let token: Named = format!("erc721:{outer}/7").parse().unwrap();
        let none = [serde_json::json!(null), serde_json::json!({})];
        for through in none {
            let check = check(through);
            assert!(ways(&check, 1, vault).is_empty() && ways(&check, 1, token).is_empty());
        }
        let delegation = check(serde_json::json!({"delegation": {}}));
        assert_eq!(ways(&delegation, 1, vault).len(), 1);
        assert!(ways(&delegation, 1, token).is_empty());
        let runs = "0x00000000000000000000000000000000000000d1";
        let accounts =
            check(serde_json::json!({"accounts": [{"contract": outer, "implementation": runs}]}));
        assert!(ways(&accounts, 1, vault).is_empty());
        let (here, there) = (ways(&accounts, 1, token), ways(&accounts, 5, token));
        assert_eq!((here.len(), there.len()), (1, 1));
        assert_ne!(
            here[0].account, there[0].account,
            "an account is of one chain"
        );
        let other: Named = "erc721:0x00000000000000000000000000000000000000c2/7"
            .parse()
            .unwrap();
        assert!(ways(&accounts, 1, other).is_empty());
        assert_eq!(logged(&accounts).collect::<Vec<_>>(), [outer]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_name_or_refused(text in ".{0,80}", tail in "[0-9a-fx/]{0,60}") {
            for text in [text.clone(), format!("vault:{tail}"), format!("erc721:{tail}")] {
                if let Ok(named) = text.parse::<Named>() {
                    proptest::prop_assert_eq!(named.to_string().parse(), Ok(named));
                }
            }
        }
    }
}
