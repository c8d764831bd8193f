//! The time of day, as a port so that expiry can be tested without waiting.

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixSeconds = i64;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixSeconds;

    /// Now, in milliseconds, for rates over short times.
    fn now_milliseconds(&self) -> i64 {
        self.now().saturating_mul(1_000)
    }
}

#[cfg(test)]
pub mod manual {
    //! A clock that stands still until a test moves it.
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::{Clock, UnixSeconds};

    /// Moved by hand.
    pub struct ManualClock(AtomicI64);

    impl ManualClock {
        /// Starts at `now`.
        pub fn at(now: UnixSeconds) -> Self {
            Self(AtomicI64::new(now))
        }

        /// Moves on by `seconds`.
        pub fn advance(&self, seconds: i64) {
            self.0.fetch_add(seconds, Ordering::SeqCst);
        }
    }

    impl Clock for ManualClock {
        fn now(&self) -> UnixSeconds {
            self.0.load(Ordering::SeqCst)
        }
    }
}
