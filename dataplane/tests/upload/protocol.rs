//! The protocol, header by header, over HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use streamgate_dataplane::ports::catalog::{ContentState, Contents, Uploads};

use crate::client::{Tus, text};
use crate::server::{MAX_BYTES, Place, Server};

const PATH: &str = "/api/v1/uploads";
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const BYTES: (&str, &str) = ("content-type", "application/offset+octet-stream");

async fn reason(answer: reqwest::Response) -> (u16, String) {
    let status = answer.status().as_u16();
    assert_eq!(text(answer.headers(), "tus-resumable"), "1.0.0");
    let body = answer.bytes().await.unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let reason = problem["reason"].as_str().unwrap_or_default();
    (status, reason.to_owned())
}

#[tokio::test]
async fn an_upload_goes_from_creation_to_content() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path(), None);
    let _server = Server::start(&place).await;
    let tus = Tus::new(place.address());

    let able = tus.ask("OPTIONS", PATH, "", &[], b"").await;
    assert_eq!(able.status(), 204);
    assert_eq!(text(able.headers(), "tus-version"), "1.0.0");
    assert_eq!(text(able.headers(), "tus-max-size"), MAX_BYTES.to_string());
    let extensions = "creation,creation-with-upload,creation-defer-length,checksum,checksum-trailer,\
                      concatenation,concatenation-unfinished,expiration,termination";
    assert_eq!(text(able.headers(), "tus-extension"), extensions);
    let sums = text(able.headers(), "tus-checksum-algorithm");
    assert_eq!(sums, "sha1,sha256,crc32c");

    let pair = |key: &str, value: &str| format!("{key} {}", STANDARD.encode(value));
    let metadata = [pair("title", "Über den Wolken"), pair("rule", "holders")].join(",");
    let headers = [
        TUS,
        BYTES,
        ("upload-length", "10"),
        ("upload-metadata", &metadata),
    ];
    let created = tus
        .ask("POST", PATH, "creator", &headers, b"\0\0\0\x0a")
        .await;
    assert_eq!(created.status(), 201);
    assert_eq!(text(created.headers(), "upload-offset"), "4");
    assert!(text(created.headers(), "upload-expires").ends_with(" GMT"));
    let one = text(created.headers(), "location");

    let standing = tus.ask("HEAD", &one, "creator", &[TUS], b"").await;
    assert_eq!(text(standing.headers(), "upload-offset"), "4");
    assert_eq!(text(standing.headers(), "upload-length"), "10");
    assert_eq!(text(standing.headers(), "upload-metadata"), metadata);
    assert_eq!(text(standing.headers(), "cache-control"), "no-store");

    // By POST, for clients that can send nothing else.
    let over = ("x-http-method-override", "PATCH");
    let headers = [TUS, BYTES, over, ("upload-offset", "4")];
    let sent = tus.ask("POST", &one, "creator", &headers, b"fty").await;
    assert_eq!(sent.status(), 204);
    let headers = [TUS, BYTES, ("upload-offset", "7")];
    let sent = tus.ask("PATCH", &one, "creator", &headers, b"p89").await;
    assert_eq!(
        (
            sent.status().as_u16(),
            text(sent.headers(), "upload-offset")
        ),
        (204, "10".into())
    );

    let shown = tus.ask("GET", &one, "creator", &[], b"").await;
    let shown: serde_json::Value = shown.json().await.unwrap();
    assert_eq!(shown["complete"], true);
    assert_eq!(shown["title"], "Über den Wolken");
    let content = shown["content"].as_str().unwrap().parse().unwrap();
    let content = place.catalog().await.content(&content).await.unwrap();
    assert_eq!(content.rule.as_deref(), Some("holders"));
    assert_eq!(content.state, ContentState::Processing);
    assert_eq!(content.owner, format!("0x{}", "01".repeat(20)));

    let ended = tus.ask("DELETE", &one, "creator", &[TUS], b"").await;
    assert_eq!(reason(ended).await, (409, "UploadComplete".into()));
}

#[tokio::test]
async fn what_is_refused_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path(), None);
    let _server = Server::start(&place).await;
    let tus = Tus::new(place.address());
    let one = tus.create(10).await;
    let nowhere = "/api/v1/uploads/NoSuchId";
    let rule = format!("rule {}", STANDARD.encode("friends"));
    let ten = ("upload-length", "10");
    let large = (MAX_BYTES + 1).to_string();
    let offset = ("upload-offset", "0");
    type Case<'a> = (
        &'a str,
        &'a str,
        &'a str,
        &'a [(&'a str, &'a str)],
        u16,
        &'a str,
    );
    let cases: &[Case] = &[
        (
            "POST",
            PATH,
            "creator",
            &[ten],
            412,
            "UnsupportedTusVersion",
        ),
        (
            "POST",
            PATH,
            "creator",
            &[("tus-resumable", "0.2.2"), ten],
            412,
            "UnsupportedTusVersion",
        ),
        ("POST", PATH, "", &[TUS, ten], 401, "SignInRequired"),
        ("POST", PATH, "viewer", &[TUS, ten], 403, "CreatorRequired"),
        (
            "POST",
            PATH,
            "creator",
            &[TUS, ("upload-length", "-1")],
            400,
            "InvalidHeader",
        ),
        ("POST", PATH, "creator", &[TUS], 400, "LengthRequired"),
        (
            "POST",
            PATH,
            "creator",
            &[TUS, ("upload-length", "0")],
            400,
            "EmptyUpload",
        ),
        (
            "POST",
            PATH,
            "creator",
            &[TUS, ("upload-length", &large)],
            413,
            "UploadTooLarge",
        ),
        (
            "POST",
            PATH,
            "creator",
            &[TUS, ten, ("upload-metadata", "title ?")],
            400,
            "InvalidMetadata",
        ),
        (
            "POST",
            PATH,
            "creator",
            &[TUS, ten, ("upload-metadata", &rule)],
            422,
            "UnknownRule",
        ),
        ("POST", &one, "creator", &[TUS], 405, "MethodNotAllowed"),
        (
            "PATCH",
            &one,
            "creator",
            &[TUS, offset],
            415,
            "UnsupportedMediaType",
        ),
        (
            "PATCH",
            &one,
            "creator",
            &[TUS, BYTES],
            400,
            "InvalidHeader",
        ),
        (
            "PATCH",
            &one,
            "creator",
            &[TUS, BYTES, ("upload-offset", "3")],
            409,
            "WrongOffset",
        ),
        (
            "PATCH",
            &one,
            "",
            &[TUS, BYTES, offset],
            401,
            "SignInRequired",
        ),
        (
            "PATCH",
            &one,
            "rival",
            &[TUS, BYTES, offset],
            404,
            "UploadNotFound",
        ),
        (
            "PATCH",
            nowhere,
            "creator",
            &[TUS, BYTES, offset],
            404,
            "UploadNotFound",
        ),
        ("DELETE", &one, "rival", &[TUS], 404, "UploadNotFound"),
        ("GET", &one, "rival", &[], 404, "UploadNotFound"),
        ("GET", &one, "", &[], 401, "SignInRequired"),
        (
            "PATCH",
            &one,
            "creator",
            &[TUS, BYTES, offset],
            413,
            "BodyTooLong",
        ),
    ];
    for (method, path, person, headers, status, why) in cases {
        let answer = tus.ask(method, path, person, headers, b"0123456789a").await;
        let told = reason(answer).await;
        assert_eq!(told, (*status, (*why).to_owned()), "{method} {headers:?}");
    }
    assert_eq!(tus.offset(&one).await, 0);
    let ended = tus.ask("DELETE", &one, "creator", &[TUS], b"").await;
    assert_eq!(ended.status(), 204);
    let gone = tus.ask("HEAD", &one, "creator", &[TUS], b"").await;
    assert_eq!(gone.status(), 404);
    assert!(place.catalog().await.outbox(1).await.unwrap().is_empty());
}
