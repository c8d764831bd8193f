//! The machine's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ports::clock::{Clock, UnixSeconds};

/// Reads the machine's clock; a time before 1970 reads as 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::try_from(since_1970().as_secs()).unwrap_or(UnixSeconds::MAX)
    }

    fn now_milliseconds(&self) -> i64 {
        i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)
    }
}

fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
