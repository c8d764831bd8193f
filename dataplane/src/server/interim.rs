//! Interim responses (1xx) on connections of HTTP/1.1. hyper's server writes none but 100, so they go
//! past it: the wrapper around a connection writes them when hyper has nothing of its own to write,
//! which is when it flushes, and while a handler is still at work on its answer, which is until it
//! drops its [`Open`]. So an interim response never comes into or behind another response.
//! Source: RFC 9110 15.2, RFC 9112 9.3.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::http::{HeaderMap, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most bytes that wait to be written: a client that reads nothing is told nothing more.
const MOST: usize = 4 << 10;

/// Where the handlers of a connection put interim responses.
#[derive(Clone, Debug, Default)]
pub struct Interim(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    open: bool,
    bytes: Vec<u8>,
}

impl Interim {
    /// Lets interim responses through until the guard is dropped.
    pub fn open(&self) -> Open {
        self.queue().open = true;
        Open(self.clone())
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // The queue is whole after every operation on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.queue().bytes)
    }
}

/// A handler is at work on its answer.
#[derive(Debug)]
pub struct Open(Interim);

impl Open {
    /// What sends interim responses while this handler is at work.
    pub fn sender(&self) -> Sender {
        Sender(self.0.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.open = false;
        // The answer itself comes now, and says as much.
        queue.bytes.clear();
    }
}

/// Sends interim responses; to nobody when the answer is under way.
#[derive(Clone, Debug)]
pub struct Sender(Interim);

impl Sender {
    /// Sends a response with this status, phrase and these headers.
    pub fn send(&self, status: StatusCode, phrase: &str, headers: &HeaderMap) {
        let mut queue = self.0.queue();
        if !queue.open || queue.bytes.len() > MOST {
            return;
        }
        let line = format!("HTTP/1.1 {} {phrase}\r\n", status.as_u16());
        queue.bytes.extend_from_slice(line.as_bytes());
        for (name, value) in headers {
            queue.bytes.extend_from_slice(name.as_str().as_bytes());
            queue.bytes.extend_from_slice(b": ");
            queue.bytes.extend_from_slice(value.as_bytes());
            queue.bytes.extend_from_slice(b"\r\n");
        }
        queue.bytes.extend_from_slice(b"\r\n");
    }
}

/// A connection that interim responses can be written to.
#[derive(Debug)]
pub struct WithInterim<I> {
    io: I,
    interim: Interim,
    /// Begun and not yet written to its end.
    rest: Vec<u8>,
}

impl<I> WithInterim<I> {
    /// Around `io`.
    pub fn new(io: I, interim: Interim) -> Self {
        Self {
            io,
            interim,
            rest: Vec::new(),
        }
    }
}

impl<I: AsyncWrite + Unpin> WithInterim<I> {
    /// Writes what was begun: nothing else may come between.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(context, &self.rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for WithInterim<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for WithInterim<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_rest(context))?;
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_rest(context))?;
        Pin::new(&mut self.io).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(context))?;
        self.rest = self.interim.take();
        ready!(self.poll_rest(context))?;
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(context))?;
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn interim_responses_are_written_at_a_flush_while_the_answer_is_open() {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let interim = Interim::default();
        let mut io = WithInterim::new(near, interim.clone());
        let mut headers = HeaderMap::new();
        headers.insert("upload-offset", 7.into());
        let status = StatusCode::from_u16(104).unwrap();

        let open = interim.open();
        let sender = open.sender();
        sender.send(status, "Upload Resumption Supported", &headers);
        io.flush().await.unwrap();
        sender.send(status, "Upload Resumption Supported", &headers);
        drop(open);
        sender.send(status, "Upload Resumption Supported", &headers);
        io.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        io.flush().await.unwrap();
        drop(io);
        let mut told = String::new();
        far.read_to_string(&mut told).await.unwrap();
        let first = "HTTP/1.1 104 Upload Resumption Supported\r\nupload-offset: 7\r\n\r\n";
        assert_eq!(told, format!("{first}HTTP/1.1 200 OK\r\n\r\n"));
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_is_told_little() {
        let interim = Interim::default();
        let open = interim.open();
        for _ in 0..1_000 {
            open.sender()
                .send(StatusCode::PROCESSING, "Processing", &HeaderMap::new());
        }
        assert!(interim.take().len() < 2 * MOST);
    }
}
