//! What there is to watch, as JSON.

use serde_json::json;

use super::fixture::Stage;
use crate::services::auth::fixture::{World, owner};

#[tokio::test]
async fn what_there_is_is_told_from_the_first_segment_to_the_last() {
    let stage = Stage::new(World::generous().await).await;
    stage.world.content("c", None).await;
    let handle = stage.world.handle(&owner(), "c").await;
    let path = format!("{handle}/info.json");
    assert_eq!(stage.get("forged/info.json").await.0, 401);
    let (status, planned) = stage.get(&path).await;
    assert_eq!((status, &planned["complete"]), (200, &json!(false)));
    assert_eq!(planned["durationSeconds"], 1.75);
    assert_eq!(planned["playableSeconds"], 0.0);
    for number in [None, Some(0)] {
        for track in ["v720", "a-en-aac"] {
            stage.commit("c", track, number).await;
        }
    }
    stage.wait(1).await;
    let (_, growing) = stage.get(&path).await;
    assert_eq!(growing["playableSeconds"], 1.0);
    // The cap, until the rate can be measured.
    assert_eq!(growing["video"][0]["bandwidth"], 2_940_000);
    for track in ["v720", "a-en-aac"] {
        stage.commit("c", track, Some(1)).await;
    }
    stage.wait(1).await;
    let (_, mut info) = stage.get(&path).await;
    let bandwidth = info["video"][0]["bandwidth"].take();
    assert!((1..100_000).contains(&bandwidth.as_u64().unwrap()));
    info["audio"][0]["bandwidth"].take();
    let expected = json!({
        "durationSeconds": 1.75, "playableSeconds": 1.75, "complete": true,
        "video": [{"id": "v720", "codecs": "avc1.64001f", "bandwidth": null, "segments": 2,
            "width": 1280, "height": 720, "framesPerSecond": 25.0}],
        "audio": [{"id": "a-en-aac", "codecs": "mp4a.40.2", "bandwidth": null, "segments": 2,
            "language": "en", "channels": 2, "samplesPerSecond": 48_000}],
        "text": [], "captions": false, "poster": false, "storyboard": false,
    });
    assert_eq!(info, expected);
}
