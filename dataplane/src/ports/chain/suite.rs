//! What every chain adapter must do. An adapter's test prepares [`CHAIN`] with a contract in
//! which [`HOLDER`] has exactly [`TOKEN`], and an address without a contract.

use streamgate_contract::rules::{Check, Erc721Rule};

use super::{Chain, ChainError, Wallet};

/// Name of the chain.
pub const CHAIN: &str = "test";
/// Has one token.
pub const HOLDER: Wallet = Wallet::of_key([0xAB; 20]);
/// Its id.
pub const TOKEN: &str = "7001";

/// A rule on a contract of [`CHAIN`].
pub fn rule(contract: &str, token: Option<&str>) -> Check {
    Check::Erc721(Erc721Rule {
        chain: CHAIN.into(),
        contract: contract.into(),
        token_id: token.map(Into::into),
        through: None,
    })
}

/// Runs the whole suite.
pub async fn run(chain: &dyn Chain, contract: &str, nothing: &str) {
    answers_for_holder_and_stranger(chain, contract).await;
    refuses_what_it_cannot_ask(chain, contract, nothing).await;
}

async fn answers_for_holder_and_stranger(chain: &dyn Chain, contract: &str) {
    let stranger = [0xCD; 20];
    let holder = HOLDER.evm().unwrap();
    let cases = [
        (holder, None, true),
        (holder, Some(TOKEN), true),
        (holder, Some("7002"), false),
        (stranger, None, false),
        (stranger, Some(TOKEN), false),
    ];
    for (owner, token, holds) in cases {
        let answer = chain.read(owner, &rule(contract, token)).await.unwrap();
        assert_eq!(answer.holds, holds, "{owner:?} {token:?}");
        assert_ne!(answer.block.hash, [0; 32]);
    }
}

async fn refuses_what_it_cannot_ask(chain: &dyn Chain, contract: &str, nothing: &str) {
    let holder = HOLDER.evm().unwrap();
    let no_contract = chain.read(holder, &rule(nothing, None)).await;
    assert!(
        matches!(no_contract, Err(ChainError::Unanswerable { .. })),
        "{no_contract:?}"
    );
    let Check::Erc721(here) = rule(contract, None) else {
        unreachable!()
    };
    let elsewhere = Check::Erc721(Erc721Rule {
        chain: "elsewhere".into(),
        ..here
    });
    let unknown = chain.read(holder, &elsewhere).await;
    assert!(
        matches!(unknown, Err(ChainError::UnknownChain(_))),
        "{unknown:?}"
    );
    let huge = "9".repeat(78);
    let invalid = chain.read(holder, &rule(contract, Some(&huge))).await;
    assert!(
        matches!(invalid, Err(ChainError::InvalidRule { .. })),
        "{invalid:?}"
    );
}
