//! Extensions of tus over HTTP: checksums before and behind the bytes, lengths told later, uploads
//! joined of pieces.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::client::{Tus, reason, text, video};
use crate::server::{Place, Server};

const PATH: &str = "/api/v1/uploads";
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const BYTES: (&str, &str) = ("content-type", "application/offset+octet-stream");

struct World {
    place: Place,
    tus: Tus,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path(), None);
        Self {
            _server: Server::start(&place).await,
            tus: Tus::new(place.address()),
            place,
            _folder: folder,
        }
    }

    async fn create(&self, headers: &[(&str, &str)]) -> String {
        let headers = [&[TUS], headers].concat();
        let answer = self.tus.ask("POST", PATH, "creator", &headers, b"").await;
        assert_eq!(answer.status(), 201);
        text(answer.headers(), "location")
    }

    async fn patch(
        &self,
        path: &str,
        offset: usize,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, String) {
        let offset = offset.to_string();
        let headers = [&[TUS, BYTES, ("upload-offset", &offset)], headers].concat();
        reason(self.tus.ask("PATCH", path, "creator", &headers, body).await).await
    }

    /// A header of the answer to HEAD.
    async fn head(&self, path: &str, name: &str) -> String {
        let answer = self.tus.ask("HEAD", path, "creator", &[TUS], b"").await;
        assert_eq!(answer.status(), 200);
        text(answer.headers(), name)
    }
}

#[tokio::test]
async fn checksums_before_the_bytes_are_held_against_them() {
    let world = World::new().await;
    let bytes = video(30);
    let path = world.create(&[("upload-length", "30")]).await;
    let sha256 = |bytes: &[u8]| format!("sha256 {}", STANDARD.encode(Sha256::digest(bytes)));
    let crc32c = |bytes| {
        let sum = crc_fast::crc32_iscsi(bytes).to_be_bytes();
        format!("crc32c {}", STANDARD.encode(sum))
    };
    let sha1 = |bytes| {
        let sum = <sha1::Sha1 as sha1::Digest>::digest(bytes);
        format!("sha1 {}", STANDARD.encode(sum))
    };
    for (told, status, why) in [
        (sha256(&bytes[1..]), 460, "ChecksumMismatch"),
        ("md5 AAAA".to_owned(), 400, "InvalidChecksum"),
        ("sha1 AAAA".to_owned(), 400, "InvalidChecksum"),
    ] {
        let told = [("upload-checksum", told.as_str())];
        let outcome = world.patch(&path, 0, &told, &bytes[..10]).await;
        assert_eq!(outcome, (status, why.to_owned()));
    }
    assert_eq!(world.head(&path, "upload-offset").await, "0");
    let pieces = [&bytes[..10], &bytes[10..20], &bytes[20..]];
    let sums = [sha1(pieces[0]), sha256(pieces[1]), crc32c(pieces[2])];
    for (n, (piece, sum)) in pieces.into_iter().zip(&sums).enumerate() {
        let outcome = world
            .patch(&path, n * 10, &[("upload-checksum", sum)], piece)
            .await;
        assert_eq!(outcome.0, 204, "{sum}");
    }
    assert_eq!(world.place.bytes(&path).await, bytes);
    // And with the creation: what does not match leaves nothing.
    for (sum, status) in [(sha256(&bytes), 201), (sha256(b"other"), 460)] {
        let sum = ("upload-checksum", sum.as_str());
        let headers = [TUS, BYTES, ("upload-length", "30"), sum];
        let answer = world
            .tus
            .ask("POST", PATH, "creator", &headers, &bytes)
            .await;
        assert_eq!(answer.status(), status);
    }
}

#[tokio::test]
async fn checksums_behind_the_bytes_are_held_against_them() {
    let world = World::new().await;
    let bytes = video(20);
    let path = world.create(&[("upload-length", "20")]).await;
    let send = async |sum: Option<&[u8]>| {
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer creator\r\n\
             tus-resumable: 1.0.0\r\ncontent-type: application/offset+octet-stream\r\n\
             upload-offset: 0\r\ntransfer-encoding: chunked\r\ntrailer: Upload-Checksum\r\n\
             connection: close\r\n\r\na\r\n",
            world.tus.address()
        );
        let sum = sum.map(|sum| STANDARD.encode(Sha256::digest(sum)));
        let trailer = sum.map(|sum| format!("upload-checksum: sha256 {sum}\r\n"));
        let end = format!("\r\n0\r\n{}\r\n", trailer.unwrap_or_default());
        let request = [
            head.as_bytes(),
            &bytes[..10],
            b"\r\na\r\n",
            &bytes[10..],
            end.as_bytes(),
        ];
        world.tus.raw(&request.concat()).await
    };
    for (sum, status) in [
        (Some(&b"other"[..]), "460"),
        (None, "400"),
        (Some(&bytes), "204"),
    ] {
        let answer = send(sum).await;
        assert_eq!(answer.split_whitespace().nth(1), Some(status), "{answer}");
    }
    assert_eq!(world.place.bytes(&path).await, bytes);
}

#[tokio::test]
async fn a_length_may_be_told_with_a_later_request() {
    let world = World::new().await;
    let bytes = video(20);
    let path = world.create(&[("upload-defer-length", "1")]).await;
    assert_eq!(world.head(&path, "upload-defer-length").await, "1");
    assert_eq!(world.head(&path, "upload-length").await, "");
    assert_eq!(world.patch(&path, 0, &[], &bytes[..10]).await.0, 204);
    let length = ("upload-length", "20");
    assert_eq!(world.patch(&path, 10, &[length], b"").await.0, 204);
    assert_eq!(world.head(&path, "upload-length").await, "20");
    assert_eq!(world.head(&path, "upload-defer-length").await, "");
    let other = world
        .patch(&path, 10, &[("upload-length", "21")], b"")
        .await;
    assert_eq!(other, (400, "LengthChanged".into()));
    assert_eq!(world.patch(&path, 10, &[], &bytes[10..]).await.0, 204);
    assert_eq!(world.place.bytes(&path).await, bytes);
    for wrong in [
        &[("upload-defer-length", "2")][..],
        &[("upload-defer-length", "1"), length],
    ] {
        let headers = [&[TUS], wrong].concat();
        let answer = world.tus.ask("POST", PATH, "creator", &headers, b"").await;
        assert_eq!(reason(answer).await, (400, "InvalidHeader".into()));
    }
}

#[tokio::test]
async fn uploads_are_joined_before_and_after_their_pieces_are_there() {
    let world = World::new().await;
    let bytes = video(20);
    let partial = ("upload-concat", "partial");
    for early in [true, false] {
        let pieces = [
            world.create(&[("upload-length", "12"), partial]).await,
            world.create(&[("upload-defer-length", "1"), partial]).await,
        ];
        assert_eq!(world.head(&pieces[0], "upload-concat").await, "partial");
        let list = format!("final;{} http://gate.example{}", pieces[0], pieces[1]);
        let joined = ("upload-concat", list.as_str());
        let mut whole = None;
        if early {
            whole = Some(world.create(&[joined]).await);
        }
        assert_eq!(world.patch(&pieces[0], 0, &[], &bytes[..12]).await.0, 204);
        if let Some(path) = &whole {
            assert_eq!(world.head(path, "upload-concat").await, list);
            assert_eq!(world.head(path, "upload-offset").await, "");
            assert_eq!(world.head(path, "upload-length").await, "");
            let sent = world.patch(path, 0, &[], b"x").await;
            assert_eq!(sent, (403, "UploadJoined".into()));
        }
        let length = ("upload-length", "8");
        assert_eq!(
            world.patch(&pieces[1], 0, &[length], &bytes[12..]).await.0,
            204
        );
        let path = match whole {
            Some(path) => path,
            None => world.create(&[joined]).await,
        };
        for name in ["upload-offset", "upload-length"] {
            assert_eq!(world.head(&path, name).await, "20", "{name}");
        }
        assert_eq!(world.head(&path, "upload-concat").await, list);
        assert_eq!(world.place.bytes(&path).await, bytes);
    }
    for (list, status, why) in [
        ("final;", 400, "InvalidPieces"),
        ("final;/elsewhere", 400, "InvalidPieces"),
        ("final;/api/v1/uploads/nobody", 404, "UploadNotFound"),
        ("whole", 400, "InvalidHeader"),
    ] {
        let headers = [TUS, ("upload-concat", list), ("upload-length", "1")];
        let answer = world.tus.ask("POST", PATH, "creator", &headers, b"").await;
        assert_eq!(reason(answer).await, (status, why.to_owned()), "{list}");
    }
}
