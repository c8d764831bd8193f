//! Rules that ask a service, decided and dry-run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::json;
use streamgate_contract::rules::WebhookRule;

use crate::ports::chain::Wallet;
use crate::ports::hooks::{AccessHooks, HookError};
use crate::ports::identity::{Denied, Entitlements};
use crate::services::auth::Outside;
use crate::services::auth::fixture::{Account, Generous, World, config};

/// Says what it is told to, and how often it was asked.
#[derive(Default)]
struct Told {
    yes: AtomicBool,
    away: AtomicBool,
    asked: AtomicUsize,
}

#[async_trait]
impl AccessHooks for Told {
    async fn admits(&self, _: Wallet, _: &WebhookRule) -> Result<bool, HookError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.away.load(Ordering::SeqCst) {
            true => Err(HookError::InvalidAnswer("is not signed by the rule's key")),
            false => Ok(self.yes.load(Ordering::SeqCst)),
        }
    }
}

#[tokio::test]
async fn a_service_decides_for_the_time_of_a_lease_and_its_silence_is_no_yes() {
    let mut config = config("http://127.0.0.1:1", 1);
    config.rules = serde_json::from_value(json!([
        {"name": "asked", "webhook": {"url": "https://hooks.example/", "publicKey": "00".repeat(32)}},
        {"name": "others", "not": "asked"},
    ]))
    .unwrap();
    let told = Arc::new(Told::default());
    let outside = Outside {
        hooks: told.clone(),
        ..Outside::nobody()
    };
    let world = World::with(Arc::new(Generous::default()), config, outside).await;
    world.content("c", Some("asked")).await;
    world.content("n", Some("others")).await;
    let viewer = world
        .auth
        .viewer(Account::new(9).wallet(), "s".into(), Vec::new());
    let ask = async |content: &str| world.auth.entitle(&viewer, &content.parse().unwrap()).await;

    told.away.store(true, Ordering::SeqCst);
    for content in ["c", "n"] {
        let outcome = ask(content).await;
        let why = matches!(
            outcome,
            Err(Denied::Undecided {
                reason: "WebhookAnswerInvalid",
                ..
            })
        );
        assert!(why, "{content}: {outcome:?}");
    }
    told.away.store(false, Ordering::SeqCst);
    assert!(matches!(ask("c").await, Err(Denied::Required(_))));
    told.yes.store(true, Ordering::SeqCst);
    world.clock.advance(5);
    assert!(ask("c").await.is_ok(), "a no is believed for 5 s");
    let before = told.asked.load(Ordering::SeqCst);
    assert!(ask("c").await.is_ok() && matches!(ask("n").await, Err(Denied::Required(_))));
    assert_eq!(told.asked.load(Ordering::SeqCst), before, "remembered");
    told.yes.store(false, Ordering::SeqCst);
    world.clock.advance(crate::services::auth::fixture::LEASE);
    assert!(
        matches!(ask("c").await, Err(Denied::Required(_))),
        "no longer than a lease"
    );
}
