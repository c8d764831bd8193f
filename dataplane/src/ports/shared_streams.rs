//! Streams that run at once, counted over all replicas.

use std::time::Duration;

use async_trait::async_trait;

use super::Source;

/// A stream, and the seats it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Distinguishes it from others.
    pub id: String,
    /// Whose places it takes.
    pub seats: Vec<String>,
}

/// How many streams may run, and when one rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Streams of a seat at once.
    pub most: u32,
    /// Time after which a stream that is not used does not count.
    pub rests: Duration,
}

/// The store of counts does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the store of shared streams does not answer")]
pub struct SharedStreamsError(#[source] pub Source);

/// The streams.
#[async_trait]
pub trait SharedStreams: Send + Sync {
    /// Takes a stream in, which is used now, by the store's own clock; or says how long it is until
    /// another one rests whose place it could take. One that runs already takes no second place.
    async fn join(
        &self,
        stream: &Stream,
        places: Places,
    ) -> Result<Result<(), Duration>, SharedStreamsError>;

    /// Says of streams how long ago each was used.
    async fn used(
        &self,
        streams: &[(Stream, Duration)],
        places: Places,
    ) -> Result<(), SharedStreamsError>;
}
