//! A client of others against the real server: tus-js-client, plain and with parallel uploads.

use std::path::Path;
use std::process::{Command, Stdio};

use streamgate_dataplane::ports::catalog::Uploads;
use streamgate_dataplane::ports::catalog::library::{Library, Page};

use crate::client::video;
use crate::server::{Place, Server};
use crate::versity::Versity;

const BYTES: usize = 30_000_000;

async fn uploads(s3: Option<&Versity>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let script = root.join("e2e/tus/upload.mjs");
    let modules = root.join("target/tools/tus/node_modules/tus-js-client");
    assert!(modules.exists(), "run `make tus` first");
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path(), s3);
    let _server = Server::start(&place).await;
    let file = folder.path().join("clip.mp4");
    let bytes = video(BYTES);
    std::fs::write(&file, &bytes).unwrap();
    // How many at once, how large the bodies, whether the length is told later.
    for (parallel, chunk, later) in [
        ("1", "0", ""),
        ("1", "7000000", ""),
        ("4", "0", ""),
        ("1", "9000000", "later"),
    ] {
        let url = format!("http://{}/api/v1/uploads", place.address());
        let mut node = Command::new("node");
        let file = file.to_str().unwrap();
        node.arg(&script)
            .args([&url, file, "creator", parallel, chunk, later])
            .stdin(Stdio::null());
        let done = tokio::task::spawn_blocking(move || node.output().unwrap());
        let done = done.await.unwrap();
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.success(),
            "{parallel} {chunk} {later}: {told}{wrong}"
        );
        assert!(
            place.bytes(told.trim()).await == bytes,
            "{parallel} {chunk}"
        );
    }
    let catalog = place.catalog().await;
    assert!(catalog.unfinished_uploads().await.unwrap().is_empty());
    assert_eq!(catalog.page(&Page::newest(9)).await.unwrap().len(), 4);
}

#[tokio::test]
async fn tus_js_client_uploads_into_a_folder() {
    uploads(None).await;
}

#[tokio::test]
async fn tus_js_client_uploads_into_s3() {
    let s3 = Versity::start().await;
    uploads(Some(&s3)).await;
}
