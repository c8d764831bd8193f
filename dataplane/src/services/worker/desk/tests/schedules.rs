//! Schedules: what people may say of them.

use super::submit::uploaded;
use super::*;
use crate::services::auth::fixture::NOW;

/// Hourly, at the full hour, a content again.
pub(super) fn hourly(content: &str) -> Value {
    json!({"title": "again", "cron": "0 * * * *",
        "action": {"encode": {"content": content, "profile": "hevc"}}})
}

/// The first full hour after the beginning.
pub(super) fn first() -> i64 {
    NOW - NOW.rem_euclid(3_600) + 3_600
}

/// Moves the clock.
pub(super) fn set(stage: &Stage, time: i64) {
    let clock = &stage.world.clock;
    clock.advance(time - clock.now());
}

async fn send(
    stage: &Stage,
    method: Method,
    path: &str,
    token: &str,
    body: Value,
    headers: &[(&str, &str)],
) -> Answer {
    let path = format!("/schedules{path}");
    stage
        .ask(method, &path, Some(token), Some(&body), headers)
        .await
}

pub(super) async fn create(stage: &Stage, token: &str, body: Value) -> Answer {
    send(stage, Method::POST, "", token, body, &[]).await
}

#[tokio::test]
async fn a_schedule_is_made_seen_changed_and_removed_by_its_owner() {
    let stage = Stage::new().await;
    uploaded(&stage, "u1", &owner()).await;
    let owner = stage.owner.clone();
    let made = create(&stage, &owner, hourly("c-u1")).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.body["id"].as_str().unwrap().to_owned();
    let path = format!("/{id}");
    assert_eq!(made.headers["location"], format!("/api/v1/schedules{path}"));
    assert_eq!(
        (&made.body["timeZone"], &made.body["deadlineSeconds"]),
        (&json!("UTC"), &json!(3_600))
    );
    let next = made.body["nextAt"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>();
    assert_eq!(next.unwrap().as_second(), first());
    let (stranger, _) = stage.world.sign_in(&Account::new(9)).await;
    for (token, seen) in [(&owner, true), (&stage.admin, true), (&stranger, false)] {
        let one = stage.get(&format!("/schedules{path}"), token).await;
        assert_eq!(one.status, if seen { 200 } else { 404 });
        let list = stage.get("/schedules", token).await;
        assert_eq!(
            list.body["schedules"].as_array().unwrap().len(),
            usize::from(seen)
        );
    }
    let change = json!({"cron": "30 2 * * *", "timeZone": "Europe/Berlin"});
    for (headers, status) in [
        (vec![], 428),
        (vec![("if-match", "\"7\"")], 412),
        (vec![("if-match", "\"1\"")], 200),
        (vec![("if-match", "\"1\"")], 412),
    ] {
        let answer = send(
            &stage,
            Method::PATCH,
            &path,
            &owner,
            change.clone(),
            &headers,
        )
        .await;
        assert_eq!(answer.status, status, "{headers:?} {}", answer.body);
    }
    let off = json!({"enabled": false});
    let any = [("if-match", "*")];
    let off = send(&stage, Method::PATCH, &path, &owner, off, &any).await;
    assert_eq!(
        (
            off.headers["etag"].to_str().unwrap(),
            off.body.get("nextAt")
        ),
        ("\"3\"", None)
    );
    let gone = send(&stage, Method::DELETE, &path, &stranger, json!({}), &any).await;
    assert_eq!(gone.status, 404);
    let gone = send(&stage, Method::DELETE, &path, &owner, json!({}), &any).await;
    assert_eq!(gone.status, 204);
    assert_eq!(
        stage.get(&format!("/schedules{path}"), &owner).await.status,
        404
    );
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_when_it_is_said() {
    let stage = Stage::new().await;
    uploaded(&stage, "u1", &owner()).await;
    uploaded(&stage, "u9", &Account::new(9)).await;
    let (stranger, _) = stage.world.sign_in(&Account::new(9)).await;
    let with = |changes: Value| {
        let mut body = hourly("c-u1");
        let all = body.as_object_mut().unwrap();
        all.extend(changes.as_object().unwrap().clone());
        body
    };
    let clean = json!({"cleanUp": {"uploadsOlderThanSeconds": 3_600}});
    let tiny = json!({"encode": {"content": "c-u1", "renditions": [{"height": 2, "maxKbps": 9}]}});
    let mine = &stage.owner;
    for (token, body, status, reason) in [
        (mine, with(json!({"cron": "x"})), 422, "InvalidSchedule"),
        (
            mine,
            with(json!({"cron": "0 0 30 2 *"})),
            422,
            "InvalidSchedule",
        ),
        (
            mine,
            with(json!({"timeZone": "Mars/Base"})),
            422,
            "InvalidSchedule",
        ),
        (
            mine,
            with(json!({"deadlineSeconds": 1})),
            422,
            "InvalidBody",
        ),
        (
            mine,
            with(json!({"action": {"dance": {}}})),
            422,
            "InvalidBody",
        ),
        (mine, with(json!({"more": 1})), 422, "InvalidBody"),
        (mine, hourly("c-u9"), 422, "SourceNotFound"),
        (mine, with(json!({"action": tiny})), 422, "JobRefused"),
        (mine, with(json!({"action": clean})), 403, "AdminRequired"),
        (
            &stage.admin,
            with(json!({"action": {"cleanUp": {}}})),
            422,
            "InvalidBody",
        ),
        (&stranger, hourly("c-u9"), 403, "CreatorRequired"),
    ] {
        let answer = create(&stage, token, body.clone()).await;
        let told = answer.body["reason"].as_str().unwrap_or_default();
        assert_eq!((answer.status, told), (status, reason), "{body}");
    }
    assert_eq!(
        create(&stage, &stage.admin, with(json!({"action": clean})))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn a_key_makes_one_schedule_and_nobody_has_too_many() {
    let stage = Stage::new().await;
    uploaded(&stage, "u1", &owner()).await;
    let key = [("idempotency-key", "k")];
    let keyed = |body: Value| send(&stage, Method::POST, "", &stage.owner, body, &key);
    assert_eq!(keyed(hourly("c-u1")).await.status, 201);
    assert_eq!(keyed(hourly("c-u1")).await.status, 200);
    let mut other = hourly("c-u1");
    other["once"] = json!(true);
    assert_eq!(keyed(other).await.body["reason"], "KeyReused");
    for _ in 1..super::super::schedules::MOST {
        assert_eq!(
            create(&stage, &stage.owner, hourly("c-u1")).await.status,
            201
        );
    }
    let more = create(&stage, &stage.owner, hourly("c-u1")).await;
    assert_eq!(
        (more.status, &more.body["reason"]),
        (409, &"TooManySchedules".into())
    );
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let page = stage
            .get(&format!("/schedules?limit=60{cursor}"), &stage.owner)
            .await;
        seen += page.body["schedules"].as_array().unwrap().len();
        match page.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen as u64, super::super::schedules::MOST);
}
