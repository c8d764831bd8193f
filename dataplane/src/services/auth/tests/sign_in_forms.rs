//! Sign-in by plain texts (EIP-191) and typed data (EIP-712): the contract of every other kind, against
//! keys and contracts on a real node.

use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::{SolCall, SolValue, sol};
use serde_json::{Value, json};

use super::over_http::{json_of, post, serve};
use crate::adapters::ethereum::anvil::{Anvil, CHAIN_ID};
use crate::ports::chain::Wallet;
use crate::services::auth::fixture::{Account, GATE, World, browser, config, text};
use crate::services::auth::http::routes;
use crate::services::auth::siwe::{Form, Signable};
use crate::services::auth::{AuthError, Browser};

sol! {
    function make(address owner, bytes32 salt) external returns (address);
    function at(address owner, bytes32 salt) external view returns (address);
}

const FORMS: [Form; 3] = [Form::Eip4361, Form::PersonalSign, Form::Eip712];
const SALT: B256 = B256::repeat_byte(6);
/// An account whose key the node has.
const OF_THE_NODE: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

async fn challenge(world: &World, form: Form, wallet: Address) -> String {
    let wallet = Wallet::of_key(wallet.into_array());
    let asked = world
        .auth
        .challenge_in(Some(form), wallet, None, browser())
        .await;
    let asked = asked.unwrap();
    assert_eq!(asked.form, form);
    asked.message
}

fn address(account: &Account) -> Address {
    account.wallet().evm().unwrap().into()
}

/// The account's signature of a message, in the message's form.
fn sign(account: &Account, message: &str) -> String {
    let signed: Signable = message.parse().unwrap();
    text(&account.sign_hash(signed.hash()))
}

async fn sign_in(world: &World, message: &str, signature: &str) -> Result<Wallet, AuthError> {
    let signed_in = world.auth.sign_in(message, signature, Some(browser()));
    Ok(signed_in.await?.wallet)
}

fn is_spent(outcome: &Result<Wallet, AuthError>) -> bool {
    matches!(outcome, Err(AuthError::NonceSpent))
}

fn is_wrong(outcome: &Result<Wallet, AuthError>) -> bool {
    matches!(outcome, Err(AuthError::WrongSigner))
}

#[tokio::test]
async fn a_challenge_says_the_same_in_every_form() {
    let world = World::generous().await;
    let account = address(&Account::new(7));
    let message = challenge(&world, Form::PersonalSign, account).await;
    let nonce = message.split("Nonce: ").nth(1).unwrap();
    let nonce = nonce.lines().next().unwrap();
    let expected = format!(
        "Sign in to StreamGate. This costs nothing and moves nothing.\n\nSite: gate.example\n\
         URI: {GATE}\nAccount: {account}\nChain ID: 1\nNonce: {nonce}\n\
         Issued At: 2026-11-24T03:00:00Z\nExpiration Time: 2026-11-24T03:05:00Z"
    );
    assert_eq!(message, expected);

    let message = challenge(&world, Form::Eip712, account).await;
    let said: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(said["primaryType"], "SignIn");
    let domain = json!({"name": "StreamGate", "version": "1", "chainId": 1});
    assert_eq!(said["domain"], domain);
    let expected = json!({
        "statement": "Sign in to StreamGate. This costs nothing and moves nothing.",
        "site": "gate.example", "uri": GATE, "account": account.to_string(),
        "nonce": said["message"]["nonce"], "issuedAt": "2026-11-24T03:00:00Z",
        "expirationTime": "2026-11-24T03:05:00Z",
    });
    assert_eq!(said["message"], expected);
}

/// The node signs as wallets do, with code of its own: were our hash another, it would not be taken.
#[tokio::test]
async fn what_a_node_signs_in_each_form_is_taken_once_and_in_its_browser() {
    let node = Anvil::start().await;
    let world = World::on_chains(config(&node.url, CHAIN_ID)).await;
    let wallet: Address = OF_THE_NODE.parse().unwrap();
    for form in FORMS {
        let message = challenge(&world, form, wallet).await;
        let signed = match form {
            Form::Eip712 => {
                let data: Value = serde_json::from_str(&message).unwrap();
                node.rpc("eth_signTypedData_v4", json!([OF_THE_NODE, data]))
                    .await
            }
            _ => {
                let bytes = format!("0x{}", hex::encode(&message));
                node.rpc("personal_sign", json!([bytes, OF_THE_NODE])).await
            }
        };
        let signature = signed.as_str().unwrap();
        let theirs = Browser::with("theirs");
        let stolen = world.auth.sign_in(&message, signature, Some(&theirs)).await;
        assert!(
            matches!(stolen, Err(AuthError::NonceSpent)),
            "{form:?}: {stolen:?}"
        );
        let bare = world.auth.sign_in(&message, signature, None).await;
        assert!(matches!(bare, Err(AuthError::Unbound)), "{form:?}");
        let who = sign_in(&world, &message, signature).await.unwrap();
        assert_eq!(who, Wallet::of_key(wallet.into_array()), "{form:?}");
        let again = sign_in(&world, &message, signature).await;
        assert!(is_spent(&again), "{form:?}: {again:?}");
    }
}

#[tokio::test]
async fn contract_wallets_sign_in_every_form() {
    let node = Anvil::start().await;
    let world = World::on_chains(config(&node.url, CHAIN_ID)).await;
    let (owner, other) = (Account::new(7), Account::new(8));
    let deployed = node
        .deploy("SmartWallet", address(&owner).abi_encode())
        .await;
    let factory = node.deploy("SmartWalletFactory", []).await;
    let of = address(&owner);
    let data = Bytes::from(
        atCall {
            owner: of,
            salt: SALT,
        }
        .abi_encode(),
    );
    let call = json!([{"to": factory, "data": data}, "latest"]);
    let found = node.rpc("eth_call", call).await;
    let coming = Address::from_word(found.as_str().unwrap().parse().unwrap());
    let make = makeCall {
        owner: of,
        salt: SALT,
    }
    .abi_encode();
    let delegate = node.deploy("Delegate", []).await;
    let code = format!("0xef0100{}", hex::encode(delegate));
    let delegating = Account::new(9);
    let set = json!([address(&delegating), code]);
    node.rpc("anvil_setCode", set).await;
    node.mine(1).await;

    for form in FORMS {
        // EIP-1271: the wallet says so itself.
        let message = challenge(&world, form, deployed).await;
        let outcome = sign_in(&world, &message, &sign(&other, &message)).await;
        assert!(is_wrong(&outcome), "{form:?}: {outcome:?}");
        let outcome = sign_in(&world, &message, &sign(&owner, &message)).await;
        let contract = |address: Address| Wallet::of_contract(address.into_array(), CHAIN_ID);
        assert_eq!(outcome.unwrap(), contract(deployed), "{form:?}");
        // EIP-6492: the wallet is not there yet.
        let message = challenge(&world, form, coming).await;
        let wrapped = |who: &Account| {
            let inner: Bytes = sign(who, &message).parse().unwrap();
            let mut bytes = (factory, Bytes::from(make.clone()), inner).abi_encode_params();
            bytes.extend([0x64_u8, 0x92].repeat(16));
            format!("0x{}", hex::encode(bytes))
        };
        let outcome = sign_in(&world, &message, &wrapped(&other)).await;
        assert!(is_wrong(&outcome), "{form:?}: {outcome:?}");
        let outcome = sign_in(&world, &message, &wrapped(&owner)).await;
        assert_eq!(outcome.unwrap(), contract(coming), "{form:?}");
        // EIP-7702: the key of an account that lets a contract act for it.
        let message = challenge(&world, form, address(&delegating)).await;
        let outcome = sign_in(&world, &message, &sign(&other, &message)).await;
        assert!(is_wrong(&outcome), "{form:?}: {outcome:?}");
        let outcome = sign_in(&world, &message, &sign(&delegating, &message)).await;
        assert_eq!(outcome.unwrap(), delegating.wallet(), "{form:?}");
    }
}

#[tokio::test]
async fn a_challenge_of_a_form_is_none_of_another() {
    let world = World::generous().await;
    let account = Account::new(7);
    for asked in FORMS {
        let message = challenge(&world, asked, address(&account)).await;
        let signed: Signable = message.parse().unwrap();
        for form in FORMS.into_iter().filter(|form| *form != asked) {
            let said = signed.message.clone();
            let other = Signable {
                form,
                message: said,
            };
            let other = other.to_string();
            // The same facts, rightly signed in a form that was not asked for.
            let outcome = sign_in(&world, &other, &sign(&account, &other)).await;
            assert!(is_spent(&outcome), "{asked:?} as {form:?}: {outcome:?}");
            // The right text with the signature of another.
            let outcome = sign_in(&world, &message, &sign(&account, &other)).await;
            assert!(is_wrong(&outcome), "{asked:?} by {form:?}: {outcome:?}");
        }
        let who = sign_in(&world, &message, &sign(&account, &message)).await;
        assert_eq!(who.unwrap(), account.wallet(), "and none has spent it");
    }
}

#[tokio::test]
async fn every_form_is_bound_to_site_chain_account_and_time() {
    let changes = [
        ("gate.example\n", "evil.example\n", "Foreign"),
        ("\"gate.example\"", "\"evil.example\"", "Foreign"),
        (GATE, "https://evil.example", "Foreign"),
        ("Chain ID: 1\n", "Chain ID: 5\n", "Foreign"),
        ("\"chainId\":1}", "\"chainId\":5}", "Foreign"),
        ("03:05:00Z", "03:00:00Z", "OutOfTime"),
        ("03:00:00Z", "02:55:00Z", "OutOfTime"),
        ("03:00:00Z", "03:01:01Z", "OutOfTime"),
        ("Nonce: ", "Nonce: 0", "NonceSpent"),
        ("\"nonce\":\"", "\"nonce\":\"0", "NonceSpent"),
    ];
    let (account, thief) = (Account::new(7), Account::new(8));
    for form in [Form::PersonalSign, Form::Eip712] {
        let world = World::generous().await;
        let message = challenge(&world, form, address(&account)).await;
        let mut tried = 0;
        for (from, to, expected) in changes {
            let changed = message.replacen(from, to, 1);
            if changed == message {
                continue;
            }
            let refused = sign_in(&world, &changed, &sign(&account, &changed)).await;
            let refused = format!("{:?}", refused.unwrap_err());
            assert!(refused.starts_with(expected), "{form:?} {to}: {refused}");
            tried += 1;
        }
        assert_eq!(tried, 7, "{form:?}");
        let stolen = message.replace(&address(&account).to_string(), &address(&thief).to_string());
        let outcome = sign_in(&world, &stolen, &sign(&thief, &stolen)).await;
        assert!(is_spent(&outcome), "{form:?}: {outcome:?}");
        world.clock.advance(300);
        let late = sign_in(&world, &message, &sign(&account, &message)).await;
        assert!(matches!(late, Err(AuthError::OutOfTime(_))), "{form:?}");
    }
}

#[tokio::test]
async fn a_form_is_asked_for_over_http_and_must_fit_the_wallet() {
    let world = World::generous().await;
    let url = serve(routes(world.auth.clone())).await;
    let account = Account::new(7);
    let evm = account.wallet().to_string();
    let solana = "solana:4fYNw3dojWmQ4dXtSGE9epjRGy9pFSx62YypT7avPYvA";
    let binding = "bzH-SfUwh9nMAQC9wt9CWkhF8yqvGgcz5S0ufYZWn4s";
    let ask = async |address: &str, form: Value| {
        let body = json!({"address": address, "signType": form, "binding": binding});
        let (status, said) = json_of(post(&url, "/api/v1/auth/challenge", None, &body).await).await;
        (status.as_u16(), said)
    };
    for (address, form) in [
        (evm.as_str(), "eip4361"),
        (&evm, "personal_sign"),
        (&evm, "eip712"),
        (solana, "solana"),
    ] {
        let (status, said) = ask(address, json!(form)).await;
        assert_eq!((status, &said["signType"]), (200, &json!(form)), "{said}");
    }
    for (address, usual) in [(evm.as_str(), "eip4361"), (solana, "solana")] {
        let (_, said) = ask(address, Value::Null).await;
        assert_eq!(said["signType"], usual);
    }
    for (address, form) in [
        (evm.as_str(), "solana"),
        (solana, "eip712"),
        (solana, "personal_sign"),
        (&evm, "eth_sign"),
        (&evm, ""),
    ] {
        let (status, said) = ask(address, json!(form)).await;
        assert_eq!(
            (status, &said["reason"]),
            (400, &json!("InvalidBody")),
            "{form}"
        );
    }
}
