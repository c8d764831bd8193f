//! Categories, and counts of what was watched.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn categories_are_the_admins_and_contents_are_in_them() {
    let world = world().await;
    let url = serve(&world).await;
    let categories = url.replace("contents", "categories");
    let (mine, _) = world.sign_in(&owner()).await;
    let (admins, _) = world.sign_in(&admin()).await;
    let http = reqwest::Client::new();
    let sea = format!("{categories}/sea");
    let put = |title: &str| http.put(&sea).json(&json!({"title": title}));
    assert_eq!(send(put("Sea"), &mine).await.0, 403);
    assert_eq!(send(put("Sea"), &admins).await.0, 201);
    assert_eq!(send(put("The sea"), &admins).await.0, 204);
    let (_, list) = get(&categories, None).await;
    assert_eq!(
        list["categories"],
        json!([{"id": "sea", "title": "The sea"}])
    );
    let bind = |c: Value| patch_of(&url, "second", &mine, json!({"categories": c}));
    assert_eq!(bind(json!(["none"])).await.0, 404);
    assert_eq!(bind(json!(["sea"])).await.0, 200);
    let (_, list) = get(&format!("{url}?category=sea"), None).await;
    assert_eq!(ids(&list), ["second"]);
    assert_eq!(send(http.delete(&sea), &admins).await.0, 204);
    assert_eq!(send(http.delete(&sea), &admins).await.0, 404);
}

#[tokio::test]
async fn statistics_are_for_everybody_and_those_of_a_content_for_its_owner() {
    let world = world().await;
    let url = serve(&world).await;
    let watched = |id: &str, starts| Watched {
        content: id.parse().unwrap(),
        tally: Tally { starts, seconds: 1 },
    };
    let today = Day::of(world.clock.now());
    let plays = [watched("first", 5), watched("second", 3)];
    world.catalog.count_plays(today, &plays).await.unwrap();
    world
        .catalog
        .count_plays(today.before(28), &plays)
        .await
        .unwrap();
    let stats = url.replace("contents", "stats");
    let (_, sum) = get(&format!("{stats}/playback"), None).await;
    assert_eq!(sum["starts"], 8);
    let (_, sum) = get(&format!("{stats}/playback?days=29"), None).await;
    assert_eq!(sum["starts"], 16);
    let (_, top) = get(&format!("{stats}/top"), None).await;
    assert_eq!(top["top"].as_array().unwrap().len(), 1);
    assert_eq!(
        (
            &top["top"][0]["content"]["id"],
            &top["top"][0]["playback"]["starts"]
        ),
        (&"second".into(), &3.into())
    );
    let (mine, _) = world.sign_in(&owner()).await;
    let of = format!("{url}/second/stats");
    assert_eq!(get(&of, Some(&mine)).await.1["starts"], 3);
    assert_eq!(get(&of, None).await.0, 401);
    let (stranger, _) = world.sign_in(&Account::new(9)).await;
    assert_eq!(get(&of, Some(&stranger)).await.0, 403);
}

#[tokio::test]
async fn a_viewing_counts_once_and_its_leases_add_up() {
    let world = world().await;
    let (catalog, clock) = (world.catalog.clone(), world.clock.clone());
    let counted = CountedEntitlements::new(world.auth.clone(), catalog, clock);
    let (_, profile) = world.sign_in(&owner()).await;
    let viewer = |session: &str| Viewer {
        wallet: profile.principal.wallet,
        session: session.to_owned(),
        proven: Vec::new(),
    };
    let second = "second".parse().unwrap();
    let mut seconds = 0;
    for session in [
        profile.session.as_str(),
        profile.session.as_str(),
        "another",
    ] {
        let lease = counted.entitle(&viewer(session), &second).await.unwrap();
        seconds += lease.until - world.clock.now();
    }
    assert!(
        counted
            .entitle(&viewer("x"), &"none".parse().unwrap())
            .await
            .is_err()
    );
    counted.write().await;
    counted.write().await;
    let today = Day::of(world.clock.now());
    let seconds = u64::try_from(seconds).unwrap();
    let tally = world.catalog.plays(None, today).await.unwrap();
    assert_eq!(tally, Tally { starts: 2, seconds });
}
