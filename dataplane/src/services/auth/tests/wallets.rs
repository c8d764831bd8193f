//! Sign-in by wallets that are contracts, against contracts on a real node.

use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::{SolCall, SolValue, sol};
use serde_json::{Value, json};

use crate::adapters::ethereum::anvil::{Anvil, CHAIN_ID};
use crate::ports::chain::Wallet;
use crate::services::auth::AuthError;
use crate::services::auth::fixture::{Account, World, browser, config, text};

sol! {
    function freeze(bool on) external;
    function make(address owner, bytes32 salt) external returns (address);
    function at(address owner, bytes32 salt) external view returns (address);
}

/// Ends a wrapped signature.
const WRAPPED: [u8; 32] = [
    0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92,
    0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92,
];
const SALT: B256 = B256::repeat_byte(5);

async fn gate(node: &Anvil) -> World {
    World::on_chains(config(&node.url, CHAIN_ID)).await
}

fn address(account: &Account) -> Address {
    account.wallet().evm().unwrap().into()
}

async fn challenge(world: &World, address: Address) -> String {
    let wallet = Wallet::of_key(address.into_array());
    let challenge = world
        .auth
        .challenge(wallet, Some(CHAIN_ID), browser())
        .await;
    challenge.unwrap().message
}

/// Signs in as `wallet` with what `sign` makes of the message.
async fn sign_in(
    world: &World,
    wallet: Address,
    sign: impl AsyncFnOnce(&str) -> String,
) -> Result<Wallet, AuthError> {
    let message = challenge(world, wallet).await;
    let signature = sign(&message).await;
    let signed_in = world
        .auth
        .sign_in(&message, &signature, Some(browser()))
        .await?;
    let profile = world.auth.session(&signed_in.token).await.unwrap();
    assert_eq!(profile.principal.wallet, signed_in.wallet);
    Ok(signed_in.wallet)
}

async fn by(world: &World, wallet: Address, account: &Account) -> Result<Wallet, AuthError> {
    sign_in(world, wallet, async |message| text(&account.sign(message))).await
}

fn wrap(factory: Address, call: Vec<u8>, signature: &str) -> String {
    let inner: Bytes = signature.parse().unwrap();
    let mut bytes = (factory, Bytes::from(call), inner).abi_encode_params();
    bytes.extend(WRAPPED);
    format!("0x{}", hex::encode(bytes))
}

fn is_wrong(outcome: Result<Wallet, AuthError>) -> bool {
    matches!(outcome, Err(AuthError::WrongSigner))
}

#[tokio::test]
async fn a_contract_wallet_signs_in_by_its_own_word_and_on_its_own_chain() {
    let node = Anvil::start().await;
    let world = gate(&node).await;
    let (owner, other) = (Account::new(7), Account::new(8));
    let wallet = node
        .deploy("SmartWallet", address(&owner).abi_encode())
        .await;
    let signed_in = by(&world, wallet, &owner).await.unwrap();
    assert_eq!(
        signed_in,
        Wallet::of_contract(wallet.into_array(), CHAIN_ID)
    );
    assert!(signed_in.to_string().starts_with("eip155:31337:0x"));
    assert!(is_wrong(by(&world, wallet, &other).await));
    // Bytes that no key makes are for the wallet to judge, not for us.
    let odd = sign_in(&world, wallet, async |_| "0x0102".into()).await;
    assert!(is_wrong(odd));
    node.send(wallet, freezeCall { on: true }.abi_encode())
        .await;
    assert!(is_wrong(by(&world, wallet, &owner).await), "it says no now");
}

#[tokio::test]
async fn a_wallet_that_is_not_deployed_yet_signs_in_and_stays_undeployed() {
    let node = Anvil::start().await;
    let world = gate(&node).await;
    let (account, other) = (Account::new(7), Account::new(8));
    let owner = address(&account);
    let factory = node.deploy("SmartWalletFactory", []).await;
    let data = Bytes::from(atCall { owner, salt: SALT }.abi_encode());
    let found = node
        .rpc("eth_call", json!([{"to": factory, "data": data}, "latest"]))
        .await;
    let wallet = Address::from_word(found.as_str().unwrap().parse().unwrap());
    let call = makeCall { owner, salt: SALT }.abi_encode();

    let wrapped = async |who: &Account, call: Vec<u8>| {
        sign_in(&world, wallet, async |message| {
            wrap(factory, call, &text(&who.sign(message)))
        })
        .await
    };
    let expected = Wallet::of_contract(wallet.into_array(), CHAIN_ID);
    assert_eq!(wrapped(&account, call.clone()).await.unwrap(), expected);
    assert!(is_wrong(wrapped(&other, call.clone()).await), "another key");
    let elsewhere = makeCall {
        owner: address(&other),
        salt: SALT,
    }
    .abi_encode();
    assert!(
        is_wrong(wrapped(&other, elsewhere).await),
        "another wallet is deployed"
    );
    assert!(
        is_wrong(wrapped(&account, vec![1, 2, 3, 4]).await),
        "nothing is deployed"
    );
    let code = node.rpc("eth_getCode", json!([wallet, "latest"])).await;
    assert_eq!(code, "0x", "asking deploys nothing");
    // Unwrapped, nobody can vouch for it.
    assert!(is_wrong(by(&world, wallet, &account).await));

    node.send(factory, call.clone()).await;
    assert_eq!(wrapped(&account, call.clone()).await.unwrap(), expected);
    assert_eq!(by(&world, wallet, &account).await.unwrap(), expected);
    assert!(is_wrong(wrapped(&other, call).await));
}

#[tokio::test]
async fn a_wrapped_signature_vouches_for_no_account_of_a_key() {
    let node = Anvil::start().await;
    let world = gate(&node).await;
    let (account, victim) = (Account::new(7), Account::new(8));
    let factory = node.deploy("SmartWalletFactory", []).await;
    let call = makeCall {
        owner: address(&account),
        salt: SALT,
    }
    .abi_encode();
    for who in [&account, &victim] {
        let call = call.clone();
        let outcome = sign_in(&world, address(who), async |message| {
            wrap(factory, call, &text(&account.sign(message)))
        });
        assert!(is_wrong(outcome.await));
    }
    let garbage = sign_in(&world, address(&account), async |_| {
        format!("0x0102{}", hex::encode(WRAPPED))
    });
    assert!(matches!(garbage.await, Err(AuthError::InvalidSignature(_))));
    // Of the form that a chain would be asked about.
    let long = sign_in(&world, address(&account), async |_| {
        wrap(factory, call.clone(), &format!("0x{}", "00".repeat(7_000)))
    });
    assert!(matches!(long.await, Err(AuthError::InvalidSignature(_))));
}

#[tokio::test]
async fn an_account_that_delegates_signs_in_by_key_or_by_its_delegate() {
    let node = Anvil::start().await;
    let world = gate(&node).await;
    let account = Account::new(7);
    let delegate = node.deploy("Delegate", []).await;
    let code = format!("0xef0100{}", hex::encode(delegate));
    node.rpc("anvil_setCode", json!([address(&account), code]))
        .await;
    node.mine(1).await;
    // Its own key: the same account on every chain.
    assert_eq!(
        by(&world, address(&account), &account).await.unwrap(),
        account.wallet()
    );
    // The delegate's key: what the delegate says is true on this chain alone.
    let session_key = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
    let by_delegate = sign_in(&world, address(&account), async |message| {
        let text = format!("0x{}", hex::encode(message));
        let signed: Value = node.rpc("personal_sign", json!([text, session_key])).await;
        signed.as_str().unwrap().to_owned()
    });
    let on_this_chain = Wallet::of_contract(account.wallet().evm().unwrap(), CHAIN_ID);
    assert_eq!(by_delegate.await.unwrap(), on_this_chain);
    assert!(is_wrong(
        by(&world, address(&account), &Account::new(8)).await
    ));
}

#[tokio::test]
async fn a_wallet_that_answers_anything_but_yes_signs_nobody_in() {
    let node = Anvil::start().await;
    let world = gate(&node).await;
    for kind in 0u64..5 {
        let argument = alloy_primitives::U256::from(kind).abi_encode();
        let wallet = node.deploy("RogueWallet", argument).await;
        let outcome = by(&world, wallet, &Account::new(7)).await;
        assert!(is_wrong(outcome), "kind {kind}");
    }
}

#[tokio::test]
async fn rights_given_to_an_address_are_not_those_of_a_contract_there() {
    let node = Anvil::start().await;
    let owner = Account::new(7);
    let wallet = node
        .deploy("SmartWallet", address(&owner).abi_encode())
        .await;
    let plain = Wallet::of_key(wallet.into_array()).to_string();
    for (name, admin) in [
        (plain.clone(), false),
        (format!("eip155:31337:{plain}"), true),
    ] {
        let mut config = config(&node.url, CHAIN_ID);
        config.people.admins = vec![name];
        let world = World::on_chains(config).await;
        let message = challenge(&world, wallet).await;
        let signature = text(&owner.sign(&message));
        let token = world
            .auth
            .sign_in(&message, &signature, Some(browser()))
            .await
            .unwrap()
            .token;
        let profile = world.auth.session(&token).await.unwrap();
        assert_eq!(profile.principal.admin, admin);
    }
}

#[tokio::test]
async fn a_challenge_is_good_once_and_for_the_account_and_chain_it_was_asked_for() {
    let node = Anvil::start().await;
    let mut config = config(&node.url, CHAIN_ID);
    let mut second = config.chains[0].clone();
    (second.name, second.chain_id) = ("second".into(), 5);
    config.chains.push(second);
    let world = World::on_chains(config).await;
    let (account, thief) = (Account::new(7), Account::new(8));
    let message = challenge(&world, address(&account)).await;
    let stolen = message.replace(&address(&account).to_string(), &address(&thief).to_string());
    let outcome = world
        .auth
        .sign_in(&stolen, &text(&thief.sign(&stolen)), Some(browser()))
        .await;
    assert!(matches!(outcome, Err(AuthError::NonceSpent)), "{outcome:?}");
    let signature = text(&account.sign(&message));
    world
        .auth
        .sign_in(&message, &signature, Some(browser()))
        .await
        .unwrap();
    let again = world
        .auth
        .sign_in(&message, &signature, Some(browser()))
        .await;
    assert!(matches!(again, Err(AuthError::NonceSpent)), "{again:?}");

    // Asked for one chain, signed for another of the gate.
    let other = world
        .auth
        .challenge(account.wallet(), Some(5), browser())
        .await
        .unwrap()
        .message;
    let moved = other.replace("Chain ID: 5\n", &format!("Chain ID: {CHAIN_ID}\n"));
    let outcome = world
        .auth
        .sign_in(&moved, &text(&account.sign(&moved)), Some(browser()))
        .await;
    assert!(matches!(outcome, Err(AuthError::NonceSpent)), "{outcome:?}");
}

#[tokio::test]
async fn without_an_answer_of_the_chain_nobody_signs_in() {
    let world = World::on_chains(config("http://127.0.0.1:1", CHAIN_ID)).await;
    let account = Account::new(7);
    let outcome = by(&world, address(&account), &account).await;
    let Err(AuthError::Undecided(error)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.reason(), "ChainUnavailable");
}
