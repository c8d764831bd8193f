//! A client of tus that can break its connection off at any byte.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The client, signed in as a creator.
pub struct Tus {
    address: String,
    http: Client,
}

impl Tus {
    /// A client of the server at `address`.
    pub fn new(address: String) -> Self {
        // Whoever is first in this process installs it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // No pool: a kept connection to a killed server would fail the next request.
        let http = Client::builder().pool_max_idle_per_host(0).build();
        Self {
            address,
            http: http.unwrap(),
        }
    }

    /// One request with a version of tus and a token, both unless empty.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        person: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("http://{}{path}", self.address);
        let mut request = self.http.request(method, url).body(body.to_vec());
        if !person.is_empty() {
            request = request.bearer_auth(person);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Begins an upload and says where it is.
    pub async fn create(&self, length: usize) -> String {
        let length = length.to_string();
        let headers = [("tus-resumable", "1.0.0"), ("upload-length", &length)];
        let answer = self
            .ask("POST", "/api/v1/uploads", "creator", &headers, b"")
            .await;
        assert_eq!(answer.status(), 201);
        text(answer.headers(), "location")
    }

    /// Where the upload stands.
    pub async fn offset(&self, path: &str) -> usize {
        let headers = [("tus-resumable", "1.0.0")];
        let answer = self.ask("HEAD", path, "creator", &headers, b"").await;
        assert_eq!(answer.status(), 200);
        text(answer.headers(), "upload-offset").parse().unwrap()
    }

    /// The connection of a PATCH that announces all of `rest`, with its first `bytes` bytes (head
    /// included) sent, and how many of `rest` those were.
    pub async fn patch_in_part(
        &self,
        path: &str,
        offset: usize,
        rest: &[u8],
        bytes: usize,
    ) -> (TcpStream, usize) {
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer creator\r\n\
             tus-resumable: 1.0.0\r\ncontent-type: application/offset+octet-stream\r\n\
             upload-offset: {offset}\r\ncontent-length: {}\r\n\r\n",
            self.address,
            rest.len()
        );
        let request = [head.as_bytes(), rest].concat();
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let sent = &request[..bytes.min(request.len())];
        // The server may refuse and close while we write: the offset tells what it has.
        let _ = stream.write_all(sent).await;
        (stream, sent.len().saturating_sub(head.len()))
    }

    /// Sends a request as it is and reads what is answered until the connection ends.
    pub async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer));
        read.await.unwrap().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends a request without reading its answer to the end: what came first, and the connection.
    pub async fn told_of(&self, request: Vec<u8>) -> (String, TcpStream) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(&request).await.unwrap();
        let mut told = [0; 512];
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut told));
        let read = read.await.unwrap().unwrap();
        (String::from_utf8_lossy(&told[..read]).into_owned(), stream)
    }

    /// Host and port of the server.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends all of `rest` and returns the status.
    pub async fn patch(&self, path: &str, offset: usize, rest: &[u8]) -> String {
        let (mut stream, _) = self.patch_in_part(path, offset, rest, usize::MAX).await;
        let mut answer = [0; 64];
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut answer));
        let read = read.await.unwrap().unwrap_or_default();
        String::from_utf8_lossy(&answer[..read])
            .chars()
            .skip(9)
            .take(3)
            .collect()
    }
}

/// What a refused request was answered: status and reason.
pub async fn reason(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let reason = problem["reason"].as_str().unwrap_or_default();
    (status, reason.to_owned())
}

/// Bytes that begin as a video does.
pub fn video(length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..length).map(|n| (n * 31 % 251) as u8).collect();
    bytes[..8].copy_from_slice(b"\0\0\0\x18ftyp");
    bytes
}

/// A header as text, empty when it is absent.
pub fn text(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}
