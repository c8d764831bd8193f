//! What callers are told of a limit: `RateLimit-Policy` and `RateLimit` as two lists of structured
//! fields, and the problem types of a refusal.
//! Source: draft-ietf-httpapi-ratelimit-headers-11, RFC 9651. The draft is not an RFC yet, so
//! everything of it is in this file.

use axum::http::{HeaderName, HeaderValue};

/// The quotas that apply.
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of them.
pub const LEFT: HeaderName = HeaderName::from_static("ratelimit");
/// Problem type: the caller used up its quota.
pub const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
/// Problem type: the server takes less than usual.
pub const REDUCED_CAPACITY: &str =
    "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";

/// Values of `RateLimit` made in advance; larger quotas are told in steps.
const STEPS: u32 = 1_024;

/// The header values of one policy.
pub struct Values {
    name: &'static str,
    policy: HeaderValue,
    step: u32,
    left: Vec<HeaderValue>,
}

impl Values {
    /// For a policy that lets `burst` pass at once and refills `per_second`.
    pub fn new(name: &'static str, burst: u32, per_second: u32) -> Self {
        let step = burst.div_ceil(STEPS).max(1);
        let value = |n: u32| {
            let left = n * step;
            // When everything that is missing now is there again.
            let again = burst.saturating_sub(left).div_ceil(per_second.max(1));
            shared(&format!("\"{name}\";r={left};t={again}"))
        };
        let window = burst.div_ceil(per_second.max(1));
        Self {
            name,
            policy: shared(&format!("\"{name}\";q={burst};w={window}")),
            step,
            left: (0..=burst / step).map(value).collect(),
        }
    }

    /// The quota.
    pub fn policy(&self) -> HeaderValue {
        self.policy.clone()
    }

    /// What is left, rounded down to a step.
    pub fn left(&self, remaining: u32) -> Option<HeaderValue> {
        self.left.get((remaining / self.step) as usize).cloned()
    }

    /// Nothing is left for `seconds`.
    pub fn nothing(&self, seconds: u64) -> HeaderValue {
        shared(&format!("\"{}\";r=0;t={seconds}", self.name))
    }
}

/// A value whose copies share its bytes.
fn shared(text: &str) -> HeaderValue {
    let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
    HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_say_quota_window_and_what_is_left() {
        let values = Values::new("auth", 50, 5);
        assert_eq!(values.policy(), r#""auth";q=50;w=10"#);
        assert_eq!(values.left(49).unwrap(), r#""auth";r=49;t=1"#);
        assert_eq!(values.left(0).unwrap(), r#""auth";r=0;t=10"#);
        assert_eq!(values.nothing(3), r#""auth";r=0;t=3"#);
        assert!(values.left(51).is_none());
    }

    #[test]
    fn a_large_quota_is_told_in_steps_and_never_too_high() {
        let values = Values::new("edge", 1_000_000, 100);
        assert!(values.left.len() <= STEPS as usize + 1);
        assert_eq!(values.left(1_000).unwrap(), r#""edge";r=977;t=9991"#);
    }
}
