//! Shared limits in Redis or Valkey: the generic cell rate algorithm as one script, by the clock of
//! the server, so that replicas need neither a lock nor the same time.
//! Source: ITU-T I.371 (GCRA); Redis `EVALSHA`, `TIME`.

use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Script};

use crate::ports::Source;
use crate::ports::shared_limits::{Quota, Shared, SharedLimits, SharedLimitsError};

#[cfg(test)]
pub mod server;
pub mod streams;

/// Longest wait for an answer: a request waits as long.
const PATIENCE: Duration = Duration::from_millis(100);

/// Takes one cell. Arguments are microseconds between two cells and over a whole burst; the key
/// holds the theoretical arrival time. Answers whether it passes and the microseconds that are left
/// of the burst, or to wait.
const TAKE: &str = r"
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + interval
local over = tat - now - burst
if over > 0 then return {0, over} end
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000) + 1)
return {1, -over}
";

/// The store of shared limits.
pub struct RedisLimits {
    connection: ConnectionManager,
    take: Script,
}

impl RedisLimits {
    /// Talks to the server of a URL (`redis://user:password@host/0`). It need not answer yet.
    ///
    /// # Errors
    /// When the URL is not one of Redis.
    pub fn new(url: &str) -> Result<Self, Source> {
        Ok(Self {
            connection: connection(url)?,
            take: Script::new(TAKE),
        })
    }
}

/// A connection that is made when it is first needed, and again when it breaks.
fn connection(url: &str) -> Result<ConnectionManager, Source> {
    // What is said about a malformed URL may hold the password.
    let client = Client::open(url).map_err(|_| "the URL is not one of Redis")?;
    let settings = ConnectionManagerConfig::new()
        .set_response_timeout(Some(PATIENCE))
        .set_connection_timeout(Some(Duration::from_secs(1)));
    Ok(ConnectionManager::new_lazy_with_config(client, settings)?)
}

#[async_trait]
impl SharedLimits for RedisLimits {
    async fn take(&self, key: &str, quota: Quota) -> Result<Shared, SharedLimitsError> {
        let interval = 1_000_000 / u64::from(quota.per_second.max(1));
        let interval = interval.max(1);
        let burst = interval.saturating_mul(u64::from(quota.burst));
        let mut invocation = self.take.key(key);
        invocation.arg(interval).arg(burst);
        let mut connection = self.connection.clone();
        let answer = invocation.invoke_async::<(u8, u64)>(&mut connection);
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        let answer = answer.map_err(|late| SharedLimitsError(late.into()))?;
        let (passes, micros) = answer.map_err(|error| SharedLimitsError(error.into()))?;
        Ok(match passes {
            0 => Shared::Limited {
                wait: Duration::from_micros(micros),
            },
            _ => Shared::Allowed {
                left: u32::try_from(micros / interval).unwrap_or(u32::MAX),
            },
        })
    }
}

#[cfg(test)]
mod tests;
