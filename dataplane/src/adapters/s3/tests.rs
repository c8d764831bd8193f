//! The adapter on a real S3 server.

use sha2::{Digest, Sha256};
use std::time::Duration;

use super::versity::{BUCKET, REGION, Versity};
use super::*;
use crate::ports::objects::suite;

fn bucket(server: &Versity) -> Bucket {
    Bucket {
        name: BUCKET.into(),
        region: REGION.into(),
        endpoint: Some(server.url.clone()),
        force_path_style: true,
        credentials: server.credentials(),
    }
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

#[tokio::test]
async fn passes_the_suite_of_object_stores() {
    let server = Versity::start().await;
    suite::run(&S3::new(bucket(&server))).await;
}

#[tokio::test]
async fn passes_the_suite_where_the_server_has_no_conditional_writes() {
    let server = Versity::start().await;
    let store = S3::new(bucket(&server));
    store.conditional.set(false).unwrap();
    suite::run_without_races(&store).await;
}

#[tokio::test]
async fn bytes_that_are_not_what_their_sum_says_are_refused() {
    let server = Versity::start().await;
    let store = S3::new(bucket(&server));
    let k = key("summed/wrong");
    let wrong = crc_fast::crc32_iscsi(b"other bytes");
    let outcome = store
        .put_summed(&k, Bytes::from_static(b"bytes"), wrong)
        .await;
    assert!(
        matches!(outcome, Err(ObjectsError::Unavailable { .. })),
        "{outcome:?}"
    );
    assert_eq!(store.head(&k).await.unwrap(), None);
}

/// Sends a signed request as a client without credentials does.
async fn send(method: &str, request: &SignedRequest, body: Option<&str>) -> (u16, Bytes) {
    // Whoever is first in this process installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let mut sent = reqwest::Client::new().request(method, &request.url);
    for (name, value) in &request.headers {
        // The client counts its own bytes, as any client does.
        if name != "content-length" {
            sent = sent.header(name, value);
        }
    }
    let answer = sent.body(body.unwrap_or_default().to_owned()).send().await;
    let answer = answer.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap())
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

#[tokio::test]
async fn a_signed_put_takes_the_announced_bytes_once_and_no_others() {
    let server = Versity::start().await;
    let store = S3::new(bucket(&server));
    let k = key("signed/put");
    let sign = async |seconds| {
        let hash = sha256("hello");
        let signed = store.sign_put(&k, 5, &hash, seconds).await;
        signed.unwrap().unwrap()
    };
    let request = sign(60).await;
    for wrong in ["hallo", "hello, world", "hell", ""] {
        let (status, _) = send("PUT", &request, Some(wrong)).await;
        assert!((400..500).contains(&status), "{wrong:?} gave {status}");
        assert_eq!(store.head(&k).await.unwrap(), None, "{wrong:?}");
    }
    let expiring = sign(1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(send("PUT", &expiring, Some("hello")).await.0, 403);
    assert_eq!(send("PUT", &request, Some("hello")).await.0, 200);
    assert_eq!(store.get(&k).await.unwrap(), "hello");
    assert_eq!(send("PUT", &request, Some("hello")).await.0, 412);
}

#[tokio::test]
async fn a_signed_get_reads_one_object_until_it_expires() {
    let server = Versity::start().await;
    let store = S3::new(bucket(&server));
    let k = key("signed/get");
    store.put(&k, Bytes::from_static(b"hello")).await.unwrap();
    let request = store.sign_get(&k, 60).await.unwrap().unwrap();
    assert_eq!(send("GET", &request, None).await, (200, "hello".into()));
    let other = SignedRequest {
        url: request.url.replace("signed/get", "signed/other"),
        headers: request.headers,
    };
    assert_eq!(send("GET", &other, None).await.0, 403);
    let expiring = store.sign_get(&k, 1).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(send("GET", &expiring, None).await.0, 403);
}

#[tokio::test]
async fn rotated_credentials_are_used_at_once() {
    let server = Versity::start().await;
    let store = S3::new(bucket(&server));
    let k = key("rotated");
    store.put(&k, Bytes::from_static(b"x")).await.unwrap();
    server.write_credentials("tester", "wrong");
    assert!(matches!(
        store.get(&k).await,
        Err(ObjectsError::Unavailable { .. })
    ));
    server.write_credentials("tester", "only-for-tests");
    assert_eq!(store.get(&k).await.unwrap(), "x");
}

#[tokio::test]
async fn errors_say_what_happened_and_no_address() {
    let server = Versity::start().await;
    let mut gone = bucket(&server);
    gone.name = "another".into();
    let wrong_bucket = S3::new(gone).get(&key("k")).await.unwrap_err();
    let mut away = bucket(&server);
    away.endpoint = Some("http://127.0.0.1:9".into());
    let unreachable = S3::new(away).get(&key("k")).await.unwrap_err();
    for (error, said) in [(wrong_bucket, "404 NoSuchBucket"), (unreachable, "reached")] {
        let ObjectsError::Unavailable { source, .. } = error else {
            panic!("{error:?}");
        };
        let text = source.to_string();
        assert!(text.contains(said) && !text.contains("127.0.0.1"), "{text}");
    }
}
