//! Connects more than once. As long as there is no connection nothing was sent, so this is the one
//! place where every request may be tried again, whatever its method and body.

use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use crate::ports::Source;

/// Longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pauses between attempts: what a Service needs to learn that a pod is gone.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(400),
];

/// The connector.
#[derive(Clone)]
pub(super) struct Patient(HttpConnector);

impl Patient {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(PATIENCE));
        connector.set_nodelay(true);
        Self(connector)
    }
}

impl Service<Uri> for Patient {
    type Response = TokioIo<TcpStream>;
    type Error = Source;
    type Future = BoxFuture<'static, Result<Self::Response, Source>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Source>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let mut connector = self.0.clone();
        Box::pin(async move {
            for pause in PAUSES {
                if let Ok(connection) = connector.call(uri.clone()).await {
                    return Ok(connection);
                }
                tokio::time::sleep(pause).await;
            }
            Ok(connector.call(uri).await?)
        })
    }
}
