//! What the spec asks of the keys that sign tokens.

use streamgate_contract::plan::SourceLimits;

use crate::streamgate::keys::ring::Rules;
use crate::streamgate::keys::secret::KeyRules;
use crate::streamgate::validate::ValidatedGate;

/// Seconds a source may be longer than the longest, for lengths are rounded.
const ROUNDED: u64 = 10;

/// How long each kind of key signs, and how long a token of it may last.
pub fn rules(gate: &ValidatedGate) -> KeyRules {
    let auth = &gate.spec.auth;
    let longest = SourceLimits::default().max_duration_seconds + ROUNDED;
    let rules = |life: u64| Rules {
        every: seconds(auth.keys.rotation_seconds),
        life: seconds(life),
        withdrawn: auth.keys.withdrawn.clone(),
    };
    KeyRules {
        session: rules(auth.session_seconds),
        playback: rules(longest.saturating_add(auth.pause_allowance_seconds)),
    }
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
