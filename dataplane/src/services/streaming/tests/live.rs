//! Watching while the output is still in work.

use super::fixture::Stage;
use crate::ports::catalog::Outputs;
use crate::services::auth::fixture::{World, owner};

#[tokio::test]
async fn an_output_in_work_grows_from_not_ready_over_event_to_vod() {
    let stage = Stage::new(World::generous().await).await;
    stage.world.content("c", None).await;
    let handle = stage.world.handle(&owner(), "c").await;
    let text = async |file: &str| {
        let path = format!("{handle}/{file}");
        let response = stage
            .request(reqwest::Method::GET, &path)
            .send()
            .await
            .unwrap();
        response.text().await.unwrap()
    };
    for file in ["master.m3u8", "v720.m3u8"] {
        let (status, problem) = stage.get(&format!("{handle}/{file}")).await;
        assert_eq!((status, &problem["reason"]), (503, &"NotReady".into()));
    }
    for track in ["v720", "a-en-aac"] {
        stage.commit("c", track, None).await;
    }
    stage.commit("c", "v720", Some(0)).await;
    stage.wait(1).await;
    assert_eq!(
        stage.get(&format!("{handle}/v720.m3u8")).await.0,
        503,
        "audio is not there"
    );

    let audio = stage.commit("c", "a-en-aac", Some(0)).await;
    assert_eq!(
        stage.get(&format!("{handle}/{audio}")).await.0,
        403,
        "listed within a second"
    );
    stage.wait(1).await;
    assert_eq!(stage.get(&format!("{handle}/{audio}")).await.0, 200);
    let event = text("v720.m3u8").await;
    assert!(
        event.contains("TYPE:EVENT") && event.matches("#EXTINF").count() == 1,
        "{event}"
    );
    assert!(!text("master.m3u8").await.contains("AVERAGE-BANDWIDTH"));

    for track in ["v720", "a-en-aac"] {
        stage.commit("c", track, Some(1)).await;
    }
    stage
        .world
        .catalog
        .publish(&"c-o".parse().unwrap())
        .await
        .unwrap();
    stage.wait(1).await;
    let vod = text("v720.m3u8").await;
    assert!(
        vod.contains("TYPE:VOD") && vod.ends_with("#EXT-X-ENDLIST\n"),
        "{vod}"
    );
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|l| !l.starts_with("#EXT-X"))
            .map(str::to_owned)
            .collect()
    };
    assert!(
        lines(&vod).starts_with(&lines(&event)),
        "what was published stands"
    );
    assert!(text("master.m3u8").await.contains("AVERAGE-BANDWIDTH"));
}
