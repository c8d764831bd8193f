//! Limits of requests by the generic cell rate algorithm (governor's, on a bounded table of ours):
//! one policy for every request of an address, one for each role by the wallet that is signed in,
//! or by the address where nobody is. An IPv6 caller is its /64.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{Quota, RateLimiter};
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};
use streamgate_contract::config::Limits;
use streamgate_contract::limits::{KEYS_PER_POLICY, LimitMode, Scope};

use super::around::Around;
use super::authenticate::Caller;
use super::client_address::Peer;
use super::routes::{Class, known};
use crate::error::{Kind, Problem};
use crate::ports::chain::Wallet;

pub mod headers;
pub mod strict;
pub mod table;

use headers::Values;
use table::{Figures, Key, Table};

/// The network that one caller owns, as text.
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("{:x}::/64", u128::from(v6) >> 64),
    }
}

impl Key {
    /// One caller owns a whole /64.
    pub fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self([4, u64::from(u32::from(v4))]),
            IpAddr::V6(v6) => Self([6, (u128::from(v6) >> 64) as u64]),
        }
    }

    /// A wallet, by sixteen bytes that nobody can choose, and its chain.
    pub fn wallet(wallet: Wallet) -> Self {
        let (bytes, chain): (&[u8], u64) = match &wallet {
            Wallet::Key(address) => (address, 0),
            Wallet::Contract { address, chain_id } => (address, *chain_id),
            Wallet::Solana(key) => (key, 0),
            Wallet::Person(hash) => (hash, 0),
        };
        let word = |at: usize| {
            let word = bytes.get(at..at + 8).and_then(|w| w.try_into().ok());
            word.map_or(0, u64::from_be_bytes)
        };
        Self([word(0), word(8) ^ chain])
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It passes; so many more may pass at once.
    Allowed {
        /// Requests left of the burst.
        left: u32,
    },
    /// It is beyond the limit; the next may pass after this time.
    Limited {
        /// Time to wait.
        wait: Duration,
    },
}

type Limiter<C> = RateLimiter<Key, Table, C, StateInformationMiddleware>;

/// The limit of one scope, over all callers.
pub struct Policy<C: Clock = DefaultClock> {
    limiter: Limiter<C>,
    mode: LimitMode,
    /// Requests at once and per second.
    quota: (u32, u32),
    values: Values,
    scope: Scope,
    allowed: IntCounter,
    limited: IntCounter,
    shadowed: IntCounter,
}

impl<C: Clock> Policy<C> {
    /// Counts one request of a caller.
    pub fn decide(&self, key: Key) -> Decision {
        match self.limiter.check_key(&key) {
            Ok(state) => Decision::Allowed {
                left: state.remaining_burst_capacity(),
            },
            Err(not_until) => Decision::Limited {
                wait: not_until.wait_time_from(self.limiter.clock().now()),
            },
        }
    }

    /// Counts one request; what is left of the quota, or the refusal.
    #[allow(clippy::result_large_err)]
    fn take(&self, key: Key) -> Result<u32, Response> {
        match (self.decide(key), self.mode) {
            (Decision::Allowed { left }, _) => {
                self.allowed.inc();
                Ok(left)
            }
            (Decision::Limited { .. }, LimitMode::Shadow) => {
                self.shadowed.inc();
                Ok(0)
            }
            (Decision::Limited { wait }, LimitMode::Enforce) => {
                self.limited.inc();
                Err(self.refusal(wait))
            }
        }
    }

    fn refusal(&self, wait: Duration) -> Response {
        // Rounded up: whoever comes back then, passes.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let detail = "too many requests; wait as long as Retry-After says and try again";
        let problem = Problem::new(Kind::TooManyRequests, "RateLimited", detail)
            .of_type(headers::QUOTA_EXCEEDED)
            .with("violated-policies", [self.scope.name()])
            .retry_after(seconds);
        let mut response = problem.into_response();
        let told = response.headers_mut();
        told.insert(headers::POLICY, self.values.policy());
        told.insert(headers::LEFT, self.values.nothing(seconds));
        response
    }
}

/// The policies of every scope.
pub struct Policies<C: Clock = DefaultClock>(Vec<Policy<C>>);

impl<C: Clock + Clone> Policies<C> {
    /// Makes the policies and registers their figures.
    ///
    /// # Errors
    /// When the families are registered already.
    pub fn new(
        limits: &Limits,
        keys: usize,
        clock: &C,
        registry: &Registry,
    ) -> prometheus::Result<Self> {
        let families = Families::new(registry)?;
        let policy = |scope| families.policy(scope, limits, keys, clock);
        Ok(Self(Scope::EVERY.into_iter().map(policy).collect()))
    }

    /// The policy of a scope.
    pub fn of(&self, scope: Scope) -> Option<&Policy<C>> {
        self.0.iter().find(|policy| policy.scope == scope)
    }
}

/// Requests at once and per second of a scope.
fn quota_of(scope: Scope, limits: &Limits) -> (u32, u32) {
    let configured = limits.roles.iter().find(|limit| limit.role == scope.name());
    match (scope, configured) {
        (Scope::Edge, _) => (limits.request_burst, limits.requests_per_second),
        (_, Some(limit)) => (limit.burst, limit.requests_per_second),
        (_, None) => scope.default_quota(),
    }
}

struct Families {
    decisions: IntCounterVec,
    keys: IntGaugeVec,
    evictions: IntCounterVec,
}

impl Families {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let decisions = Opts::new(
            "streamgate_limit_requests_total",
            "Requests held against a limit, by policy and outcome.",
        );
        let keys = Opts::new(
            "streamgate_limit_keys",
            "Callers remembered, by policy; bounded.",
        );
        let evictions = Opts::new(
            "streamgate_limit_evictions_total",
            "Callers forgotten to make room: idle ones lose nothing, busy ones begin anew.",
        );
        let families = Self {
            decisions: IntCounterVec::new(decisions, &["policy", "outcome"])?,
            keys: IntGaugeVec::new(keys, &["policy"])?,
            evictions: IntCounterVec::new(evictions, &["policy", "kind"])?,
        };
        registry.register(Box::new(families.decisions.clone()))?;
        registry.register(Box::new(families.keys.clone()))?;
        registry.register(Box::new(families.evictions.clone()))?;
        Ok(families)
    }

    fn policy<C: Clock + Clone>(
        &self,
        scope: Scope,
        limits: &Limits,
        keys: usize,
        clock: &C,
    ) -> Policy<C> {
        let name = scope.name();
        let (burst, per_second) = quota_of(scope, limits);
        let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst));
        let interval = u64::try_from(quota.replenish_interval().as_nanos()).unwrap_or(u64::MAX);
        let figures = Figures {
            keys: self.keys.with_label_values(&[name]),
            idle: self.evictions.with_label_values(&[name, "idle"]),
            busy: self.evictions.with_label_values(&[name, "busy"]),
        };
        let outcome = |outcome| self.decisions.with_label_values(&[name, outcome]);
        let table = Table::new(keys, interval, figures);
        Policy {
            limiter: RateLimiter::new(quota, table, clock.clone()),
            mode: limits.mode,
            quota: (burst, per_second),
            values: Values::new(name, burst, per_second),
            scope,
            allowed: outcome("allowed"),
            limited: outcome("limited"),
            shadowed: outcome("shadowed"),
        }
    }
}

/// Whose requests a layer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Every request of an address, outside authenticate.
    Address,
    /// Those of a role by who is signed in, else by address; inside authenticate.
    Principal,
}

/// The layer.
#[derive(Clone)]
pub struct Limit {
    policies: Arc<Policies>,
    by: By,
}

impl Limit {
    /// The policies of this process.
    ///
    /// # Errors
    /// When the families are registered already.
    pub fn policies(limits: &Limits, registry: &Registry) -> prometheus::Result<Arc<Policies>> {
        let clock = DefaultClock::default();
        Policies::new(limits, KEYS_PER_POLICY, &clock, registry).map(Arc::new)
    }

    /// Counts requests by address or by principal.
    pub fn new(policies: Arc<Policies>, by: By) -> Self {
        Self { policies, by }
    }

    fn key(&self, request: &Request) -> Option<Key> {
        let extensions = request.extensions();
        let wallet = match self.by {
            By::Address => None,
            By::Principal => extensions.get::<Caller>().and_then(|caller| caller.known()),
        };
        let address = || {
            extensions
                .get::<Peer>()
                .map(|peer| Key::address(peer.client))
        };
        wallet.map(|who| Key::wallet(who.wallet)).or_else(address)
    }
}

impl Around for Limit {
    /// Quota and rest to be told.
    type Kept = Option<(HeaderValue, HeaderValue)>;

    fn before(&self, request: &mut Request) -> Result<Self::Kept, Response> {
        let route = known(request);
        let scope = match self.by {
            By::Address => Scope::Edge,
            // Counted outside already.
            By::Principal if route.scope == Scope::Edge => return Ok(None),
            By::Principal => route.counted(request.method()),
        };
        let (Some(policy), Some(key)) = (self.policies.of(scope), self.key(request)) else {
            return Ok(None);
        };
        let left = policy.take(key)?;
        // Players read no such headers; callers of the API do.
        let told = self.by == By::Principal && route.class != Class::Playback;
        let values = told.then(|| Some((policy.values.policy(), policy.values.left(left)?)));
        Ok(values.flatten())
    }

    fn after(&self, told: Self::Kept, response: &mut Response) {
        if let Some((policy, left)) = told {
            response.headers_mut().insert(headers::POLICY, policy);
            response.headers_mut().insert(headers::LEFT, left);
        }
    }
}

#[cfg(test)]
mod tests;
