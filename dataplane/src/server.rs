//! Listeners: our own accept loop over hyper, with deadlines on heads, and a drain that lets
//! requests in work finish. HTTP/1.1 and HTTP/2 with prior knowledge.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::health::service::Connections;
use crate::layers::client_address::Peer;

/// Longest wait for a request's head.
const HEAD: Duration = Duration::from_secs(10);
/// Largest head of a request.
const HEAD_BYTES: usize = 32 << 10;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// Longest wait for requests in work when the process ends.
const DRAIN: Duration = Duration::from_secs(20);
/// Pause after a failed accept, which means that files have run out.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves `routes` on `listener` until `stop`, then lets requests in work finish.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    figures: Connections,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let builder = builder();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => connect(&builder, &graceful, &figures, stream, peer, &routes),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
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
        .max_buf_size(HEAD_BYTES.max(64 << 10));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES as u32)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    builder
}

fn connect(
    builder: &Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    figures: &Connections,
    stream: TcpStream,
    peer: SocketAddr,
    routes: &Router,
) {
    let _ = stream.set_nodelay(true);
    let service = routes
        .clone()
        .map_request(move |request: Request<Incoming>| {
            let mut request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(Peer::new(peer));
            request
        });
    let service = TowerToHyperService::new(service);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let connection = graceful.watch(connection);
    let counted = figures.accepted();
    tokio::spawn(async move {
        let _counted = counted;
        // A caller that goes away or talks nonsense is its own affair.
        if let Err(error) = connection.await {
            tracing::debug!(error, "connection ended");
        }
    });
}
