//! Submission of jobs.

use super::*;
use crate::ports::catalog::uploads::{Place, Upload, UploadKind};
use crate::ports::catalog::{Uploads, suite};

/// A finished upload of somebody, and the content it became.
pub(in super::super) async fn uploaded(stage: &Stage, id: &str, of: &Account) {
    let catalog = &stage.world.catalog;
    let owner = of.wallet().to_string();
    let upload = Upload {
        owner: owner.clone(),
        kind: UploadKind::Whole,
        length: Some(5),
        ..suite::upload(id)
    };
    catalog.create_upload(&upload).await.unwrap();
    let place = Place {
        turn: 0,
        number: 0,
        replaces: None,
    };
    let part = suite::part(&format!("uploads/{id}/0"), 5);
    catalog
        .add_parts(&upload.id, &place, &[part])
        .await
        .unwrap();
    let content = crate::ports::catalog::Content {
        owner,
        ..suite::content(&format!("c-{id}"))
    };
    catalog.complete_upload(&upload.id, &content).await.unwrap();
}

async fn submit(stage: &Stage, token: &str, key: Option<&str>, body: Value) -> Answer {
    let headers: Vec<_> = key
        .map(|key| ("idempotency-key", key))
        .into_iter()
        .collect();
    let ask = stage.ask(Method::POST, "/jobs", Some(token), Some(&body), &headers);
    ask.await
}

fn count(stage: &Stage) -> usize {
    stage.jobs.jobs.lock().unwrap().len()
}

#[tokio::test]
async fn a_creator_submits_uploads_and_contents_of_their_own() {
    let stage = Stage::new().await;
    uploaded(&stage, "u1", &owner()).await;
    let of_upload = submit(&stage, &stage.owner, None, json!({"upload": "u1"})).await;
    assert_eq!(of_upload.status, 201, "{}", of_upload.body);
    assert_eq!(of_upload.body["content"], "c-u1");
    let place = of_upload.headers["location"].to_str().unwrap();
    let place = place.strip_prefix("/api/v1").unwrap();
    let found = stage.get(place, &stage.owner).await;
    assert_eq!(
        (found.status, &found.body["id"]),
        (200, &of_upload.body["id"])
    );
    let body = json!({"content": "c-u1", "profile": "hevc", "ladder": "Auto",
        "encryption": {"scheme": "cbcs"},
        "renditions": [{"height": 480, "maxKbps": 900, "codec": "HEVC"}]});
    let again = submit(&stage, &stage.owner, None, body).await;
    assert_eq!(
        (again.status, &again.body["upload"]),
        (201, &json!("u1")),
        "{}",
        again.body
    );
    let jobs = stage.jobs.jobs.lock().unwrap();
    let job = jobs
        .values()
        .find(|job| job.spec.profile.is_some())
        .unwrap();
    assert_eq!(job.spec.renditions.as_ref().unwrap()[0].height, 480);
    assert_eq!(job.spec.stream_gate_ref.name, "gate");
    assert!(job.spec.encryption.is_some() && job.spec.ladder.is_some());
}

#[tokio::test]
async fn a_key_makes_one_job_on_whichever_replica() {
    let stage = Stage::new().await;
    uploaded(&stage, "u1", &owner()).await;
    let other = desk(&stage.world, stage.jobs.clone());
    let other = serve(&stage.world, other).await;
    let body = json!({"upload": "u1"});
    let first = submit(&stage, &stage.owner, Some("k"), body.clone()).await;
    assert_eq!(first.status, 201);
    for url in [&stage.url, &other] {
        let request = reqwest::Client::new().post(format!("{url}/jobs"));
        let request = request.bearer_auth(&stage.owner).json(&body);
        let answer = request.header("idempotency-key", "\"k\"").send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.json::<Value>().await.unwrap()["id"],
            first.body["id"]
        );
    }
    assert_eq!(count(&stage), 1);
    uploaded(&stage, "u2", &owner()).await;
    for other in [
        json!({"upload": "u1", "profile": "mobile"}),
        json!({"upload": "u2"}),
    ] {
        let reused = submit(&stage, &stage.owner, Some("k"), other).await;
        assert_eq!(
            (reused.status, &reused.body["reason"]),
            (422, &"KeyReused".into())
        );
    }
    // Another caller's key is another key.
    let theirs = submit(&stage, &stage.admin, Some("k"), body.clone()).await;
    assert_eq!(theirs.status, 201);
    let at_once = (0..8).map(|_| submit(&stage, &stage.owner, Some("race"), body.clone()));
    let answers = futures::future::join_all(at_once).await;
    let made = answers.iter().filter(|a| a.status == 201).count();
    assert_eq!((made, count(&stage)), (1, 3));
}

#[tokio::test]
async fn whoever_may_not_or_names_what_is_not_theirs_is_refused() {
    let stage = Stage::new().await;
    uploaded(&stage, "u1", &owner()).await;
    uploaded(&stage, "u9", &Account::new(9)).await;
    let catalog = &stage.world.catalog;
    let open = Upload {
        owner: owner().wallet().to_string(),
        ..suite::upload("open")
    };
    catalog.create_upload(&open).await.unwrap();
    stage.world.content("applied", None).await;
    let (stranger, _) = stage.world.sign_in(&Account::new(9)).await;
    let mine = &stage.owner;
    for (token, body, status, reason) in [
        (&stranger, json!({"upload": "u9"}), 403, "CreatorRequired"),
        (mine, json!({"upload": "u9"}), 422, "SourceNotFound"),
        (mine, json!({"upload": "nothing"}), 422, "SourceNotFound"),
        (mine, json!({"upload": "open"}), 422, "SourceNotFound"),
        (mine, json!({"content": "c-u9"}), 422, "SourceNotFound"),
        (mine, json!({"content": "applied"}), 422, "SourceNotFound"),
        (mine, json!({}), 422, "InvalidBody"),
        (
            mine,
            json!({"upload": "u1", "content": "c-u1"}),
            422,
            "InvalidBody",
        ),
        (
            mine,
            json!({"upload": "u1", "volume": "x"}),
            422,
            "InvalidBody",
        ),
        (
            mine,
            json!({"upload": "u1", "profile": "x"}),
            422,
            "SettingsRefused",
        ),
        (
            mine,
            json!({"upload": "u1", "profile": "av1", "encryption": {"scheme": "cenc"}}),
            422,
            "SettingsRefused",
        ),
    ] {
        let answer = submit(&stage, token, None, body.clone()).await;
        let told = (
            answer.status,
            answer.body["reason"].as_str().unwrap_or_default(),
        );
        assert_eq!(told, (status, reason), "{body}");
    }
    assert_eq!(count(&stage), 0);
    let long = "k".repeat(129);
    let answer = submit(&stage, mine, Some(&long), json!({"upload": "u1"})).await;
    assert_eq!(
        (answer.status, &answer.body["reason"]),
        (400, &"InvalidHeader".into())
    );
    // An admin may, and the job is its owner's.
    let for_them = submit(&stage, &stage.admin, None, json!({"content": "c-u9"})).await;
    assert_eq!(for_them.status, 201);
    assert_eq!(for_them.body["owner"], Account::new(9).wallet().to_string());
    assert_eq!(ids(&stage.get("/jobs", &stranger).await).len(), 1);
}
