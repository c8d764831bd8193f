//! The forms of a handle, what it is bound to, and what viewers share.

use reqwest::{Method, Response};
use streamgate_contract::playback::{Binding, PlaybackSettings};

use super::fixture::{Stage, bytes};
use crate::services::auth::fixture::{GATE, NOW, World, owner};
use crate::tokens::fixture::signer;
use crate::tokens::{Circumstances, Token, Viewing};

const PAGE: &str = "https://player.example";

async fn get(stage: &Stage, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = stage.request(Method::GET, path);
    let add = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    headers.iter().fold(request, add).send().await.unwrap()
}

async fn told(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let problem: serde_json::Value = response.json().await.unwrap_or_default();
    (
        status,
        problem["reason"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn header_and_cookie_open_the_content_that_the_path_names_and_no_other() {
    let settings = PlaybackSettings {
        allowed_origins: vec![PAGE.to_owned()],
        ..PlaybackSettings::default()
    };
    let stage = Stage::with(World::generous().await, settings).await;
    let files = stage.published("c", None).await;
    stage.published("other", None).await;
    let handle = stage.world.handle(&owner(), "c").await;
    let header = ("authorization", &*format!("Bearer {handle}"));
    let cookie = ("cookie", &*format!("__Secure-playback={handle}"));
    for credential in [header, cookie] {
        for file in ["master.m3u8", &files[0], &files[1]] {
            let answer = get(&stage, &format!("c/{file}"), &[credential]).await;
            assert_eq!(answer.status(), 200, "{file}");
            assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        }
        let elsewhere = get(&stage, "other/master.m3u8", &[credential]).await;
        assert_eq!(told(elsewhere).await, (403, "OtherContent".to_owned()));
    }
    let nobody = get(&stage, "c/master.m3u8", &[]).await;
    assert_eq!(told(nobody).await, (401, "InvalidHandle".to_owned()));

    // A cookie is sent whatever page asks.
    let foreign = [cookie, ("origin", "https://evil.example")];
    let foreign = get(&stage, "c/master.m3u8", &foreign).await;
    assert!(
        !foreign
            .headers()
            .contains_key("access-control-allow-credentials")
    );
    assert_eq!(told(foreign).await, (403, "OriginNotAllowed".to_owned()));
    let listed = get(&stage, "c/master.m3u8", &[cookie, ("origin", PAGE)]).await;
    assert_eq!(listed.status(), 200);
    assert_eq!(listed.headers()["access-control-allow-origin"], PAGE);
    assert_eq!(listed.headers()["access-control-allow-credentials"], "true");
    let vary: Vec<_> = listed.headers().get_all("vary").iter().collect();
    assert_eq!(vary, ["accept-encoding", "origin"]);
    let own = get(&stage, "c/master.m3u8", &[cookie, ("origin", GATE)]).await;
    assert_eq!(own.status(), 200);
}

#[tokio::test]
async fn what_a_viewing_offers_is_told_behind_its_handle() {
    let stage = Stage::new(World::generous().await).await;
    stage.published("c", None).await;
    let handle = stage.world.handle(&owner(), "c").await;
    let answer = get(&stage, &format!("{handle}/info.json"), &[]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let info: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(info["complete"], true, "{info}");
    assert_eq!(info["video"][0]["track"], "v720");
    assert_eq!(info["audio"][0]["track"], "a-en-aac");
    let nobody = get(&stage, "c/info.json", &[]).await;
    assert_eq!(told(nobody).await, (401, "InvalidHandle".to_owned()));
}

#[tokio::test]
async fn a_query_leads_to_the_path_so_that_children_are_found() {
    let stage = Stage::new(World::generous().await).await;
    let files = stage.published("c", None).await;
    let handle = stage.world.handle(&owner(), "c").await;
    for file in ["master.m3u8", &files[1]] {
        let answer = get(&stage, &format!("c/{file}?handle={handle}"), &[]).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.url().path(), format!("/v/{handle}/{file}"));
        assert_eq!(answer.url().query(), None);
    }
    let forged = get(&stage, "c/master.m3u8?handle=a.b.c", &[]).await;
    assert_eq!(told(forged).await, (401, "InvalidHandle".to_owned()));
}

#[tokio::test]
async fn a_bound_handle_is_refused_elsewhere() {
    let settings = PlaybackSettings {
        bind: vec![Binding::Device],
        ..PlaybackSettings::default()
    };
    let stage = Stage::with(World::generous().await, settings).await;
    stage.published("c", None).await;
    let device = hex::encode(<sha2::Sha256 as sha2::Digest>::digest("Player/1"));
    let viewing = Viewing {
        sub: owner().wallet(),
        sid: "session".into(),
        content: "c".parse().unwrap(),
        output: "c-o".parse().unwrap(),
        rules: "0".into(),
        proven: Vec::new(),
        bound: Some(Circumstances {
            device: Some(device[..16].to_owned()),
            ..Circumstances::default()
        }),
    };
    let handle = signer(2)
        .sign(&Token::new(GATE, NOW, NOW + 600, viewing))
        .unwrap();
    let path = format!("{handle}/master.m3u8");
    let here = get(&stage, &path, &[("user-agent", "Player/1")]).await;
    assert_eq!(here.status(), 200);
    for headers in [&[("user-agent", "Player/2")][..], &[]] {
        let elsewhere = get(&stage, &path, headers).await;
        assert_eq!(told(elsewhere).await, (403, "HandleBound".to_owned()));
    }
}

#[tokio::test]
async fn a_viewer_watches_as_many_streams_as_they_may() {
    let settings = PlaybackSettings {
        streams_per_viewer: Some(1),
        ..PlaybackSettings::default()
    };
    let stage = Stage::with(World::generous().await, settings).await;
    stage.published("c", None).await;
    let (first, second) = (
        stage.world.handle(&owner(), "c").await,
        stage.world.handle(&owner(), "c").await,
    );
    assert_ne!(first, second);
    assert_eq!(
        get(&stage, &format!("{first}/master.m3u8"), &[])
            .await
            .status(),
        200
    );
    let more = get(&stage, &format!("{second}/master.m3u8"), &[]).await;
    assert_eq!(more.headers()["retry-after"], "30");
    assert_eq!(told(more).await, (429, "TooManyStreams".to_owned()));
    stage.wait(30).await;
    assert_eq!(
        get(&stage, &format!("{second}/master.m3u8"), &[])
            .await
            .status(),
        200
    );
    let back = get(&stage, &format!("{first}/master.m3u8"), &[]).await;
    assert_eq!(
        back.status(),
        200,
        "its lease holds; it is counted when that is over"
    );
}

#[tokio::test]
async fn a_paced_segment_and_several_ranges_come_whole() {
    let settings = PlaybackSettings {
        bytes_per_second: Some(65_536),
        ..PlaybackSettings::default()
    };
    let stage = Stage::with(World::generous().await, settings).await;
    let files = stage.published("c", None).await;
    let handle = stage.world.handle(&owner(), "c").await;
    let (path, all) = (
        format!("{handle}/{}", files[1]),
        bytes("c", "v720", Some(0)),
    );
    let whole = get(&stage, &path, &[]).await;
    assert_eq!(whole.content_length(), Some(all.len() as u64));
    assert_eq!(whole.bytes().await.unwrap(), all);

    let several = get(&stage, &path, &[("range", "bytes=0-1,-3")]).await;
    assert_eq!(several.status(), 206);
    let kind = several.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let text = several.text().await.unwrap();
    let parts: Vec<_> = text.split(&format!("\r\n--{boundary}")).collect();
    assert_eq!((parts.len(), parts[3]), (4, "--\r\n"));
    let length = all.len();
    let (first, last) = (&all[..2], &all[length - 3..]);
    for (part, range, bytes) in [
        (parts[1], format!("bytes 0-1/{length}"), first),
        (
            parts[2],
            format!("bytes {}-{}/{length}", length - 3, length - 1),
            last,
        ),
    ] {
        assert!(
            part.contains(&format!("content-range: {range}\r\n")),
            "{part}"
        );
        assert!(part.as_bytes().ends_with(bytes), "{part}");
    }
}
