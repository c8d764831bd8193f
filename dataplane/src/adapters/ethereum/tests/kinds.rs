//! Every kind of check that a chain answers, on OpenZeppelin's contracts.

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, sol};
use serde_json::json;
use streamgate_contract::rules::GateRule;

use super::*;

sol! {
    function mint(address holder) external;
    function join(address member, uint8 level, uint256 end) external;
}

mod coin {
    alloy_sol_types::sol! { function mint(address holder, uint256 amount) external; }
}

mod badge {
    alloy_sol_types::sol! { function mint(address holder, uint256 id, uint256 amount) external; }
}

const HOLDER: Address = Address::repeat_byte(0xAB);
const STRANGER: Address = Address::repeat_byte(0xCD);

/// The check of a rule of this kind on the test chain.
fn check(kind: &str, mut rule: serde_json::Value) -> Check {
    rule["chain"] = suite::CHAIN.into();
    let rule: GateRule = serde_json::from_value(json!({"name": "r", kind: rule})).unwrap();
    let rules = streamgate_contract::rules::Rules::new(&[rule]);
    let requirement = rules.get("r").unwrap().unwrap();
    requirement.checks()[0].clone()
}

/// A node on which the holder has one ticket, 500 coins, 3 badges of id 7 and a membership.
async fn world() -> (Anvil, Ethereum, [Address; 4]) {
    let node = Anvil::start().await;
    let ticket = node.deploy("Ticket", []).await;
    let coins = node.deploy("Coin", []).await;
    let badges = node.deploy("Badge", []).await;
    let club = node.deploy("Membership", []).await;
    let holder = HOLDER;
    node.send(ticket, mintCall { holder }.abi_encode()).await;
    let amount = U256::from(500);
    node.send(coins, coin::mintCall { holder, amount }.abi_encode())
        .await;
    let (id, amount) = (U256::from(7), U256::from(3));
    node.send(badges, badge::mintCall { holder, id, amount }.abi_encode())
        .await;
    let (member, level, end) = (HOLDER, 2, U256::from(4_000_000_000u64));
    node.send(club, joinCall { member, level, end }.abi_encode())
        .await;
    let wei = json!([HOLDER, "0xde0b6b3a7640000"]);
    node.rpc("anvil_setBalance", wei).await;
    node.mine(1).await;
    let ethereum = ethereum(chain(&[&node.url], 1));
    (node, ethereum, [ticket, coins, badges, club])
}

#[tokio::test]
async fn each_kind_admits_the_holder_of_enough_and_nobody_else() {
    let (_node, ethereum, [ticket, coins, badges, club]) = world().await;
    let level = |arguments: [&str; 2]| json!({"contract": club, "function": "isMember(address,uint8)", "arguments": arguments});
    let until = |minimum: &str| {
        json!({"contract": club, "function": "memberUntil(address,uint8)",
            "arguments": ["$viewer", "2"], "minimum": minimum})
    };
    let cases = [
        ("erc721", json!({"contract": ticket}), true),
        ("erc721", json!({"contract": ticket, "tokenId": "1"}), true),
        ("erc721", json!({"contract": ticket, "tokenId": "2"}), false),
        ("erc20", json!({"contract": coins, "minimum": "500"}), true),
        ("erc20", json!({"contract": coins, "minimum": "501"}), false),
        ("erc1155", json!({"contract": badges, "tokenId": "7"}), true),
        (
            "erc1155",
            json!({"contract": badges, "tokenId": "7", "minimum": "3"}),
            true,
        ),
        (
            "erc1155",
            json!({"contract": badges, "tokenId": "7", "minimum": "4"}),
            false,
        ),
        (
            "erc1155",
            json!({"contract": badges, "tokenId": "8"}),
            false,
        ),
        ("native", json!({"minimum": "1000000000000000000"}), true),
        ("native", json!({"minimum": "1000000000000000001"}), false),
        ("call", level(["$viewer", "2"]), true),
        ("call", level(["$viewer", "3"]), false),
        ("call", until("4000000000"), true),
        ("call", until("4000000001"), false),
    ];
    for (kind, rule, holds) in cases {
        let check = check(kind, rule);
        let holder = ethereum.read(HOLDER.into_array(), &check).await.unwrap();
        assert_eq!(holder.holds, holds, "{check}");
        let stranger = ethereum.read(STRANGER.into_array(), &check).await.unwrap();
        assert!(!stranger.holds, "{check}");
    }
}

#[tokio::test]
async fn what_does_not_answer_as_its_kind_is_undecided() {
    let (_node, ethereum, [ticket, coins, _, club]) = world().await;
    let cases = [
        // A view function that fails is no "no": under `not` that would admit somebody.
        (
            "call",
            json!({"contract": club, "function": "isMember(address,uint8)",
            "arguments": ["0x0000000000000000000000000000000000000000", "1"]}),
        ),
        (
            "call",
            json!({"contract": club, "function": "broken(address)", "arguments": ["$viewer"]}),
        ),
        ("call", json!({"contract": club, "function": "nothing()"})),
        ("erc1155", json!({"contract": ticket, "tokenId": "1"})),
        ("erc721", json!({"contract": STRANGER})),
        ("erc20", json!({"contract": club, "minimum": "1"})),
    ];
    for (kind, rule) in cases {
        let check = check(kind, rule);
        let error = ethereum
            .read(HOLDER.into_array(), &check)
            .await
            .unwrap_err();
        assert!(
            matches!(error, ChainError::Unanswerable { .. }),
            "{check}: {error:?}"
        );
    }
    let bad = check(
        "call",
        json!({"contract": coins, "function": "f(uint8)", "arguments": ["256"]}),
    );
    let error = ethereum.read(HOLDER.into_array(), &bad).await.unwrap_err();
    assert!(matches!(error, ChainError::InvalidRule { .. }), "{error:?}");
}
