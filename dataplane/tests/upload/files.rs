//! Whole files in one request, over HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use streamgate_dataplane::ports::catalog::{Contents, Uploads};

use crate::client::{Tus, reason, text, video};
use crate::server::{Place, Server};

const PATH: &str = "/api/v1/files";

fn form(fields: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, file, value) in fields {
        let file = file
            .map(|name| format!("; filename=\"{name}\""))
            .unwrap_or_default();
        let head =
            format!("--limit\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(value);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--limit--\r\n");
    form
}

#[tokio::test]
async fn a_file_in_one_request_becomes_a_content() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path(), None);
    let _server = Server::start(&place).await;
    let tus = Tus::new(place.address());
    let bytes = video(300_000);

    let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&bytes)));
    let headers = [("content-type", "video/mp4"), ("content-digest", &*digest)];
    let named = format!("{PATH}?title=Ein%20Film&rule=holders");
    let sent = tus.ask("PUT", &named, "creator", &headers, &bytes).await;
    assert_eq!(sent.status(), 201);
    let location = text(sent.headers(), "location");
    let shown: serde_json::Value = sent.json().await.unwrap();
    let content = shown["content"].as_str().unwrap();
    assert_eq!(location, format!("/api/v1/contents/{content}"));
    let content = place
        .catalog()
        .await
        .content(&content.parse().unwrap())
        .await;
    let content = content.unwrap();
    assert_eq!(
        (&*content.title, content.rule.as_deref()),
        ("Ein Film", Some("holders"))
    );
    assert_eq!(place.bytes(shown["id"].as_str().unwrap()).await, bytes);

    let multipart = ("content-type", "multipart/form-data; boundary=limit");
    let fields = [
        ("title", None, "Über alles".as_bytes()),
        ("rule", None, b""),
        ("file", Some("a.mp4"), &bytes),
        ("ignored", None, b"behind the file"),
    ];
    let sent = tus
        .ask("POST", PATH, "creator", &[multipart], &form(&fields))
        .await;
    assert_eq!(sent.status(), 201);
    let shown: serde_json::Value = sent.json().await.unwrap();
    assert_eq!(shown["title"], "Über alles");
    assert_eq!(shown["length"], 300_000);
    assert_eq!(place.bytes(shown["id"].as_str().unwrap()).await, bytes);

    let before = place
        .store()
        .list(&"uploads".parse_key())
        .await
        .unwrap()
        .len();
    let page = b"<html>no video</html>".repeat(100);
    let wrong = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(b"other")));
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [u8], u16, &'a str);
    let cases: &[Case] = &[
        ("creator", &[], &page, 415, "NotMedia"),
        ("creator", &[], b"", 400, "EmptyUpload"),
        (
            "creator",
            &[("content-digest", &wrong)],
            &bytes,
            460,
            "ChecksumMismatch",
        ),
        (
            "creator",
            &[("content-digest", "sha-256=x")],
            &bytes,
            400,
            "InvalidChecksum",
        ),
        (
            "creator",
            &[multipart],
            &form(&[("title", None, b"x")]),
            400,
            "InvalidForm",
        ),
        ("creator", &[multipart], b"--other", 400, "InvalidForm"),
        (
            "creator",
            &[multipart],
            &form(&[("title", None, b"\n"), ("title", None, b"a\nb")]),
            400,
            "InvalidMetadata",
        ),
        (
            "creator",
            &[multipart],
            &form(&[("file", None, &page)]),
            415,
            "NotMedia",
        ),
        ("viewer", &[], &bytes, 403, "CreatorRequired"),
        ("", &[], &bytes, 401, "SignInRequired"),
    ];
    for (person, headers, body, status, why) in cases {
        let answer = tus.ask("POST", PATH, person, headers, body).await;
        assert_eq!(
            reason(answer).await,
            (*status, (*why).to_owned()),
            "{headers:?}"
        );
    }
    let catalog = place.catalog().await;
    assert!(catalog.unfinished_uploads().await.unwrap().is_empty());
    let after = place
        .store()
        .list(&"uploads".parse_key())
        .await
        .unwrap()
        .len();
    assert_eq!(before, after, "what is refused leaves nothing");
}

trait ParseKey {
    fn parse_key(&self) -> streamgate_dataplane::ports::objects::ObjectKey;
}

impl ParseKey for str {
    fn parse_key(&self) -> streamgate_dataplane::ports::objects::ObjectKey {
        streamgate_dataplane::ports::objects::ObjectKey::parse(self).unwrap()
    }
}
