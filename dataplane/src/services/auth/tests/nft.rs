//! The gate's tokens over HTTP, on real contracts: which there are, who holds them, and that no request
//! says what is looked at.

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, sol};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::over_http::{json_of, post, serve};
use crate::adapters::ethereum::anvil::{Anvil, CHAIN_ID};
use crate::services::auth::fixture::{Account, World, admin, config};
use crate::services::auth::http::routes;

sol! {
    function mint(address holder) external;
}

mod coin {
    alloy_sol_types::sol! { function mint(address holder, uint256 amount) external; }
}

mod badge {
    alloy_sol_types::sol! { function mint(address holder, uint256 id, uint256 amount) external; }
}

const VERIFY: &str = "/api/v1/nft/verify";

/// A gate on a node where account 8 has a ticket, 500 coins and 3 badges of id 7.
struct Gate {
    node: Anvil,
    world: World,
    url: String,
    ticket: Address,
}

impl Gate {
    async fn new() -> Self {
        let node = Anvil::with(&["--auto-impersonate"]).await;
        let holder: Address = Account::new(8).wallet().evm().unwrap().into();
        let ticket = node.deploy("Ticket", []).await;
        let coins = node.deploy("Coin", []).await;
        let badges = node.deploy("Badge", []).await;
        node.send(ticket, mintCall { holder }.abi_encode()).await;
        let amount = U256::from(500);
        let minted = coin::mintCall { holder, amount }.abi_encode();
        node.send(coins, minted).await;
        let (id, amount) = (U256::from(7), U256::from(3));
        let minted = badge::mintCall { holder, id, amount }.abi_encode();
        node.send(badges, minted).await;
        node.mine(1).await;
        let mut config = config(&node.url, CHAIN_ID);
        let rules = json!([
            {"name": "ticket", "title": "Season ticket", "getUrl": "https://tickets.example",
                "erc721": {"chain": "test", "contract": ticket}},
            {"name": "coins", "erc20": {"chain": "test", "contract": coins, "minimum": "500"}},
            {"name": "more-coins", "erc20": {"chain": "test", "contract": coins, "minimum": "501"}},
            {"name": "badges", "erc1155": {"chain": "test", "contract": badges, "tokenId": "7",
                "minimum": "3"}},
            {"name": "lost", "erc721": {"chain": "elsewhere", "contract": ticket}},
            {"name": "rich", "native": {"chain": "test", "minimum": "1"}},
            {"name": "either", "anyOf": ["ticket", "rich"]},
            {"name": "few", "allowList": {"wallets": [Account::new(8).wallet().to_string()]}},
        ]);
        config.rules = serde_json::from_value(rules).unwrap();
        let world = World::on_chains(config).await;
        world.content("few", Some("few")).await;
        let url = serve(routes(world.auth.clone())).await;
        Self {
            node,
            world,
            url,
            ticket,
        }
    }

    async fn get(&self, path: &str, token: Option<&str>) -> (u16, Value) {
        let mut request = Client::new().get(format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let (status, said) = json_of(request.send().await.unwrap()).await;
        (status.as_u16(), said)
    }

    async fn verify(&self, token: &str, body: Value) -> (u16, Value) {
        let (status, said) = json_of(post(&self.url, VERIFY, Some(token), &body).await).await;
        (status.as_u16(), said)
    }
}

/// Names of rules with what is said of them.
fn held(said: &Value) -> Vec<(String, String)> {
    let tokens = said["tokens"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    tokens
        .map(|token| (word(&token["id"]), word(&token["holds"])))
        .collect()
}

#[tokio::test]
async fn somebody_sees_the_tokens_of_the_gate_and_which_they_hold() {
    let gate = Gate::new().await;
    let (holders, _) = gate.world.sign_in(&Account::new(8)).await;
    let (status, said) = gate.get("/api/v1/nft", Some(&holders)).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["address"], Account::new(8).wallet().to_string());
    let expected = [
        ("badges", "yes"),
        ("coins", "yes"),
        ("lost", "unknown"),
        ("more-coins", "no"),
        ("ticket", "yes"),
    ];
    assert_eq!(
        held(&said),
        expected.map(|(id, holds)| (id.to_owned(), holds.to_owned()))
    );
    assert_eq!(said["tokens"][2]["error"]["reason"], "UnknownChain");

    let (status, said) = gate.get("/api/v1/nft/ticket", Some(&holders)).await;
    assert_eq!(status, 200);
    let contract = json!(gate.ticket);
    assert!(
        said["block"]["number"].as_u64() > Some(0),
        "it says when: {said}"
    );
    let mut told = said.clone();
    told.as_object_mut().unwrap().remove("block");
    let expected = json!({"id": "ticket", "holds": "yes", "standard": "ERC-721", "chain": "test",
        "contract": contract, "title": "Season ticket", "getUrl": "https://tickets.example"});
    assert_eq!(told, expected);
    let (strangers, _) = gate.world.sign_in(&Account::new(9)).await;
    let (_, said) = gate.get("/api/v1/nft", Some(&strangers)).await;
    assert!(held(&said).iter().all(|(_, holds)| holds != "yes"));
    // What tests no token, or several things, is no token; and neither is what is not there.
    for id in ["either", "rich", "few", "nothing", "%F0"] {
        let (status, said) = gate.get(&format!("/api/v1/nft/{id}"), Some(&holders)).await;
        assert_eq!((status, &said["reason"]), (404, &json!("NotFound")), "{id}");
    }
}

#[tokio::test]
async fn verifying_asks_the_chain_now() {
    sol! { function transferFrom(address from, address to, uint256 id) external; }
    let gate = Gate::new().await;
    let holder = Account::new(8);
    let (token, _) = gate.world.sign_in(&holder).await;
    let (_, said) = gate.get("/api/v1/nft/ticket", Some(&token)).await;
    assert_eq!(said["holds"], "yes");
    let (status, said) = gate.verify(&token, json!({"id": "ticket"})).await;
    assert_eq!((status, &said["holds"]), (200, &json!("yes")), "{said}");
    let from: Address = holder.wallet().evm().unwrap().into();
    let to = Address::repeat_byte(0xEE);
    let id = U256::from(1);
    let given = transferFromCall { from, to, id }.abi_encode();
    gate.node.send_as(holder.wallet(), gate.ticket, given).await;
    gate.node.mine(1).await;
    let (_, said) = gate.verify(&token, json!({"id": "ticket"})).await;
    assert_eq!(said["holds"], "no", "{said}");
}

#[tokio::test]
async fn no_request_says_what_is_looked_at_and_nobody_is_admitted_by_it() {
    let gate = Gate::new().await;
    let (strangers, _) = gate.world.sign_in(&Account::new(9)).await;
    for more in [
        json!({"wallet": Account::new(8).wallet().to_string()}),
        json!({"address": Account::new(8).wallet().to_string()}),
        json!({"contract": gate.ticket}),
        json!({"chain": "test"}),
        json!({"tokenId": "1"}),
        json!({"minimum": "0"}),
        json!({"rule": "few"}),
    ] {
        let mut body = json!({"id": "more-coins"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let (status, said) = gate.verify(&strangers, body).await;
        assert_eq!(
            (status, &said["reason"]),
            (400, &json!("InvalidBody")),
            "{more}"
        );
    }
    let query = "wallet=0x00&minimum=0&contract=0x00&holds=yes";
    for path in ["/api/v1/nft", "/api/v1/nft/more-coins"] {
        let (_, plain) = gate.get(path, Some(&strangers)).await;
        let (_, asked) = gate.get(&format!("{path}?{query}"), Some(&strangers)).await;
        assert_eq!(plain, asked, "{path}");
    }
    let names = json!({"id": "ticket", "through": ["vault:nobody"]});
    let (status, said) = gate.verify(&strangers, names).await;
    assert_eq!((status, &said["reason"]), (400, &json!("MalformedName")));
    let (status, said) = gate.verify(&strangers, json!({"id": "few"})).await;
    assert_eq!((status, &said["reason"]), (404, &json!("NotFound")));

    // Whoever holds every token of the gate watches no more for having asked.
    let (holders, _) = gate.world.sign_in(&Account::new(7)).await;
    let (_, said) = gate.verify(&holders, json!({"id": "ticket"})).await;
    assert_eq!(said["holds"], "no");
    let wanted = json!({"content": "few"});
    let (status, _) =
        json_of(post(&gate.url, "/api/v1/playback", Some(&holders), &wanted).await).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn tokens_are_told_to_those_who_are_signed_in_or_may_watch() {
    let gate = Gate::new().await;
    for path in ["/api/v1/nft", "/api/v1/nft/ticket"] {
        let (status, said) = gate.get(path, None).await;
        assert_eq!((status, &said["reason"]), (401, &json!("SignInRequired")));
    }
    let (status, _) = gate.verify("forged", json!({"id": "ticket"})).await;
    assert_eq!(status, 401);
    let (admins, _) = gate.world.sign_in(&admin()).await;
    for (scope, status) in [("watch", 200), ("upload", 403)] {
        let wish = json!({"name": "machine", "scopes": [scope]});
        let made = post(&gate.url, "/api/v1/auth/keys", Some(&admins), &wish).await;
        let (_, made) = json_of(made).await;
        let key = made["key"].as_str().unwrap();
        assert_eq!(gate.get("/api/v1/nft", Some(key)).await.0, status);
        assert_eq!(gate.get("/api/v1/nft/ticket", Some(key)).await.0, status);
        let (got, _) = gate.verify(key, json!({"id": "ticket"})).await;
        assert_eq!(got, status, "{scope}");
    }
}
