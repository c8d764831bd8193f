//! Patience: how long and how often something out of reach is tried again.

use std::time::{Duration, Instant};

use super::halt::Halt;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A full store is no outage that passes: people must be told while they can still make room.
const FULL_PATIENCE: Duration = Duration::from_secs(30);
/// Status of a store without room. Source: RFC 4918, 11.5.
const INSUFFICIENT_STORAGE: u16 = 507;

/// Why one attempt did not succeed.
#[derive(Debug)]
pub(super) enum Miss {
    /// Worth another attempt.
    Again {
        /// Status of the answer, if there was one.
        status: Option<u16>,
        /// What happened, free of addresses and secrets.
        what: String,
    },
    /// No attempt can help.
    Halt(Halt),
}

impl Miss {
    pub(super) fn unanswered(what: &str) -> Self {
        Self::Again {
            status: None,
            what: what.to_owned(),
        }
    }
}

impl From<Halt> for Miss {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

/// The pause after failure number `failures` (from 1); `jitter` in 0..1 spreads the callers of an
/// outage so that they do not come back all at once.
fn pause(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled.min(LONGEST_PAUSE).mul_f64(0.5 + jitter / 2.0)
}

/// The attempts of one operation.
#[derive(Debug)]
pub(super) struct Retry {
    patience: Duration,
    failing_since: Option<Instant>,
    failures: u32,
}

impl Retry {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            failing_since: None,
            failures: 0,
        }
    }

    /// Takes an attempt's miss: waits for the next attempt, or ends the operation.
    pub(super) async fn after(&mut self, miss: Miss) -> Result<(), Halt> {
        let (status, last) = match miss {
            Miss::Halt(halt) => return Err(halt),
            Miss::Again { status, what } => (status, what),
        };
        self.failures += 1;
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.patience_with(status) {
            return Err(self.exhausted(status, last));
        }
        if self.failures == 1 {
            tracing::warn!(what = last, "trying again");
        }
        let pause = pause(self.failures, rand::random());
        tokio::time::sleep(pause.min(self.patience)).await;
        Ok(())
    }

    fn patience_with(&self, status: Option<u16>) -> Duration {
        match status {
            Some(INSUFFICIENT_STORAGE) => self.patience.min(FULL_PATIENCE),
            _ => self.patience,
        }
    }

    fn exhausted(&self, status: Option<u16>, last: String) -> Halt {
        match status {
            Some(INSUFFICIENT_STORAGE) => Halt::StoreFull,
            _ => Halt::OutOfReach {
                seconds: self.patience.as_secs(),
                last,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_pause_never_exceeds_the_cap(failures: u32, jitter in 0.0..1.0) {
            let pause = pause(failures, jitter);
            prop_assert!(pause >= FIRST_PAUSE / 2 && pause <= LONGEST_PAUSE);
        }
    }

    #[tokio::test]
    async fn patience_ends() {
        let mut retry = Retry::new(Duration::ZERO);
        let halt = retry.after(Miss::unanswered("refused")).await.unwrap_err();
        assert!(matches!(halt, Halt::OutOfReach { .. }));
    }

    #[tokio::test]
    async fn a_store_that_stays_full_is_no_outage() {
        let mut retry = Retry::new(Duration::ZERO);
        let miss = Miss::Again {
            status: Some(INSUFFICIENT_STORAGE),
            what: "full".into(),
        };
        assert!(matches!(retry.after(miss).await, Err(Halt::StoreFull)));
    }

    #[test]
    fn a_full_store_is_told_before_an_outage() {
        let retry = Retry::new(Duration::from_secs(900));
        assert_eq!(retry.patience_with(Some(507)), FULL_PATIENCE);
        assert_eq!(retry.patience_with(Some(503)), Duration::from_secs(900));
    }
}
