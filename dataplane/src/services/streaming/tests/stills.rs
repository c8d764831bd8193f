//! Stills: images and the list of tiles, guarded like segments.

use bytes::Bytes;
use reqwest::Method;
use sha2::{Digest, Sha256};
use streamgate_contract::names;
use streamgate_contract::stills::{Still, StillPlan, Stills, Tiles};

use super::fixture::Stage;
use crate::ports::catalog::{Content, ContentState, Contents, Outputs, Segment, suite};
use crate::ports::objects::{ObjectKey, Objects};
use crate::services::auth::fixture::{World, owner};

const IMAGE: &[u8] = b"an image";

async fn commit(stage: &Stage, still: Still) {
    let (content, output) = ("c".parse().unwrap(), "c-o".parse().unwrap());
    let sha256 = hex::encode(Sha256::digest(IMAGE));
    let key = names::still_key(&content, &output, still, &sha256);
    let place = ObjectKey::parse(&key).unwrap();
    let put = stage.world.objects.put(&place, Bytes::from_static(IMAGE));
    put.await.unwrap();
    let segment = Segment {
        track: still.track(),
        number: None,
        key,
        bytes: IMAGE.len() as u64,
        sha256,
        head_bytes: None,
    };
    assert!(stage.world.catalog.commit(&output, &segment).await.unwrap());
}

/// A content whose plan has stills.
async fn planned(stage: &Stage) {
    let content = Content {
        owner: owner().wallet().to_string(),
        rule: None,
        state: ContentState::Processing,
        ..suite::content("c")
    };
    stage.world.catalog.create_content(&content).await.unwrap();
    let mut output = suite::output("c-o", "c", "job-c");
    let still = || StillPlan {
        sha256: String::new(),
        bytes: 1,
        width: 2,
        height: 2,
    };
    output.plan.stills = Some(Stills {
        poster: still(),
        storyboard: still(),
        tiles: Tiles {
            count: 2,
            columns: 2,
            width: 160,
            height: 90,
            milliseconds: 1_000,
        },
    });
    stage.world.catalog.plan_output(&output).await.unwrap();
}

#[tokio::test]
async fn stills_are_for_those_who_may_watch() {
    let stage = Stage::new(World::generous().await).await;
    planned(&stage).await;
    stage.published("open", None).await;
    let handle = stage.world.handle(&owner(), "c").await;
    let other = stage.world.handle(&owner(), "open").await;
    let path = format!("{handle}/poster.jpg");
    assert_eq!(stage.get(&path).await.0, 404, "not there yet");
    for still in Still::ALL {
        commit(&stage, still).await;
    }
    stage.wait(1).await;
    for (file, kind) in [
        ("poster.jpg", "image/jpeg"),
        ("storyboard.jpg", "image/jpeg"),
        ("storyboard.vtt", "text/vtt"),
    ] {
        assert_eq!(stage.get(&format!("forged/{file}")).await.0, 401);
        assert_eq!(stage.get(&format!("{other}/{file}")).await.0, 404);
        let request = stage.request(Method::GET, &format!("{handle}/{file}"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{file}");
        assert_eq!(answer.headers()["content-type"], kind);
        let body = answer.bytes().await.unwrap();
        match kind {
            "image/jpeg" => assert_eq!(body, IMAGE),
            _ => {
                let text = std::str::from_utf8(&body).unwrap();
                assert!(
                    text.ends_with("storyboard.jpg#xywh=160,0,160,90\n"),
                    "{text}"
                );
            }
        }
    }
}
