//! Refusals that the HTTP stack makes by itself, of requests whose head it cannot read. It answers
//! them with a status alone; on their way out they become problems like every other refusal.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::{Kind, Problem};

/// How an answer begins that refuses.
const REFUSAL: &[u8] = b"HTTP/1.1 4";
/// A header that every answer of ours carries, and none that the stack makes by itself.
const OURS: &[u8] = b"\r\nx-request-id:";
/// What an answer without a body says.
const EMPTY: &[u8] = b"\r\ncontent-length: 0\r\n";

/// A connection on which every refusal tells its reason.
pub struct Told<S> {
    inner: S,
    /// What is sent in the place of the stack's answer.
    pending: Bytes,
}

impl<S> Told<S> {
    /// Wraps a connection.
    pub fn new(inner: S) -> Self {
        let pending = Bytes::new();
        Self { inner, pending }
    }
}

/// The problem in the place of an answer that the stack made by itself.
fn in_place_of(answer: &[u8]) -> Option<Bytes> {
    if !answer.starts_with(REFUSAL) || contains(answer, OURS) || !contains(answer, EMPTY) {
        return None;
    }
    let problem = match answer.get(9..12)? {
        b"400" => {
            let detail = "the request is not HTTP; check its first line and its headers";
            Problem::new(Kind::Invalid, "MalformedRequest", detail)
        }
        b"431" => {
            let detail = "the request's headers are too large; send fewer or shorter ones";
            Problem::new(Kind::HeadTooLarge, "HeadTooLarge", detail)
        }
        _ => return None,
    };
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let body = serde_json::to_vec(&problem.members()).ok()?;
    let head = format!(
        "\r\nconnection: close\r\ncontent-type: application/problem+json\r\n\
         cache-control: no-store\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Some([line, head.as_bytes(), &body].concat().into())
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

impl<S: AsyncWrite + Unpin> Told<S> {
    /// Sends what is pending.
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.pending.has_remaining() {
            let sent = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.pending))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.advance(sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes an answer of the stack, to send the problem instead.
    fn take(&mut self, answer: &[u8]) -> Option<usize> {
        self.pending = in_place_of(answer)?;
        Some(answer.len())
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Told<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        match self.take(bytes) {
            Some(taken) => Poll::Ready(Ok(taken)),
            None => Pin::new(&mut self.inner).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        // An answer without a body is in one part.
        match parts.first().and_then(|first| self.take(first)) {
            Some(taken) => Poll::Ready(Ok(taken)),
            None => Pin::new(&mut self.inner).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Told<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::sync::CancellationToken;

    use crate::health::service::Service;
    use crate::server::serve;

    async fn answer(address: &str, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // A server that closes with bytes unread resets the connection after its answer.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn a_head_that_cannot_be_read_is_refused_with_a_problem() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let figures = Service::new(&prometheus::Registry::new()).unwrap();
        let stop = CancellationToken::new();
        let routes = Router::new().route("/", get(|| async { "served" }));
        let figures = figures.connections("public");
        tokio::spawn(serve(socket, routes, figures, stop.clone()));
        let long = [
            b"GET / HTTP/1.1\r\nX: ",
            "x".repeat(70_000).as_bytes(),
            b"\r\n\r\n",
        ]
        .concat();
        let path = [
            b"GET /",
            "x".repeat(70_000).as_bytes(),
            b" HTTP/1.1\r\n\r\n",
        ]
        .concat();
        let cases: [(&[u8], u16, &str); 4] = [
            (b"nonsense\r\n\r\n", 400, "MalformedRequest"),
            (b"GET / HTTP/1.1\r\nHost\r\n\r\n", 400, "MalformedRequest"),
            (&long, 431, "HeadTooLarge"),
            (&path, 431, "HeadTooLarge"),
        ];
        for (request, status, reason) in cases {
            let answer = answer(&address, request).await;
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            assert!(head.contains("application/problem+json"), "{head}");
            let problem: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(
                (&problem["reason"], &problem["status"]),
                (&reason.into(), &status.into())
            );
        }
        let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        assert!(answer(&address, request).await.ends_with("served"));
        stop.cancel();
    }
}
