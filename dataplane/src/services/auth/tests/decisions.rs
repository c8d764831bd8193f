//! Who may watch what, on a chain that always says yes and on a real node.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::adapters::ethereum::anvil::{Anvil, CHAIN_ID};
use crate::ports::catalog::{Content, ContentState, Contents, Outputs, suite};
use crate::ports::identity::{Denied, Entitlements, Lease, Viewer};
use crate::services::auth::fixture::{
    Account, CONTRACT, Generous, LEASE, NOW, World, admin, config, owner,
};
use crate::services::auth::rules;

async fn ask(world: &World, account: &Account, content: &str) -> Result<Lease, Denied> {
    let content = content.parse().unwrap();
    world.auth.entitle(&viewer(account), &content).await
}

fn viewer(account: &Account) -> Viewer {
    Viewer {
        wallet: account.wallet(),
        session: "session".into(),
        proven: Vec::new(),
    }
}

#[tokio::test]
async fn owner_and_admin_may_watch_without_a_rule_and_nobody_else() {
    let world = World::generous().await;
    world.content("c", None).await;
    for account in [owner(), admin()] {
        let lease = ask(&world, &account, "c").await.unwrap();
        assert_eq!(lease.until, NOW + LEASE);
    }
    let refused = ask(&world, &Account::new(9), "c").await;
    assert!(matches!(refused, Err(Denied::OwnerOnly(_))), "{refused:?}");
}

#[tokio::test]
async fn a_rule_that_does_not_exist_admits_nobody() {
    let world = World::generous().await;
    world.content("c", Some("forgotten")).await;
    let refused = ask(&world, &Account::new(9), "c").await;
    assert!(
        matches!(refused, Err(Denied::Undecided { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_default_rule_guards_contents_that_name_none() {
    let config = streamgate_contract::config::RoleConfig {
        default_rule: Some("holders".into()),
        ..config("http://127.0.0.1:1", 1)
    };
    let world = World::new(Arc::new(Generous::default()), config).await;
    world.content("c", None).await;
    assert!(ask(&world, &Account::new(9), "c").await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_played_is_refused_to_everybody() {
    let world = World::generous().await;
    let unplanned = Content {
        state: ContentState::Processing,
        owner: owner().wallet().to_string(),
        ..suite::content("unplanned")
    };
    world.catalog.create_content(&unplanned).await.unwrap();
    world.content("withdrawn", None).await;
    suite::withdraw(&*world.catalog, "withdrawn").await;
    for content in ["unplanned", "withdrawn", "nothing"] {
        for account in [owner(), admin()] {
            let refused = ask(&world, &account, content).await;
            assert!(
                matches!(refused, Err(Denied::NotPlayable(_))),
                "{content}: {refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_ended_session_watches_nothing() {
    let world = World::generous().await;
    world.content("c", None).await;
    let before = ask(&world, &owner(), "c").await.unwrap();
    world.auth.sign_out("session").await.unwrap();
    let refused = ask(&world, &owner(), "c").await;
    assert!(matches!(refused, Err(Denied::SessionEnded)), "{refused:?}");
    assert!(world.auth.epoch().await.unwrap() > before.epoch);
}

#[tokio::test]
async fn many_who_ask_at_once_cost_one_question_and_a_lease_ends_with_its_answer() {
    let chain = Arc::new(Generous::default());
    let world = World::new(chain.clone(), config("http://127.0.0.1:1", 1)).await;
    world.content("c", Some("holders")).await;
    let viewer = Account::new(9);
    let many = (0..50).map(|_| ask(&world, &viewer, "c"));
    for lease in futures::future::join_all(many).await {
        assert_eq!(lease.unwrap().until, NOW + LEASE);
    }
    assert_eq!(chain.0.load(Ordering::SeqCst), 1);
    world.clock.advance(LEASE - 1);
    // Asked late, granted no longer than the chain's answer is good for.
    assert_eq!(ask(&world, &viewer, "c").await.unwrap().until, NOW + LEASE);
    world.clock.advance(1);
    assert_eq!(
        ask(&world, &viewer, "c").await.unwrap().until,
        NOW + 2 * LEASE
    );
    assert_eq!(chain.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn on_a_real_node_the_holder_is_admitted_until_the_token_moves() {
    let node = Anvil::start().await;
    let config = config(&node.url, CHAIN_ID);
    let world = World::on_chains(config).await;
    world.content("c", Some("holders")).await;
    let (holder, stranger) = (Account::new(8), Account::new(9));
    let [contract, _] = node.erc721(holder.wallet(), "7001").await;
    assert_eq!(contract.to_lowercase(), CONTRACT);

    assert!(ask(&world, &holder, "c").await.is_ok());
    let refused = ask(&world, &stranger, "c").await;
    let Err(Denied::Required(required)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(required.rule, "holders");
    assert_eq!(required.checks()[0].contract(), Some(CONTRACT));

    node.transfer(holder.wallet(), stranger.wallet(), "7001")
        .await;
    world.clock.advance(5);
    assert!(
        ask(&world, &stranger, "c").await.is_ok(),
        "a buyer waits 5 seconds at most"
    );
    world.clock.advance(LEASE - 5);
    let refused = ask(&world, &holder, "c").await;
    assert!(matches!(refused, Err(Denied::Required(_))), "{refused:?}");

    drop(node);
    assert!(
        ask(&world, &stranger, "c").await.is_ok(),
        "the answer is still good"
    );
    world.clock.advance(LEASE);
    let refused = ask(&world, &stranger, "c").await;
    assert!(
        matches!(refused, Err(Denied::Undecided { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_handle_lasts_for_the_duration_and_the_pause() {
    let world = World::generous().await;
    world.content("c", None).await;
    let (_, profile) = world.sign_in(&owner()).await;
    let playback = world
        .auth
        .playback(&profile, &"c".parse().unwrap(), Vec::new())
        .await
        .unwrap();
    // The plan lasts 44 ticks of 40 ms: two seconds, rounded up.
    assert_eq!(playback.expires, NOW + 2 + 600);
    assert!(!format!("{playback:?}").contains("/v/"));
    let output = world
        .catalog
        .playable_output(&"c".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(output.unwrap().as_str(), "c-o");
}

#[test]
fn the_hash_of_rules_tells_them_apart_in_any_order() {
    let mut two = config("http://127.0.0.1:1", 1).rules;
    let mut other = two[0].clone();
    other.name = "others".into();
    two.push(other);
    let hash = rules::hash(&two, None);
    two.reverse();
    assert_eq!(rules::hash(&two, None), hash);
    assert_ne!(rules::hash(&two, Some("holders")), hash);
    two[0].erc721.as_mut().unwrap().token_id = Some("1".into());
    assert_ne!(rules::hash(&two, None), hash);
}
