//! Limits against an exact model with a simulated clock, and against millions of callers.

use std::collections::HashMap;

use governor::clock::FakeRelativeClock;
use proptest::prelude::*;
use streamgate_contract::limits::RoleLimit;
use streamgate_contract::roles::Role;

use super::table::BYTES_PER_KEY;
use super::*;

fn limits(burst: u32, per_second: u32) -> Limits {
    serde_json::from_value(serde_json::json!({
        "maxUploadBytes": 1, "requestsPerSecond": per_second, "requestBurst": burst,
        "requestTimeoutSeconds": 1,
    }))
    .unwrap()
}

fn policies(
    burst: u32,
    per_second: u32,
    keys: usize,
) -> (Policies<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    let made = Policies::new(&limits(burst, per_second), keys, &clock, &Registry::new());
    (made.unwrap(), clock)
}

/// The token bucket that the generic cell rate algorithm must equal, in exact whole numbers: units
/// of 1/rate s are counted in nanoseconds, so nothing is rounded.
struct Model {
    burst: u128,
    interval: u128,
    /// Nanoseconds of credit and when that was true, by caller.
    credit: HashMap<u64, (u128, u128)>,
}

impl Model {
    fn take(&mut self, key: u64, now: u128) -> bool {
        let full = self.burst * self.interval;
        let (credit, at) = self.credit.get(&key).copied().unwrap_or((full, now));
        let credit = full.min(credit + (now - at));
        let passes = credit >= self.interval;
        let left = if passes {
            credit - self.interval
        } else {
            credit
        };
        self.credit.insert(key, (left, now));
        passes
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn decisions_equal_an_exact_model(
        burst in 1_u32..40,
        per_second in 1_u32..1_000,
        steps in prop::collection::vec((0_u64..6, 0_u64..60_000_000), 1..400),
    ) {
        let (policies, clock) = policies(burst, per_second, 1_024);
        let policy = policies.of(Scope::Edge).unwrap();
        let interval = u128::from(1_000_000_000 / per_second);
        let mut model = Model { burst: burst.into(), interval, credit: HashMap::new() };
        let (mut now, mut admitted) = (0_u128, HashMap::<u64, u128>::new());
        for (key, pause) in steps {
            clock.advance(Duration::from_nanos(pause));
            now += u128::from(pause);
            let passed = matches!(policy.decide(Key([4, key])), Decision::Allowed { .. });
            prop_assert_eq!(passed, model.take(key, now));
            let count = admitted.entry(key).or_default();
            *count += u128::from(passed);
            // The promise itself: never more than burst + rate·t.
            prop_assert!(*count <= u128::from(burst) + now / interval);
        }
    }

    #[test]
    fn whoever_waits_as_long_as_told_passes_and_not_before(
        burst in 1_u32..20, per_second in 1_u32..100, extra in 0_usize..5,
    ) {
        let (policies, clock) = policies(burst, per_second, 64);
        let policy = policies.of(Scope::Edge).unwrap();
        let mut wait = Duration::ZERO;
        for _ in 0..burst as usize + 1 + extra {
            if let Decision::Limited { wait: told } = policy.decide(Key([4, 1])) {
                wait = told;
            }
        }
        prop_assert!(wait > Duration::ZERO);
        clock.advance(wait - Duration::from_nanos(1));
        let limited = matches!(policy.decide(Key([4, 1])), Decision::Limited { .. });
        prop_assert!(limited);
        clock.advance(Duration::from_nanos(1));
        let allowed = matches!(policy.decide(Key([4, 1])), Decision::Allowed { .. });
        prop_assert!(allowed);
    }
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

/// Time this thread was at work: a machine that takes the thread away costs nothing of it.
fn at_work() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap(),
    )
}

/// The claim runs it alone with `CALLERS=10000000`; only then is the memory of the process ours.
#[test]
fn hostile_addresses_cost_bounded_memory_and_no_pause() {
    let asked = std::env::var("CALLERS").ok();
    let callers: u64 = asked.as_ref().map_or(300_000, |n| n.parse().unwrap());
    let mut times = vec![u32::MAX; usize::try_from(callers).unwrap()];
    let before = resident();
    let (registry, clock) = (Registry::new(), DefaultClock::default());
    let made = Policies::new(&limits(1_000, 100), KEYS_PER_POLICY, &clock, &registry);
    let policies = made.unwrap();
    let policy = policies.of(Scope::Edge).unwrap();
    for n in 0..callers {
        let begin = at_work();
        policy.decide(Key([6, n.wrapping_mul(0x9E37_79B9_7F4A_7C15)]));
        let nanos = (at_work() - begin).as_nanos();
        times[usize::try_from(n).unwrap()] = u32::try_from(nanos).unwrap_or(u32::MAX);
    }
    let (grown, cap) = (
        resident().saturating_sub(before),
        (KEYS_PER_POLICY as u64) * 96,
    );
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{callers} callers: {BYTES_PER_KEY} bytes per key, {grown} bytes grown of {cap}, \
         p50 {} ns, p99.99 {} ns, longest {} ns",
        at(0.5),
        at(0.9999),
        at(1.0)
    );
    let gauge = |name: &str| {
        let families = registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == name)
            .unwrap();
        family
            .get_metric()
            .iter()
            .map(|m| m.get_gauge().get_value())
            .sum::<f64>()
    };
    assert!(gauge("streamgate_limit_keys") <= (KEYS_PER_POLICY + 64 * 16) as f64);
    if asked.is_some() {
        assert!(grown <= cap, "{grown} bytes grown, at most {cap}");
        assert!(at(1.0) <= 1_000_000, "a request took {} ns", at(1.0));
    }
}

#[test]
fn a_caller_cannot_leave_its_network() {
    let key = |text: &str| Key::address(text.parse().unwrap());
    assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
    assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    assert_ne!(
        Key::wallet(Wallet::of_key([1; 20])),
        Key::wallet(Wallet::of_key([2; 20]))
    );
}

#[test]
fn a_role_has_the_limit_of_the_inventory_unless_the_gate_says_otherwise() {
    let mut limits = limits(7, 3);
    assert_eq!(quota_of(Scope::Edge, &limits), (7, 3));
    for (role, quota) in [
        (Role::Streaming, (1_000, 100)),
        (Role::Cache, (1_000, 100)),
        (Role::Monitor, (1_000, 100)),
        (Role::Metadata, (500, 50)),
        (Role::Upload, (100, 10)),
        (Role::Worker, (100, 10)),
        (Role::Auth, (50, 5)),
    ] {
        assert_eq!(quota_of(Scope::Role(role), &limits), quota, "{role}");
    }
    assert_eq!(quota_of(Scope::Jobs, &limits), (50, 5));
    limits.roles = vec![RoleLimit {
        role: "auth".into(),
        requests_per_second: 1,
        burst: 2,
    }];
    assert_eq!(quota_of(Scope::Role(Role::Auth), &limits), (2, 1));
}

#[test]
fn shadow_counts_and_lets_pass() {
    let mut limits = limits(1, 1);
    limits.mode = LimitMode::Shadow;
    let clock = FakeRelativeClock::default();
    let policies = Policies::new(&limits, 64, &clock, &Registry::new()).unwrap();
    let policy = policies.of(Scope::Edge).unwrap();
    assert_eq!(
        (0..3).filter(|_| policy.take(Key([4, 1])).is_ok()).count(),
        3
    );
    let counts = [&policy.allowed, &policy.shadowed, &policy.limited].map(IntCounter::get);
    assert_eq!(counts, [1, 2, 0]);
}

#[tokio::test]
async fn a_refusal_says_how_long_to_wait_in_every_way_there_is() {
    let (policies, _clock) = policies(2, 1, 64);
    let policy = policies.of(Scope::Edge).unwrap();
    assert!(policy.take(Key([4, 1])).is_ok() && policy.take(Key([4, 1])).is_ok());
    let refusal = policy.take(Key([4, 1])).unwrap_err();
    assert_eq!(refusal.status(), 429);
    assert_eq!(refusal.headers()["retry-after"], "1");
    assert_eq!(refusal.headers()[headers::LEFT], r#""edge";r=0;t=1"#);
    assert_eq!(refusal.headers()[headers::POLICY], r#""edge";q=2;w=2"#);
    let body = axum::body::to_bytes(refusal.into_body(), 4_096)
        .await
        .unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["type"], headers::QUOTA_EXCEEDED);
    assert_eq!(body["violated-policies"][0], "edge");
}
