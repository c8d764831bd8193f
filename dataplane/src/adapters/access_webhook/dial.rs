//! Names to addresses, with the check between: the connection is made to what comes out of here and
//! to nothing else, so a name that changes its mind afterwards changes nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Reach;
use crate::ports::Source;

/// Looks names up.
pub trait Names: Send + Sync {
    /// Every address of a name; ports are of no account.
    fn addresses(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>>;
}

/// As the system does.
pub struct SystemNames;

impl Names for SystemNames {
    fn addresses(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

/// A name has an address that must not be dialled.
#[derive(Debug, thiserror::Error)]
#[error("the name has an address that may not be dialled")]
struct Forbidden;

/// Names of which every address may be dialled.
pub struct CheckedNames {
    names: Arc<dyn Names>,
    reach: Reach,
}

impl CheckedNames {
    pub fn new(names: Arc<dyn Names>, reach: Reach) -> Self {
        Self { names, reach }
    }
}

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, reach) = (
            self.names.addresses(name.as_str().to_owned()),
            self.reach.clone(),
        );
        Box::pin(async move {
            let found = found.await?;
            // One bad address among good ones is somebody trying.
            if found.is_empty() || !found.iter().all(|at| reach.allows(at.ip())) {
                return Err(Source::from(Forbidden));
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

/// Did a request fail because of the check?
pub fn refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<Forbidden>() {
            return true;
        }
        cause = error.source();
    }
    false
}
