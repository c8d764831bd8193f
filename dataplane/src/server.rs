//! Listeners: our own accept loop over hyper, with deadlines on handshakes and heads, and a drain
//! that lets requests in work finish. HTTP/1.1 and HTTP/2, by ALPN or with prior knowledge.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::Version;
use axum::response::Response;
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::health::service::Connections;
use crate::layers::around::Serves;
use crate::layers::client_address::Peer;

pub mod interim;
mod patient;
pub mod tls;
mod told;

use interim::{Interim, WithInterim};
use patient::{Patient, Resets};
use told::Told;

/// Longest wait for a request's head, and for the first bytes by which it is told what is spoken.
const HEAD: Duration = Duration::from_secs(10);
/// Longest wait for a peer that takes nothing of its answer.
const STALL: Duration = Duration::from_secs(30);
/// Largest head of a request, and most bytes that are read at once: a body that waits to be taken holds as
/// many.
const HEAD_BYTES: usize = 32 << 10;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// Longest wait for requests in work when the process ends.
const DRAIN: Duration = Duration::from_secs(20);
/// Pause after a failed accept, which means that files have run out.
const PAUSE: Duration = Duration::from_millis(50);

/// A socket that listens, and what is spoken on it.
pub struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self { socket, tls: None }
    }
}

impl Listener {
    /// Speaks TLS on the socket.
    pub fn with_tls(socket: TcpListener, tls: TlsAcceptor) -> Self {
        let tls = Some(tls);
        Self { socket, tls }
    }
}

/// Serves `routes` on `listener` until `stop`, then lets requests in work finish.
pub async fn serve(
    listener: impl Into<Listener>,
    routes: impl Serves,
    figures: Connections,
    stop: CancellationToken,
) {
    let Listener { socket, tls } = listener.into();
    let graceful = GracefulShutdown::new();
    let builder = builder();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = socket.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let service = OfConnection {
            routes: routes.clone(),
            peer: Peer::new(peer),
            interim: Interim::default(),
        };
        let connection = Connection {
            builder: builder.clone(),
            watcher: graceful.watcher(),
            service,
        };
        let (tls, counted) = (tls.clone(), figures.accepted());
        tokio::spawn(async move {
            let _counted = counted;
            connection.open(stream, tls).await;
        });
    }
    drop(socket);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections were still open when the drain ended");
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES as u32)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    builder
}

/// An accepted connection.
struct Connection<S> {
    builder: Builder<TokioExecutor>,
    watcher: Watcher,
    service: OfConnection<S>,
}

impl<S: Serves> Connection<S> {
    async fn open(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            return self.drive(stream).await;
        };
        match tokio::time::timeout(HEAD, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.drive(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "no handshake"),
            Err(_) => tracing::debug!("no handshake in time"),
        }
    }

    async fn drive(self, stream: impl AsyncRead + AsyncWrite + Resets + Unpin + Send + 'static) {
        let stream = Patient::new(stream, HEAD, STALL);
        let stream = WithInterim::new(stream, self.service.interim.clone());
        let connection = self
            .builder
            .serve_connection(TokioIo::new(Told::new(stream)), self.service);
        // A caller that goes away or talks nonsense is its own affair.
        if let Err(error) = self.watcher.watch(connection).await {
            tracing::debug!(error, "connection ended");
        }
    }
}

/// Every request of a connection is told where it came from.
struct OfConnection<S> {
    routes: S,
    peer: Peer,
    interim: Interim,
}

impl<S: Serves> hyper::service::Service<hyper::Request<Incoming>> for OfConnection<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = S::Future;

    fn call(&self, request: hyper::Request<Incoming>) -> S::Future {
        let mut request = request.map(body);
        request.extensions_mut().insert(self.peer);
        // Requests without a body wait for nothing of which there could be news.
        if request.version() == Version::HTTP_11 && !request.body().is_end_stream() {
            request.extensions_mut().insert(self.interim.clone());
        }
        // Nothing of ours makes anybody wait before it is called.
        self.routes.clone().call(request)
    }
}

/// Most requests have no body: those need no box around it.
fn body(incoming: Incoming) -> Body {
    match incoming.is_end_stream() {
        true => Body::empty(),
        false => Body::new(incoming),
    }
}

#[cfg(test)]
mod tests;
