//! A limit of requests per address by the generic cell rate algorithm. An IPv6 caller is its
//! /64. The table is bounded: addresses idle for a while go first, then the least used.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::error::{Kind, Problem};

/// Addresses remembered.
const MAX_ADDRESSES: u64 = 100_000;
/// An address idle for so long has its whole burst again.
const IDLE: Duration = Duration::from_secs(300);

/// Address of the peer, as the accept loop saw it.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The limit and its table.
pub struct Limit {
    quota: Quota,
    table: moka::future::Cache<IpAddr, Arc<DefaultDirectRateLimiter>>,
    clock: DefaultClock,
}

impl Limit {
    /// `per_second` in the long run, `burst` at once; 0 counts as 1.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let table = moka::future::Cache::builder();
        Self {
            quota: Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst)),
            table: table.max_capacity(MAX_ADDRESSES).time_to_idle(IDLE).build(),
            clock: DefaultClock::default(),
        }
    }

    /// Takes one request of this address, or says how long to wait.
    async fn take(&self, address: IpAddr) -> Result<(), Duration> {
        let fresh = async { Arc::new(RateLimiter::direct(self.quota)) };
        let limiter = self.table.get_with(key(address), fresh).await;
        let taken = limiter.check();
        taken.map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

/// One caller owns a whole /64.
fn key(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
        },
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The layer: `axum::middleware::from_fn_with_state(limit, limit)`.
pub async fn limit(State(limit): State<Arc<Limit>>, request: Request, next: Next) -> Response {
    let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() else {
        return next.run(request).await;
    };
    match limit.take(peer.ip()).await {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            let detail = "too many requests from this address; wait and try again";
            Problem::new(Kind::TooManyRequests, "RateLimited", detail)
                .retry_after(wait.as_secs() + 1)
                .into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_is_taken_and_the_next_waits_while_others_pass() {
        let limit = Limit::new(1, 3);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..3 {
            assert!(limit.take(one).await.is_ok());
        }
        assert!(limit.take(one).await.unwrap_err() <= Duration::from_secs(1));
        assert!(limit.take(other).await.is_ok());
    }

    #[test]
    fn a_caller_cannot_leave_its_network() {
        let a = "2001:db8::1".parse().unwrap();
        let b = "2001:db8::ffff:2".parse().unwrap();
        let c = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(key(a), key(b));
        assert_ne!(key(a), key(c));
        assert_eq!(
            key("::ffff:192.0.2.1".parse().unwrap()),
            key("192.0.2.1".parse().unwrap())
        );
    }
}
