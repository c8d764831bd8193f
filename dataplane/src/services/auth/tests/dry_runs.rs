//! Dry runs and what requests cannot change, over real HTTP.

use serde_json::{Value, json};

use super::over_http::{json_of, post, serve};
use crate::adapters::ethereum::anvil::{Anvil, CHAIN_ID};
use crate::services::auth::fixture::{Account, CONTRACT, World, admin, config, owner};
use crate::services::auth::http::routes;

/// A gate on a real node where account 8 has the token; its URL.
async fn gate(node: &Anvil) -> (World, String) {
    let mut config = config(&node.url, CHAIN_ID);
    let rules = json!([
        {"name": "holders", "title": "Season ticket", "getUrl": "https://tickets.example",
            "erc721": {"chain": "test", "contract": CONTRACT}},
        {"name": "rich", "native": {"chain": "test", "minimum": "1"}},
        {"name": "lost", "erc721": {"chain": "elsewhere", "contract": CONTRACT}},
        {"name": "either", "anyOf": ["holders", "rich"]},
        {"name": "both", "allOf": ["holders", "lost"]},
    ]);
    config.rules = serde_json::from_value(rules).unwrap();
    let world = World::on_chains(config).await;
    for rule in ["holders", "either", "both"] {
        world.content(rule, Some(rule)).await;
    }
    node.erc721(Account::new(8).wallet(), "7001").await;
    let url = serve(routes(world.auth.clone())).await;
    (world, url)
}

async fn try_wallet(url: &str, token: &str, content: &str, account: &Account) -> (u16, Value) {
    let body = json!({"wallet": account.wallet().to_string()});
    let path = format!("/api/v1/contents/{content}/admission");
    let (status, said) = json_of(post(url, &path, Some(token), &body).await).await;
    (status.as_u16(), said)
}

#[tokio::test]
async fn owners_and_admins_see_what_each_test_says() {
    let node = Anvil::start().await;
    let (world, url) = gate(&node).await;
    let (holder, stranger) = (Account::new(8), Account::new(9));
    let (owners, _) = world.sign_in(&owner()).await;
    let (admins, _) = world.sign_in(&admin()).await;
    let (strangers, _) = world.sign_in(&stranger).await;

    let (status, said) = try_wallet(&url, &owners, "either", &holder).await;
    assert_eq!(
        (status, &said["admitted"], &said["reason"]),
        (200, &json!("yes"), &json!("Admitted"))
    );
    let parts = said["rule"]["anyOf"].as_array().unwrap();
    assert_eq!(
        (&parts[0]["says"], &parts[1]["says"]),
        (&json!("yes"), &json!("no"))
    );
    assert_eq!(parts[0]["title"], "Season ticket");
    assert_eq!(parts[0]["block"]["number"], 1);
    assert_eq!(parts[0]["block"]["hash"].as_str().unwrap().len(), 66);

    let (_, said) = try_wallet(&url, &admins, "holders", &stranger).await;
    assert_eq!(
        (&said["admitted"], &said["reason"]),
        (&json!("no"), &json!("TokenRequired"))
    );
    let (_, said) = try_wallet(&url, &owners, "both", &holder).await;
    assert_eq!(
        (&said["admitted"], &said["reason"]),
        (&json!("unknown"), &json!("UnknownChain"))
    );
    assert_eq!(said["rule"]["allOf"][1]["error"]["reason"], "UnknownChain");
    let (_, said) = try_wallet(&url, &owners, "holders", &admin()).await;
    assert_eq!(
        (&said["admitted"], &said["reason"]),
        (&json!("yes"), &json!("Owner"))
    );

    let (status, said) = try_wallet(&url, &strangers, "holders", &holder).await;
    assert_eq!((status, &said["reason"]), (403, &json!("NotYours")));
    let (status, _) = try_wallet(&url, "forged", "holders", &holder).await;
    assert_eq!(status, 401);
    let (status, said) = try_wallet(&url, &owners, "nothing", &holder).await;
    assert_eq!((status, &said["reason"]), (404, &json!("NotFound")));
}

#[tokio::test]
async fn a_refusal_says_what_is_required_and_where_to_get_it() {
    let node = Anvil::start().await;
    let (world, url) = gate(&node).await;
    let (token, _) = world.sign_in(&Account::new(9)).await;
    let ask = |body: Value| {
        let (url, token) = (url.clone(), token.clone());
        async move { json_of(post(&url, "/api/v1/playback", Some(&token), &body).await).await }
    };
    let (status, said) = ask(json!({"content": "either"})).await;
    assert_eq!(
        (status.as_u16(), &said["reason"]),
        (403, &json!("RequirementsNotMet"))
    );
    let required = &said["required"];
    assert_eq!(required["rule"], "either");
    let first = json!({"rule": "holders", "title": "Season ticket", "standard": "ERC-721",
        "getUrl": "https://tickets.example", "chain": "test", "contract": CONTRACT});
    assert_eq!(required["anyOf"][0], first);
    assert_eq!(required["anyOf"][1]["standard"], "native");
    assert!(
        said["detail"]
            .as_str()
            .unwrap()
            .contains("\"Season ticket\""),
        "{said}"
    );
}

#[tokio::test]
async fn no_request_chooses_or_weakens_what_is_checked() {
    let node = Anvil::start().await;
    let (world, url) = gate(&node).await;
    let (token, _) = world.sign_in(&Account::new(9)).await;
    for body in [
        json!({"content": "holders", "rule": "rich"}),
        json!({"content": "holders", "contract": "0x00"}),
        json!({"content": "holders", "wallet": owner().wallet().to_string()}),
        json!({"content": "holders", "chain": "elsewhere"}),
        json!({"content": "holders", "proven": [CONTRACT]}),
    ] {
        let (status, said) =
            json_of(post(&url, "/api/v1/playback", Some(&token), &body).await).await;
        assert_eq!(
            (status.as_u16(), &said["reason"]),
            (400, &json!("InvalidBody")),
            "{body}"
        );
    }
    let vault = format!("vault:0x{}", "11".repeat(20));
    for (names, status, reason) in [
        (json!([vault]), 403, "TokenRequired"),
        (
            json!([format!("erc721:{CONTRACT}/7")]),
            403,
            "TokenRequired",
        ),
        (json!(vec![vault.clone(); 5]), 400, "MalformedName"),
        (json!([CONTRACT]), 400, "MalformedName"),
        (
            json!(["vault:0x0000000000000000000000000000000000000000"]),
            400,
            "MalformedName",
        ),
        (json!(vault), 400, "InvalidBody"),
    ] {
        let body = json!({"content": "holders", "through": names});
        let (got, said) = json_of(post(&url, "/api/v1/playback", Some(&token), &body).await).await;
        assert_eq!(
            (got.as_u16(), &said["reason"]),
            (status, &json!(reason)),
            "{body}"
        );
    }
    let nodes = |n: usize| vec![format!("0x{}", "11".repeat(32)); n];
    let proofs = [
        (json!([nodes(3)]), 403, "TokenRequired"),
        (
            json!([nodes(3), nodes(0), nodes(1), nodes(2)]),
            403,
            "TokenRequired",
        ),
        (json!([[], [], [], [], []]), 400, "MalformedProof"),
        (json!([nodes(41)]), 400, "MalformedProof"),
        (json!([["0x11"]]), 400, "MalformedProof"),
    ];
    for (proofs, status, reason) in proofs {
        let body = json!({"content": "holders", "proofs": proofs});
        let (got, said) = json_of(post(&url, "/api/v1/playback", Some(&token), &body).await).await;
        assert_eq!(
            (got.as_u16(), &said["reason"]),
            (status, &json!(reason)),
            "{proofs}"
        );
    }
    for path in [
        "/api/v1/playback?rule=rich",
        "/api/v1/playback?content=either&admin=true",
    ] {
        let body = json!({"content": "holders"});
        let (got, _) = json_of(post(&url, path, Some(&token), &body).await).await;
        assert_eq!(got.as_u16(), 403, "{path}");
    }
}
