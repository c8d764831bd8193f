//! Wallets that are contracts, asked whether a signature is theirs. Pure.
//! Source: EIP-1271 (the question), EIP-6492 (wallets that are not deployed yet), EIP-7702 (code
//! of accounts that delegate).

use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::{SolCall, SolValue, sol};

use super::rpc::{Outcome, Query};
use crate::ports::chain::{Code, Signed};

sol! {
    function isValidSignature(bytes32 hash, bytes signature) external view returns (bytes4 magic);
}

/// What a wallet answers when the signature is its own.
const MAGIC: [u8; 4] = isValidSignatureCall::SELECTOR;
/// Begins the code of an account that delegates; the delegate's address follows.
const DELEGATION: [u8; 3] = [0xEF, 0x01, 0x00];
/// Code that asks a wallet after deploying it for the time of the question, compiled from
/// `contracts/ValidateSignature.sol` by `e2e/contracts/compile.sh validator`.
const VALIDATOR: &str = include_str!("contracts/validate-signature.hex");

/// What is at an address.
pub(super) fn code(outcome: &Outcome) -> Option<Code> {
    let Outcome::Returned(code) = outcome else {
        return None;
    };
    Some(match code.len() {
        0 => Code::None,
        23 if code.starts_with(&DELEGATION) => Code::Delegated,
        _ => Code::Contract,
    })
}

/// The question whether a signature is the wallet's own.
pub(super) fn query(signed: &Signed<'_>) -> Query {
    let (wallet, hash) = (Address::from(signed.wallet), B256::from(signed.hash));
    let signature = Bytes::copy_from_slice(signed.signature);
    let Some((factory, prepare)) = signed.deployed_by else {
        let call = isValidSignatureCall { hash, signature };
        return Query::Call {
            to: Some(wallet),
            data: call.abi_encode().into(),
        };
    };
    // Never empty: a test holds it against its source.
    let mut data = hex::decode(VALIDATOR.trim()).unwrap_or_default();
    let (factory, prepare) = (Address::from(factory), Bytes::copy_from_slice(prepare));
    data.extend((wallet, hash, signature, factory, prepare).abi_encode_params());
    Query::Call {
        to: None,
        data: data.into(),
    }
}

/// Is it? Whatever is not exactly a yes is none.
pub(super) fn read(signed: &Signed<'_>, outcome: &Outcome) -> bool {
    let Outcome::Returned(bytes) = outcome else {
        return false;
    };
    match signed.deployed_by {
        None => bytes.len() == 32 && bytes[..4] == MAGIC && bytes[4..].iter().all(|b| *b == 0),
        Some(_) => bytes[..] == [1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_code_is_what_its_source_compiles_to() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../target/tools/contracts/ValidateSignature.json"
        );
        let text = std::fs::read_to_string(path).expect("run `make contracts`");
        let compiled: serde_json::Value = serde_json::from_str(&text).unwrap();
        let hint = "run `e2e/contracts/compile.sh validator`";
        let shipped = format!("0x{}", VALIDATOR.trim());
        assert_eq!(compiled["bytecode"], shipped, "{hint}");
    }
}
