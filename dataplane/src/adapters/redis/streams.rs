//! Shared streams in Redis or Valkey: for each seat a sorted set of streams by the time they were used
//! last, by the clock of the server, so that replicas need not have the same time.
//! Source: Redis `EVALSHA`, `ZADD` (GT from 6.2 on), `TIME`.

use std::time::Duration;

use async_trait::async_trait;
use redis::aio::ConnectionManager;
use redis::{Script, pipe};

use super::{PATIENCE, connection};
use crate::ports::Source;
use crate::ports::shared_streams::{Places, SharedStreams, SharedStreamsError, Stream};

/// Streams that one question speaks of.
const AT_ONCE: usize = 256;

/// Takes a place in every seat, or in none. Arguments: the stream, most, milliseconds until one rests.
/// Answers the milliseconds to wait.
const JOIN: &str = r"
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local most, rests = tonumber(ARGV[2]), tonumber(ARGV[3])
for _, seat in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', seat, '-inf', now - rests)
  if not redis.call('ZSCORE', seat, ARGV[1]) and redis.call('ZCARD', seat) >= most then
    local first = redis.call('ZRANGE', seat, 0, 0, 'WITHSCORES')
    return math.max(tonumber(first[2]) + rests - now, 1)
  end
end
for _, seat in ipairs(KEYS) do
  redis.call('ZADD', seat, 'GT', string.format('%.0f', now), ARGV[1])
  redis.call('PEXPIRE', seat, rests)
end
return 0
";

/// Tells when a stream was used. Arguments: the stream, milliseconds since, milliseconds until it rests.
const USED: &str = r"
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for _, seat in ipairs(KEYS) do
  redis.call('ZADD', seat, 'GT', string.format('%.0f', now - ARGV[2]), ARGV[1])
  redis.call('PEXPIRE', seat, ARGV[3])
end
return 0
";

/// The store of shared streams.
pub struct RedisStreams {
    connection: ConnectionManager,
    /// Distinguishes gates that share a store.
    prefix: String,
    join: Script,
    used: Script,
}

impl RedisStreams {
    /// Streams of the gate `uid`, at the server of a URL (`redis://user:password@host/0`). It need not
    /// answer yet.
    ///
    /// # Errors
    /// When the URL is not one of Redis.
    pub fn new(url: &str, uid: &str) -> Result<Self, Source> {
        Ok(Self {
            connection: connection(url)?,
            prefix: format!("streamgate:{uid}:streams"),
            join: Script::new(JOIN),
            used: Script::new(USED),
        })
    }

    fn keys(&self, stream: &Stream) -> Vec<String> {
        let seats = stream.seats.iter();
        seats
            .map(|seat| format!("{}:{seat}", self.prefix))
            .collect()
    }

    async fn tell(&self, streams: &[(Stream, Duration)], rests: u64) -> redis::RedisResult<()> {
        let mut connection = self.connection.clone();
        let mut questions = pipe();
        questions.load_script(&self.used).ignore();
        for (stream, since) in streams {
            let mut invocation = self.used.prepare_invoke();
            for key in self.keys(stream) {
                invocation.key(key);
            }
            invocation
                .arg(&stream.id)
                .arg(milliseconds(*since))
                .arg(rests);
            questions.invoke_script(&invocation).ignore();
        }
        questions.query_async(&mut connection).await
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn failed(error: impl Into<Source>) -> SharedStreamsError {
    SharedStreamsError(error.into())
}

#[async_trait]
impl SharedStreams for RedisStreams {
    async fn join(
        &self,
        stream: &Stream,
        places: Places,
    ) -> Result<Result<(), Duration>, SharedStreamsError> {
        let mut invocation = self.join.prepare_invoke();
        for key in self.keys(stream) {
            invocation.key(key);
        }
        let rests = milliseconds(places.rests);
        invocation.arg(&stream.id).arg(places.most).arg(rests);
        let mut connection = self.connection.clone();
        let answer = invocation.invoke_async::<u64>(&mut connection);
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        let wait = answer.map_err(failed)?.map_err(failed)?;
        Ok(match wait {
            0 => Ok(()),
            wait => Err(Duration::from_millis(wait)),
        })
    }

    async fn used(
        &self,
        streams: &[(Stream, Duration)],
        places: Places,
    ) -> Result<(), SharedStreamsError> {
        let rests = milliseconds(places.rests);
        for some in streams.chunks(AT_ONCE) {
            let told = tokio::time::timeout(PATIENCE, self.tell(some, rests)).await;
            told.map_err(failed)?.map_err(failed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::server::Server;
    use super::*;

    const PLACES: Places = Places {
        most: 2,
        rests: Duration::from_secs(2),
    };

    fn stream(id: &str, seats: &[&str]) -> Stream {
        Stream {
            id: id.into(),
            seats: seats.iter().map(ToString::to_string).collect(),
        }
    }

    async fn joins(store: &RedisStreams, id: &str, seats: &[&str]) -> bool {
        store
            .join(&stream(id, seats), PLACES)
            .await
            .unwrap()
            .is_ok()
    }

    #[tokio::test]
    async fn replicas_count_together_and_a_stream_that_rests_gives_its_place() {
        let server = Server::start().await;
        let [one, two] = [(); 2].map(|()| RedisStreams::new(&server.url(), "gate").unwrap());
        assert!(joins(&one, "a", &["viewer"]).await && joins(&two, "b", &["viewer"]).await);
        assert!(joins(&two, "a", &["viewer"]).await, "it runs already");
        let refused = one.join(&stream("c", &["viewer"]), PLACES).await.unwrap();
        let wait = refused.unwrap_err();
        assert!(
            wait <= PLACES.rests && wait > Duration::from_secs(1),
            "{wait:?}"
        );
        assert!(joins(&one, "c", &["another"]).await);
        let other = RedisStreams::new(&server.url(), "other-gate").unwrap();
        assert!(joins(&other, "c", &["viewer"]).await);

        // One is used on, the other rests.
        for _ in 0..12 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let used = [(stream("a", &["viewer"]), Duration::from_millis(10))];
            two.used(&used, PLACES).await.unwrap();
        }
        assert!(joins(&one, "c", &["viewer"]).await, "b rests");
        assert!(!joins(&one, "d", &["viewer"]).await, "a and c run");
    }

    #[tokio::test]
    async fn a_stream_takes_every_seat_or_none() {
        let server = Server::start().await;
        let store = RedisStreams::new(&server.url(), "gate").unwrap();
        assert!(joins(&store, "a", &["one", "vault"]).await);
        assert!(joins(&store, "b", &["two", "vault"]).await);
        assert!(!joins(&store, "c", &["three", "vault"]).await);
        // It took no place of its own viewer's meanwhile.
        assert!(joins(&store, "d", &["three"]).await && joins(&store, "e", &["three"]).await);
        // What was used longer ago than was known changes nothing.
        let used = [(stream("a", &["one", "vault"]), Duration::from_secs(9))];
        store.used(&used, PLACES).await.unwrap();
        assert!(!joins(&store, "c", &["three", "vault"]).await);
    }

    #[tokio::test]
    async fn hundreds_are_told_of_at_once_and_nobody_waits_for_a_store_that_is_away() {
        let server = Server::start().await;
        let store = RedisStreams::new(&server.url(), "gate").unwrap();
        let many: Vec<_> = (0..600)
            .map(|n| (stream(&n.to_string(), &["crowd"]), Duration::ZERO))
            .collect();
        store.used(&many, PLACES).await.unwrap();
        assert!(!joins(&store, "one more", &["crowd"]).await);
        drop(server);
        let began = std::time::Instant::now();
        assert!(store.join(&stream("a", &["x"]), PLACES).await.is_err());
        assert!(store.used(&many, PLACES).await.is_err());
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}
