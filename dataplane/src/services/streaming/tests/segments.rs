//! Bytes of segments: ranges, tags, methods, types and headers.

use reqwest::{Method, Response};

use super::fixture::{SEGMENTS, Stage, bytes, files};
use crate::ports::objects::{ObjectKey, Objects};
use crate::services::auth::fixture::{World, owner};

async fn with(stage: &Stage, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = stage.request(Method::GET, path);
    let add = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    headers.iter().fold(request, add).send().await.unwrap()
}

async fn stage() -> (Stage, String, Vec<String>) {
    let stage = Stage::new(World::generous().await).await;
    let objects = stage.published("c", None).await;
    let handle = stage.world.handle(&owner(), "c").await;
    (stage, handle, objects)
}

#[tokio::test]
async fn every_object_is_served_as_it_was_committed() {
    let (stage, handle, objects) = stage().await;
    let each = 1 + SEGMENTS as usize;
    for (index, path) in objects.iter().enumerate() {
        let response = with(&stage, &format!("{handle}/{path}"), &[]).await;
        let (track, kind) = match index < each {
            true => ("v720", "video/mp4"),
            false => ("a-en-aac", "audio/mp4"),
        };
        let headers = response.headers();
        assert_eq!(headers["content-type"], kind);
        assert_eq!(
            headers["cache-control"],
            "private, max-age=31536000, immutable"
        );
        assert_eq!(headers["accept-ranges"], "bytes");
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        let number = (index % each).checked_sub(1).map(|n| n as u32);
        assert_eq!(
            response.bytes().await.unwrap(),
            bytes("c", track, number),
            "{path}"
        );
    }
}

#[tokio::test]
async fn playlists_lead_to_every_object() {
    let (stage, handle, objects) = stage().await;
    let master = with(&stage, &format!("{handle}/master.m3u8"), &[]).await;
    assert_eq!(
        master.headers()["content-type"],
        "application/vnd.apple.mpegurl"
    );
    assert_eq!(master.headers()["cache-control"], "private, no-cache");
    let tag = master.headers()["etag"].to_str().unwrap().to_owned();
    assert!(
        !master.text().await.unwrap().contains(&handle),
        "URLs are relative"
    );
    let same = with(
        &stage,
        &format!("{handle}/master.m3u8"),
        &[("if-none-match", &tag)],
    )
    .await;
    assert_eq!(same.status(), 304);
    let mut named = Vec::new();
    for track in ["v720", "a-en-aac"] {
        let text = with(&stage, &format!("{handle}/{track}.m3u8"), &[])
            .await
            .text()
            .await
            .unwrap();
        let init = text
            .split("URI=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        named.push(init.to_owned());
        named.extend(
            text.lines()
                .filter(|l| !l.starts_with('#'))
                .map(str::to_owned),
        );
    }
    assert_eq!(named, objects);
}

#[tokio::test]
async fn ranges_are_parts_of_the_object() {
    let (stage, handle, objects) = stage().await;
    let path = format!("{handle}/{}", objects[1]);
    let whole = bytes("c", "v720", Some(0));
    let length = whole.len();
    let cases = [
        ("bytes=0-9", 0..10),
        ("bytes=5-", 5..length),
        ("bytes=-7", length - 7..length),
        ("bytes=3-100000", 3..length),
    ];
    for (range, part) in cases {
        let response = with(&stage, &path, &[("range", range)]).await;
        assert_eq!(response.status(), 206);
        let expected = format!("bytes {}-{}/{length}", part.start, part.end - 1);
        assert_eq!(response.headers()["content-range"], expected.as_str());
        assert_eq!(
            response.bytes().await.unwrap(),
            whole.slice(part),
            "{range}"
        );
    }
    let response = with(&stage, &path, &[("range", "bytes=100000-")]).await;
    assert_eq!(response.status(), 416);
    assert_eq!(
        response.headers()["content-range"],
        format!("bytes */{length}").as_str()
    );
    assert_eq!(response.headers()["cache-control"], "no-store");
    let other = with(
        &stage,
        &path,
        &[("range", "bytes=0-1"), ("if-range", "\"other\"")],
    )
    .await;
    assert_eq!(other.status(), 200);
}

#[tokio::test]
async fn tags_save_bytes_and_head_sends_none() {
    let (stage, handle, objects) = stage().await;
    let path = format!("{handle}/{}", objects[1]);
    let tag = with(&stage, &path, &[]).await.headers()["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(tag.len(), 66, "a strong tag: the SHA-256 in quotes");
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".into()] {
        let response = with(&stage, &path, &[("if-none-match", &known)]).await;
        assert_eq!(response.status(), 304, "{known}");
        assert_eq!(response.headers()["etag"].to_str().unwrap(), tag);
    }
    assert_eq!(
        with(&stage, &path, &[("if-none-match", "\"x\"")])
            .await
            .status(),
        200
    );
    let head = stage.request(Method::HEAD, &path).send().await.unwrap();
    let length = bytes("c", "v720", Some(0)).len().to_string();
    assert_eq!(head.headers()["content-length"], length.as_str());
    assert_eq!(head.bytes().await.unwrap().len(), 0);
}

#[tokio::test]
async fn pages_of_others_may_ask_and_nobody_may_write() {
    let (stage, handle, objects) = stage().await;
    let path = format!("{handle}/{}", objects[0]);
    let asked = stage
        .request(Method::OPTIONS, &path)
        .header("origin", "https://page.example");
    let asked = asked.header("access-control-request-method", "GET");
    let asked = asked
        .header("access-control-request-headers", "range")
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), 200);
    assert_eq!(asked.headers()["access-control-allow-origin"], "*");
    assert!(
        asked.headers()["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("range")
    );
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let refused = stage.request(method, &path).send().await.unwrap();
        assert_eq!(refused.status(), 405);
        assert_eq!(
            refused.headers()["content-type"],
            "application/problem+json"
        );
    }
}

#[tokio::test]
async fn a_kept_segment_is_still_guarded_and_needs_no_store() {
    let (stage, handle, objects) = stage().await;
    let files = files(&objects);
    for file in &files {
        assert_eq!(stage.get(&format!("{handle}/{file}")).await.0, 200);
    }
    let all = ObjectKey::parse("contents").unwrap();
    for key in stage.world.objects.list(&all).await.unwrap() {
        stage.world.objects.delete(&key).await.unwrap();
    }
    for file in &files {
        assert_eq!(
            stage.get(&format!("{handle}/{file}")).await.0,
            200,
            "from memory"
        );
        assert_eq!(
            stage.get(&format!("forged/{file}")).await.0,
            401,
            "though it is in memory"
        );
    }
}

#[tokio::test]
async fn an_object_that_is_gone_is_a_failure_of_ours() {
    let (stage, handle, objects) = stage().await;
    for key in stage
        .world
        .objects
        .list(&ObjectKey::parse("contents").unwrap())
        .await
        .unwrap()
    {
        stage.world.objects.delete(&key).await.unwrap();
    }
    let (status, problem) = stage.get(&format!("{handle}/{}", objects[0])).await;
    assert_eq!(
        (status, &problem["reason"]),
        (503, &"StoreUnavailable".into())
    );
}

#[tokio::test]
async fn dash_counts_the_objects_that_hls_names() {
    let (stage, handle, _) = stage().await;
    let manifest = with(&stage, &format!("{handle}/manifest.mpd"), &[]).await;
    assert_eq!(manifest.headers()["content-type"], "application/dash+xml");
    let text = manifest.text().await.unwrap();
    assert!(
        text.contains(r#"type="static""#) && !text.contains(&handle),
        "{text}"
    );
    for track in ["v720", "a-en-aac"] {
        let places = (0..SEGMENTS).map(|n| (Some(n), format!("{n:06}.m4s")));
        for (number, name) in places.chain([(None, "init.mp4".to_owned())]) {
            let response = with(&stage, &format!("{handle}/{track}/{name}"), &[]).await;
            assert_eq!(response.status(), 200, "{track}/{name}");
            assert_eq!(response.bytes().await.unwrap(), bytes("c", track, number));
        }
        let beyond = with(&stage, &format!("{handle}/{track}/{SEGMENTS:06}.m4s"), &[]).await;
        assert_eq!(beyond.status(), 404);
    }
}

#[tokio::test]
async fn pages_are_packed_for_those_who_take_it() {
    let (stage, handle, _) = stage().await;
    for page in ["master.m3u8", "v720.m3u8", "manifest.mpd"] {
        let path = format!("{handle}/{page}");
        let plain = with(&stage, &path, &[]).await;
        let packed = with(&stage, &path, &[("accept-encoding", "gzip")]).await;
        assert_eq!(packed.headers()["content-encoding"], "gzip");
        assert_eq!(packed.headers()["vary"], "accept-encoding");
        assert_ne!(packed.headers()["etag"], plain.headers()["etag"]);
        let tag = packed.headers()["etag"].to_str().unwrap().to_owned();
        let mut text = String::new();
        let bytes = packed.bytes().await.unwrap();
        let mut decoder = flate2::read::GzDecoder::new(&bytes[..]);
        std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
        assert_eq!(text, plain.text().await.unwrap());
        let known = [("accept-encoding", "gzip"), ("if-none-match", tag.as_str())];
        assert_eq!(with(&stage, &path, &known).await.status(), 304);
    }
}
