//! Text tracks: parts of one object, guarded like segments.

use bytes::Bytes;
use reqwest::Method;
use sha2::{Digest, Sha256};
use streamgate_contract::names;
use streamgate_contract::text::{Slice, TextPlan, TextTraits};

use super::fixture::Stage;
use crate::ports::catalog::{Content, ContentState, Contents, Outputs, Segment, suite};
use crate::ports::objects::{ObjectKey, Objects};
use crate::services::auth::fixture::{World, owner};

const OBJECT: &[u8] = b"init|one-mp4|two-mp4|WEBVTT one|WEBVTT two|";

fn plan() -> TextPlan {
    TextPlan {
        id: "s-en".parse().unwrap(),
        sha256: hex::encode(Sha256::digest(OBJECT)),
        bytes: OBJECT.len() as u64,
        language: "en".into(),
        label: "English".into(),
        traits: TextTraits::default(),
        captions: false,
        cues: 2,
        vtt: vec![Slice(21, 31), Slice(32, 42)],
        init: Slice(0, 4),
        fragments: vec![Slice(5, 12), Slice(13, 20)],
    }
}

/// A content with a text track, whole.
async fn published(stage: &Stage) {
    let content = Content {
        owner: owner().wallet().to_string(),
        rule: None,
        state: ContentState::Processing,
        ..suite::content("c")
    };
    stage.world.catalog.create_content(&content).await.unwrap();
    let mut output = suite::output("c-o", "c", "job-c");
    output.plan.text = vec![plan()];
    stage.world.catalog.plan_output(&output).await.unwrap();
    for track in ["v720", "a-en-aac"] {
        for number in [None, Some(0), Some(1)] {
            stage.commit("c", track, number).await;
        }
    }
    assert!(
        stage.world.catalog.publish(&output.id).await.is_err(),
        "its text is missing"
    );
    let sha256 = plan().sha256;
    let key = names::text_key(&output.content, &output.id, &plan().id, &sha256);
    let place = ObjectKey::parse(&key).unwrap();
    let put = stage.world.objects.put(&place, Bytes::from_static(OBJECT));
    put.await.unwrap();
    let segment = Segment {
        track: plan().id,
        number: None,
        key,
        bytes: plan().bytes,
        sha256,
        head_bytes: None,
    };
    assert!(
        stage
            .world
            .catalog
            .commit(&output.id, &segment)
            .await
            .unwrap()
    );
    stage.world.catalog.publish(&output.id).await.unwrap();
}

#[tokio::test]
async fn parts_of_the_object_are_for_those_who_may_watch() {
    let stage = Stage::new(World::generous().await).await;
    published(&stage).await;
    stage.published("open", None).await;
    let handle = stage.world.handle(&owner(), "c").await;
    let other = stage.world.handle(&owner(), "open").await;
    let short = &plan().sha256[..16];
    let mut tags = std::collections::BTreeSet::new();
    for (file, kind, body) in [
        ("s-en/init.mp4".to_owned(), "application/mp4", "init"),
        ("s-en/000001.m4s".to_owned(), "application/mp4", "two-mp4"),
        (format!("s-en/000000-{short}.vtt"), "text/vtt", "WEBVTT one"),
        (format!("s-en/000001-{short}.vtt"), "text/vtt", "WEBVTT two"),
    ] {
        assert_eq!(stage.get(&format!("forged/{file}")).await.0, 401);
        assert_ne!(stage.get(&format!("{other}/{file}")).await.0, 200);
        let request = stage.request(Method::GET, &format!("{handle}/{file}"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{file}");
        assert_eq!(answer.headers()["content-type"], kind);
        assert!(
            tags.insert(answer.headers()["etag"].clone()),
            "a tag of its own"
        );
        assert_eq!(answer.text().await.unwrap(), body);
        let request = stage.request(Method::GET, &format!("{handle}/{file}"));
        let answer = request.header("range", "bytes=1-2").send().await.unwrap();
        assert_eq!(
            (
                answer.status().as_u16(),
                answer.text().await.unwrap().as_str()
            ),
            (206, &body[1..3])
        );
    }
    for wrong in [
        "s-en/000002.vtt",
        "s-en/000000-0123456789abcdef.vtt",
        "v720/000000.vtt",
    ] {
        let status = stage.get(&format!("{handle}/{wrong}")).await.0;
        assert!(matches!(status, 403 | 404), "{wrong} {status}");
    }
    let list = stage.request(Method::GET, &format!("{handle}/s-en.m3u8"));
    let list = list.send().await.unwrap().text().await.unwrap();
    assert!(
        list.ends_with(&format!("s-en/000001-{short}.vtt\n#EXT-X-ENDLIST\n")),
        "{list}"
    );
}
