//! Vaults and accounts of tokens that count for a viewer, against contracts on a real node.

use alloy_primitives::{B256, U256};
use alloy_sol_types::SolCall;
use serde_json::{Value, json};
use streamgate_contract::rules::{ACCOUNT_REGISTRY, DELEGATE_REGISTRY};

mod case;

use case::*;

use crate::adapters::ethereum::anvil::CHAIN_ID;
use crate::ports::chain::Wallet;
use crate::ports::identity::Denied;
use crate::services::auth::fixture::{Account, LEASE};
use crate::services::auth::through::ways;

#[tokio::test]
async fn a_vault_counts_as_far_as_it_delegates_and_as_the_rule_says() {
    let case = Case::new().await;
    let (hot, names) = (viewer(), [by_vault(vault())]);
    let (to, rights) = (evm(hot), B256::ZERO);
    let rules = [
        "closed", "any", "one", "other", "rights", "coins", "badge", "bound",
    ];
    let admitted = async || {
        let mut found = Vec::new();
        for rule in rules {
            match case.says(rule, hot, &names).await.as_str() {
                "admitted" => found.push(rule),
                reason => assert_eq!(reason, "TokenRequired", "{rule}"),
            }
        }
        found
    };
    let tickets = case.tickets;
    let contract = |contract_, enable| delegateContractCall {
        to,
        contract_,
        rights,
        enable,
    };
    assert_eq!(admitted().await, [""; 0], "nothing is delegated");
    for (call, undo, expected) in [
        (
            delegateAllCall {
                to,
                rights,
                enable: true,
            }
            .abi_encode(),
            delegateAllCall {
                to,
                rights,
                enable: false,
            }
            .abi_encode(),
            vec!["any", "one", "rights", "coins", "badge"],
        ),
        (
            contract(tickets, true).abi_encode(),
            contract(tickets, false).abi_encode(),
            vec!["any", "one", "rights"],
        ),
        (
            contract(case.outer, true).abi_encode(),
            contract(case.outer, false).abi_encode(),
            vec![],
        ),
        (
            delegateERC721Call {
                to,
                contract_: tickets,
                tokenId: U256::from(1),
                rights,
                enable: true,
            }
            .abi_encode(),
            delegateERC721Call {
                to,
                contract_: tickets,
                tokenId: U256::from(1),
                rights,
                enable: false,
            }
            .abi_encode(),
            vec!["one"],
        ),
        (
            delegateERC20Call {
                to,
                contract_: case.coins,
                rights,
                amount: U256::from(100),
            }
            .abi_encode(),
            delegateERC20Call {
                to,
                contract_: case.coins,
                rights,
                amount: U256::ZERO,
            }
            .abi_encode(),
            vec!["coins"],
        ),
        (
            delegateERC20Call {
                to,
                contract_: case.coins,
                rights,
                amount: U256::from(99),
            }
            .abi_encode(),
            delegateERC20Call {
                to,
                contract_: case.coins,
                rights,
                amount: U256::ZERO,
            }
            .abi_encode(),
            vec![],
        ),
        (
            delegateERC1155Call {
                to,
                contract_: case.badges,
                tokenId: U256::from(7),
                rights,
                amount: U256::from(2),
            }
            .abi_encode(),
            delegateERC1155Call {
                to,
                contract_: case.badges,
                tokenId: U256::from(7),
                rights,
                amount: U256::ZERO,
            }
            .abi_encode(),
            vec!["badge"],
        ),
        (
            delegateAllCall {
                to,
                rights: RIGHTS,
                enable: true,
            }
            .abi_encode(),
            delegateAllCall {
                to,
                rights: RIGHTS,
                enable: false,
            }
            .abi_encode(),
            vec!["rights"],
        ),
    ] {
        case.delegate(vault(), call).await;
        case.settle().await;
        assert_eq!(admitted().await, expected);
        case.delegate(vault(), undo).await;
        case.settle().await;
        assert_eq!(admitted().await, [""; 0], "revoked: {expected:?}");
    }
    // Somebody else's delegation, somebody else's name, and no name at all.
    let thief = Account::new(23).wallet();
    case.delegate_all(thief, hot, true).await;
    case.settle().await;
    assert_eq!(
        case.says("any", hot, &[by_vault(thief)]).await,
        "TokenRequired"
    );
    assert_eq!(case.says("any", hot, &names).await, "TokenRequired");
    case.delegate_all(vault(), hot, true).await;
    case.settle().await;
    assert_eq!(case.says("any", thief, &names).await, "TokenRequired");
    assert_eq!(case.says("any", hot, &[]).await, "TokenRequired");
    assert_eq!(case.says("any", hot, &names).await, "admitted");
    assert_eq!(
        case.says("any", Wallet::Solana([1; 32]), &names).await,
        "TokenRequired"
    );
    // A registry that is not there is no "no".
    case.node
        .rpc("anvil_setCode", json!([DELEGATE_REGISTRY, "0x"]))
        .await;
    case.node.mine(1).await;
    // Code that goes is logged nowhere: what is remembered ends by time.
    case.world.clock.advance(LEASE);
    case.settle().await;
    assert_eq!(case.says("any", hot, &names).await, "ContractUnanswerable");
    assert_eq!(
        case.says("any", vault(), &names).await,
        "admitted",
        "by its own"
    );
}

#[tokio::test]
async fn what_a_vault_takes_back_or_gives_away_ends_the_lease() {
    let case = Case::new().await;
    let (hot, names) = (viewer(), [by_vault(vault())]);
    case.delegate_all(vault(), hot, true).await;
    case.settle().await;
    let lease = case.ask("any", hot, &names).await.unwrap();
    // Anybody can delegate to the viewer: that ends nothing.
    case.delegate_all(Account::new(23).wallet(), hot, true)
        .await;
    case.stays_at(lease.epoch).await;
    case.delegate_all(vault(), hot, false).await;
    case.ends_after(lease.epoch).await;
    let refused = case.ask("any", hot, &names).await;
    assert!(matches!(refused, Err(Denied::Required(_))), "{refused:?}");

    case.delegate_all(vault(), hot, true).await;
    case.settle().await;
    let lease = case.ask("any", hot, &names).await.unwrap();
    case.give(case.tickets, vault(), Account::new(24).wallet(), 1)
        .await;
    case.ends_after(lease.epoch).await;
    let refused = case.ask("any", hot, &names).await;
    assert!(matches!(refused, Err(Denied::Required(_))), "{refused:?}");
}

#[tokio::test]
async fn what_a_token_owns_counts_for_its_holder_until_it_moves() {
    let case = Case::new().await;
    let (holder, buyer) = (viewer(), Account::new(24).wallet());
    for to in [holder, buyer] {
        let call = mintCall { holder: evm(to) };
        case.node.send(case.outer, call.abi_encode()).await;
    }
    let (account, names) = (case.account(1).await, [case.token(1)]);
    let check = case
        .world
        .auth
        .rules
        .get("bound")
        .unwrap()
        .unwrap()
        .checks()[0]
        .clone();
    let computed = ways(&check, CHAIN_ID, names[0].parse().unwrap());
    assert_eq!(computed[0].account, account, "as the registry says");
    assert_eq!(case.says("bound", holder, &names).await, "TokenRequired");

    // Tokens may go to an account before it is made.
    let call = mintCall { holder: account };
    case.node.send(case.tickets, call.abi_encode()).await;
    case.settle().await;
    assert_eq!(case.says("bound", holder, &names).await, "admitted");
    let made = createAccountCall {
        implementation: case.runs,
        salt: B256::ZERO,
        chainId: U256::from(CHAIN_ID),
        tokenContract: case.outer,
        tokenId: U256::from(1),
    };
    let registry = ACCOUNT_REGISTRY.parse().unwrap();
    case.node.send(registry, made.abi_encode()).await;
    for (rule, who, names, expected) in [
        ("bound", holder, vec![case.token(1)], "admitted"),
        ("bound", holder, vec![], "TokenRequired"),
        ("bound", holder, vec![case.token(2)], "TokenRequired"),
        ("bound", holder, vec![case.token(99)], "TokenRequired"),
        ("bound", buyer, vec![case.token(1)], "TokenRequired"),
        ("bound", buyer, vec![case.token(2)], "TokenRequired"),
        ("closed", holder, vec![case.token(1)], "TokenRequired"),
        ("any", holder, vec![case.token(1)], "TokenRequired"),
    ] {
        assert_eq!(
            case.says(rule, who, &names).await,
            expected,
            "{rule} {names:?}"
        );
    }
    case.settle().await;
    let lease = case.ask("bound", holder, &names).await.unwrap();
    case.give(case.outer, holder, buyer, 1).await;
    case.ends_after(lease.epoch).await;
    assert!(matches!(
        case.ask("bound", holder, &names).await,
        Err(Denied::Required(_))
    ));
    let lease = case.ask("bound", buyer, &names).await.unwrap();

    // Its new holder lets the account give the token away.
    let give = transferFromCall {
        from: account,
        to: evm(vault()),
        tokenId: U256::from(2),
    };
    let call = executeCall {
        to: case.tickets,
        value: U256::ZERO,
        data: give.abi_encode().into(),
        operation: 0,
    };
    case.node.send_as(buyer, account, call.abi_encode()).await;
    case.ends_after(lease.epoch).await;
    assert!(matches!(
        case.ask("bound", buyer, &names).await,
        Err(Denied::Required(_))
    ));
}

#[tokio::test]
async fn a_handle_carries_the_accounts_that_are_the_viewers_and_no_others() {
    let case = Case::new().await;
    case.delegate_all(vault(), viewer(), true).await;
    let (_, profile) = case.world.sign_in(&Account::new(22)).await;
    let stranger = by_vault(Account::new(23).wallet());
    let names = vec![stranger.clone(), by_vault(vault()), case.token(1)];
    let content = "of-any".parse().unwrap();
    let refused = case
        .world
        .auth
        .playback(&profile, &content, vec![stranger])
        .await;
    assert!(refused.is_err(), "a name alone opens nothing");
    let playback = case
        .world
        .auth
        .playback(&profile, &content, names)
        .await
        .unwrap();
    let claims = playback.handle.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, claims);
    let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
    assert_eq!(claims["proven"], json!([by_vault(vault())]));
}
