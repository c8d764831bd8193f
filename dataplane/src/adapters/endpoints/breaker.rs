//! Circuit breaker of an endpoint: after several failures in a row it is left alone for a while,
//! then one request tries it. Only failures of the endpoint itself are told here, so no question
//! of a viewer can open it. The time is an argument.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::ports::chain::standing::Standing;

/// Failures in a row that open it.
const FAILURES: u32 = 3;
/// How long it stays open before one request tries again.
const PAUSE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
}

/// The breaker.
#[derive(Default)]
pub struct Breaker(Mutex<State>);

impl Breaker {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May a request go? When the pause is over, one may; others wait for what becomes of it.
    pub fn admits(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.open_until = Some(now + PAUSE);
                true
            }
        }
    }

    /// What became of the last requests; `proven` when one was answered.
    pub fn standing(&self, proven: bool) -> Standing {
        let state = self.state();
        match (state.open_until, state.failures) {
            (Some(_), _) => Standing::LeftAlone,
            (None, 1..) => Standing::Fails,
            (None, 0) if proven => Standing::Answers,
            (None, 0) => Standing::Unasked,
        }
    }

    /// A request was answered.
    pub fn succeeded(&self) {
        *self.state() = State::default();
    }

    /// A request failed. Says whether the endpoint is left alone now.
    pub fn failed(&self, now: Instant) -> bool {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            state.open_until = Some(now + PAUSE);
        }
        state.open_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_one_request_tries_again() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        assert_eq!(breaker.standing(false), Standing::Unasked);
        assert_eq!(breaker.standing(true), Standing::Answers);
        assert!(!breaker.failed(now) && !breaker.failed(now));
        breaker.succeeded();
        assert!(!breaker.failed(now) && !breaker.failed(now) && breaker.admits(now));
        assert_eq!(breaker.standing(true), Standing::Fails);
        assert!(breaker.failed(now));
        assert_eq!(breaker.standing(true), Standing::LeftAlone);
        assert!(!breaker.admits(now) && !breaker.admits(now + PAUSE - Duration::from_millis(1)));
        assert!(breaker.admits(now + PAUSE), "one tries");
        assert!(!breaker.admits(now + PAUSE), "and only one");
        assert!(
            breaker.failed(now + PAUSE),
            "one more failure keeps it open"
        );
        assert!(breaker.admits(now + 2 * PAUSE));
        breaker.succeeded();
        assert!(breaker.admits(now + 2 * PAUSE) && breaker.admits(now));
    }
}
