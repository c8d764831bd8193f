//! The machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::ports::clock::{Clock, UnixSeconds};

/// Reads the machine's clock; a time before 1970 reads as 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixSeconds {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        UnixSeconds::try_from(since.as_secs()).unwrap_or(UnixSeconds::MAX)
    }
}
