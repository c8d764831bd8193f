//! A connection with deadlines that the HTTP stack does not keep: for its first bytes, by which the stack
//! tells what is spoken, and for a peer that takes nothing of what is written to it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;

/// What the first bytes are held against. Source: RFC 9113 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that can be ended at once, with what the system still holds for a peer that takes nothing.
pub trait Resets {
    /// When it is closed now, it is reset.
    fn reset(&self);
}

impl Resets for TcpStream {
    fn reset(&self) {
        // A connection that is gone already needs none.
        let _ = self.set_zero_linger();
    }
}

impl<S: Resets> Resets for TlsStream<S> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}

/// A connection that ends when its peer takes too long.
pub struct Patient<S> {
    inner: S,
    /// For the first bytes; `None` when it is known what is spoken.
    first: Option<Pin<Box<Sleep>>>,
    /// How many of the preface have come.
    seen: usize,
    stall: Duration,
    /// For what is being written; runs while `stalled`.
    end: Option<Pin<Box<Sleep>>>,
    stalled: bool,
}

impl<S: Resets> Patient<S> {
    /// Gives the peer `first` to say what it speaks, and `stall` to take anything of what is written.
    pub fn new(inner: S, first: Duration, stall: Duration) -> Self {
        Self {
            inner,
            first: Some(Box::pin(sleep(first))),
            seen: 0,
            stall,
            end: None,
            stalled: false,
        }
    }

    /// Looks at bytes that came: those of the preface leave it open what is spoken.
    fn heard(&mut self, bytes: &[u8]) {
        let open = &PREFACE[self.seen..];
        self.seen += bytes.len().min(open.len());
        // No bytes at all are the end.
        if bytes.is_empty() || !open.starts_with(bytes) || self.seen == PREFACE.len() {
            self.first = None;
        }
    }

    /// Ends a write that has waited too long for the peer.
    fn hold<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = false;
            return written;
        }
        let stall = self.stall;
        let end = self.end.get_or_insert_with(|| Box::pin(sleep(stall)));
        if !self.stalled {
            self.stalled = true;
            end.as_mut().reset(Instant::now() + stall);
        }
        let late = end.as_mut().poll(context).map(|()| Err(late()));
        if late.is_ready() {
            self.inner.reset();
        }
        late
    }
}

fn late() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl<S: AsyncRead + Resets + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        let Some(first) = &mut self.first else {
            return read;
        };
        match read {
            Poll::Pending => first.as_mut().poll(context).map(|()| Err(late())),
            Poll::Ready(read) => {
                self.heard(&buffer.filled()[filled..]);
                Poll::Ready(read)
            }
        }
    }
}

impl<S: AsyncWrite + Resets + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.hold(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        self.hold(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.hold(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(context);
        self.hold(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    impl Resets for tokio::io::DuplexStream {
        fn reset(&self) {}
    }

    const SHORT: Duration = Duration::from_millis(300);
    const STALL: Duration = Duration::from_millis(900);

    #[tokio::test]
    async fn who_does_not_say_what_it_speaks_is_left_and_who_does_may_take_its_time() {
        for (said, patient) in [
            (&b""[..], false),
            (b"P", false),
            (&PREFACE[..23], false),
            (PREFACE, true),
            (b"G", true),
            (b"PUT", true),
        ] {
            let (near, mut far) = tokio::io::duplex(64);
            let mut near = Patient::new(near, SHORT, STALL);
            far.write_all(said).await.unwrap();
            let mut buffer = vec![0; said.len() + 1];
            let _ = near.read_exact(&mut buffer[..said.len()]).await.unwrap();
            let begin = Instant::now();
            let more = tokio::time::timeout(3 * SHORT, near.read(&mut buffer)).await;
            assert_eq!(more.is_err(), patient, "{said:?}");
            assert_eq!(begin.elapsed() < 2 * SHORT, !patient, "{said:?}");
        }
    }

    #[tokio::test]
    async fn who_takes_nothing_is_left_and_who_takes_little_is_not() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = Patient::new(near, SHORT, STALL);
        let reader = tokio::spawn(async move {
            let mut buffer = [0; 64];
            for _ in 0..4 {
                tokio::time::sleep(STALL - SHORT).await;
                far.read_exact(&mut buffer).await.unwrap();
            }
            far
        });
        near.write_all(&[0; 5 * 64]).await.unwrap();
        let _far = reader.await.unwrap();
        let begin = Instant::now();
        let error = near.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begin.elapsed() >= STALL);
    }
}
