//! Resumable uploads of the IETF over HTTP, interim responses included.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::client::{Tus, reason, text, video};
use crate::server::{MAX_BYTES, Place, Server};

const PATH: &str = "/api/v1/files";
const PARTIAL: (&str, &str) = ("content-type", "application/partial-upload");
const MORE: (&str, &str) = ("upload-complete", "?0");
const LAST: (&str, &str) = ("upload-complete", "?1");

struct World {
    place: Place,
    tus: Tus,
    server: Server,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path(), None);
        Self {
            server: Server::start(&place).await,
            tus: Tus::new(place.address()),
            place,
            _folder: folder,
        }
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> reqwest::Response {
        self.tus.ask(method, path, "creator", headers, body).await
    }

    async fn patch(
        &self,
        path: &str,
        offset: usize,
        complete: (&str, &str),
        body: &[u8],
    ) -> reqwest::Response {
        let offset = offset.to_string();
        let headers = [PARTIAL, complete, ("upload-offset", &offset)];
        self.ask("PATCH", path, &headers, body).await
    }

    /// A request whose connection ends behind its body, and all that was answered.
    async fn raw(&self, head: &str, body: &[u8]) -> String {
        let head = format!(
            "{head} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer creator\r\n\
             upload-draft-interop-version: 8\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        let request = [head.as_bytes(), b"upload-complete: ?1\r\n\r\n", body].concat();
        self.tus.raw(&request).await
    }
}

#[tokio::test]
async fn a_file_in_pieces_becomes_a_content() {
    let world = World::new().await;
    let bytes = video(300_000);
    let able = world.ask("OPTIONS", PATH, &[], b"").await;
    assert_eq!(able.status(), 204);
    assert_eq!(
        text(able.headers(), "upload-limit"),
        format!("max-size={MAX_BYTES}")
    );

    let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&bytes)));
    let headers = [
        MORE,
        ("repr-digest", &*digest),
        ("content-disposition", "inline; filename=a.mp4"),
    ];
    let begun = world.ask("POST", PATH, &headers, &bytes[..100_000]).await;
    assert_eq!(begun.status(), 201);
    assert_eq!(text(begun.headers(), "upload-complete"), "?0");
    assert_eq!(text(begun.headers(), "upload-offset"), "100000");
    assert!(text(begun.headers(), "upload-limit").contains("max-age="));
    let path = text(begun.headers(), "location");

    for method in ["HEAD", "GET"] {
        let standing = world.ask(method, &path, &[], b"").await;
        assert_eq!(standing.status(), 204);
        assert_eq!(text(standing.headers(), "upload-offset"), "100000");
        assert_eq!(text(standing.headers(), "upload-complete"), "?0");
        assert_eq!(text(standing.headers(), "upload-length"), "");
        assert_eq!(text(standing.headers(), "cache-control"), "no-store");
    }
    let wrong = world.patch(&path, 5, MORE, b"x").await;
    assert_eq!(text(wrong.headers(), "upload-offset"), "100000");
    assert_eq!(text(wrong.headers(), "upload-complete"), "?0");
    let problem: serde_json::Value = wrong.json().await.unwrap();
    assert_eq!(
        (&problem["expected-offset"], &problem["provided-offset"]),
        (&100_000.into(), &5.into())
    );
    assert!(
        problem["type"]
            .as_str()
            .unwrap()
            .ends_with("#mismatching-upload-offset")
    );

    let more = world
        .patch(&path, 100_000, MORE, &bytes[100_000..200_000])
        .await;
    assert_eq!(
        (
            more.status().as_u16(),
            text(more.headers(), "upload-complete")
        ),
        (201, "?0".into())
    );
    let last = world.patch(&path, 200_000, LAST, &bytes[200_000..]).await;
    assert_eq!(
        (
            last.status().as_u16(),
            text(last.headers(), "upload-complete")
        ),
        (201, "?1".into())
    );
    let shown: serde_json::Value = last.json().await.unwrap();
    assert_eq!(
        (&shown["complete"], &shown["title"]),
        (&true.into(), &"a.mp4".into())
    );
    assert_eq!(world.place.bytes(&path).await, bytes);
    // Its answer was lost: it is given again.
    let again = world.patch(&path, 300_000, LAST, b"").await;
    assert_eq!(text(again.headers(), "upload-complete"), "?1");
    let standing = world.ask("HEAD", &path, &[], b"").await;
    assert_eq!(text(standing.headers(), "upload-complete"), "?1");
    assert_eq!(text(standing.headers(), "upload-length"), "300000");
}

#[tokio::test]
async fn what_is_refused_is_refused_by_name() {
    let world = World::new().await;
    let bytes = video(2_000);
    let begin = async |headers: &[(&str, &str)], body: &[u8]| {
        let headers = [&[MORE], headers].concat();
        let begun = world.ask("POST", PATH, &headers, body).await;
        text(begun.headers(), "location")
    };
    let path = begin(&[("upload-length", "2000")], b"").await;
    let offset = ("upload-offset", "0");
    for (headers, status, why) in [
        (&[offset, LAST][..], 415, "UnsupportedMediaType"),
        (&[PARTIAL, LAST], 400, "InvalidHeader"),
        (&[PARTIAL, offset], 400, "InvalidHeader"),
        (
            &[PARTIAL, offset, MORE, ("upload-length", "3000")],
            400,
            "LengthChanged",
        ),
        (&[PARTIAL, offset, LAST], 400, "LengthChanged"),
    ] {
        let answer = world.ask("PATCH", &path, headers, &bytes[..10]).await;
        assert_eq!(
            reason(answer).await,
            (status, why.to_owned()),
            "{headers:?}"
        );
    }
    let large = (MAX_BYTES + 1).to_string();
    let other = [LAST, ("upload-length", "9")];
    let too_large = [MORE, ("upload-length", &*large)];
    for (headers, body, status, why) in [
        (&other, &bytes[..], 400, "LengthChanged"),
        (&too_large, b"", 413, "UploadTooLarge"),
        (&[LAST, LAST], &b""[..], 400, "EmptyUpload"),
        (&[LAST, LAST], &[b'x'; 2_000], 415, "NotMedia"),
    ] {
        let answer = world.ask("POST", PATH, headers, body).await;
        assert_eq!(
            reason(answer).await,
            (status, why.to_owned()),
            "{headers:?}"
        );
    }
    // Past its length an upload is over.
    let chunked = format!(
        "PATCH {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer creator\r\n\
         upload-offset: 0\r\nupload-complete: ?0\r\ncontent-type: application/partial-upload\r\n\
         connection: close\r\ntransfer-encoding: chunked\r\n\r\n7d1\r\n"
    );
    let body = [chunked.as_bytes(), &video(2_001), b"\r\n0\r\n\r\n"].concat();
    let answer = world.tus.raw(&body).await;
    assert!(
        answer.contains("413") && answer.contains("BodyTooLong"),
        "{answer}"
    );
    let gone = world.ask("HEAD", &path, &[], b"").await;
    assert_eq!(gone.status(), 404);
    // What is not what was announced as a whole is no content.
    let wrong = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(b"other")));
    let path = begin(&[("repr-digest", &wrong)], &bytes[..1_000]).await;
    let answer = world.patch(&path, 1_000, LAST, &bytes[1_000..]).await;
    assert_eq!(reason(answer).await, (460, "ChecksumMismatch".into()));
    let path = begin(&[], &bytes).await;
    let ended = world.ask("DELETE", &path, &[], b"").await;
    assert_eq!(ended.status(), 204);
    assert_eq!(world.ask("HEAD", &path, &[], b"").await.status(), 404);
}

#[tokio::test]
async fn an_upload_that_was_cut_goes_on_from_what_an_interim_response_told() {
    let mut world = World::new().await;
    let bytes = video(20_000_000);
    let answer = world.raw(&format!("POST {PATH}?title=Whole"), &bytes).await;
    let (interim, rest) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        interim.starts_with("HTTP/1.1 104 Upload Resumption Supported\r\n"),
        "{interim}"
    );
    assert!(
        interim.contains("upload-draft-interop-version: 8"),
        "{interim}"
    );
    assert!(interim.contains("upload-limit: max-size="), "{interim}");
    let path = interim
        .split("location: ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    assert_eq!(world.place.bytes(path).await, bytes);
    let offsets: Vec<usize> = rest
        .lines()
        .filter_map(|line| line.strip_prefix("upload-offset: ")?.parse().ok())
        .collect();
    assert!(offsets.len() >= 2 && offsets.is_sorted(), "{offsets:?}");
    let (_, last) = rest.split_once("HTTP/1.1 201 Created\r\n").unwrap();
    assert!(
        last.contains("upload-complete: ?1") && last.contains("\"title\":\"Whole\""),
        "{last}"
    );

    // Killed half-way, all a client has is the first interim response.
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer creator\r\n\
         upload-draft-interop-version: 8\r\nupload-complete: ?1\r\ncontent-length: {}\r\n\r\n",
        bytes.len()
    );
    let (told, stream) = world
        .tus
        .told_of([head.as_bytes(), &bytes[..12_000_000]].concat())
        .await;
    let path = told
        .split("location: ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    world.server.kill();
    drop(stream);
    world.server = Server::start(&world.place).await;
    let standing = world.ask("HEAD", &path, &[], b"").await;
    let offset: usize = text(standing.headers(), "upload-offset").parse().unwrap();
    assert!(offset <= 12_000_000, "{offset}");
    assert_eq!(text(standing.headers(), "upload-length"), "20000000");
    let last = world.patch(&path, offset, LAST, &bytes[offset..]).await;
    assert_eq!(text(last.headers(), "upload-complete"), "?1");
    assert_eq!(world.place.bytes(&path).await, bytes);

    // Who speaks no version, or another one, is told nothing on the way.
    let silent = world.ask("POST", PATH, &[LAST], &bytes[..1_000]).await;
    assert_eq!(silent.status(), 201);
}

#[tokio::test]
async fn news_of_an_upload_come_as_events() {
    let world = World::new().await;
    let bytes = video(2_000);
    let begun = world.ask("POST", PATH, &[MORE], &bytes[..500]).await;
    let path = text(begun.headers(), "location");
    let news = path.replace("/files/", "/uploads/") + "/events";
    let mut events = world.ask("GET", &news, &[], b"").await;
    assert_eq!(text(events.headers(), "content-type"), "text/event-stream");
    let first = events.chunk().await.unwrap().unwrap();
    let first = String::from_utf8_lossy(&first).into_owned();
    assert!(
        first.starts_with("event: progress\n") && first.contains("\"offset\":500"),
        "{first}"
    );
    world.patch(&path, 500, MORE, &bytes[500..1_500]).await;
    let second = events.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&second).contains("\"offset\":1500"));
    world.patch(&path, 1_500, LAST, &bytes[1_500..]).await;
    let rest = events.text().await.unwrap();
    assert!(
        rest.contains("event: complete\n") && rest.contains("\"complete\":true"),
        "{rest}"
    );
    let strange = world.tus.ask("GET", &news, "rival", &[], b"").await;
    assert_eq!(reason(strange).await, (404, "UploadNotFound".into()));
}
