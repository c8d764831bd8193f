//! Tests of the evaluation: tables of sentences against values computed by hand.

use streamgate_crds::alert_expression::compile;

use super::*;
use crate::ports::scrape::{Exposition, METRIC_NAME, Shown, Target};
use crate::services::monitor::store::Bounds;

const NOW: i64 = 1_000_000;

/// Two pods for five minutes, every 15 s: `up`, a counter of 1/s and 2/s, gauges.
fn world() -> Store {
    let mut store = Store::new(Bounds::default());
    for (pod, slope) in [("a", 1.0), ("b", 2.0)] {
        let target = Target {
            pod: pod.into(),
            job: "all".into(),
            instance: pod.into(),
        };
        for at in (NOW - 300_000..=NOW).step_by(15_000) {
            let seconds = (at - NOW + 300_000) as f64 / 1_000.0;
            let mut exposition = Exposition::default();
            for (name, code, value) in [
                ("requests_total", "200", 1_000.0 + seconds * slope),
                ("requests_total", "500", 1_000.0 + seconds * slope / 10.0),
                ("depth", "", slope * 10.0),
                ("limit", "", 15.0),
            ] {
                let labels = [(METRIC_NAME, name), ("code", code)].into_iter().collect();
                let timestamp = None;
                exposition.samples.push(Shown {
                    labels,
                    value,
                    timestamp,
                });
            }
            store.take(&target, Some(exposition), at);
        }
    }
    store
}

/// Results as `{pod=...,code=...} value`, without the labels that every series has.
fn results(expr: &str, store: &Store, now: i64) -> Vec<String> {
    let results = evaluate(&compile(expr).unwrap(), store, now).unwrap();
    let text = |sample: &Sample| {
        let labels = sample.labels.iter();
        let labels = labels.filter(|(name, _)| !["job", "instance"].contains(name));
        let labels: Vec<_> = labels.map(|(n, v)| format!("{n}={v}")).collect();
        format!("{{{}}} {:.6}", labels.join(","), sample.value)
    };
    results.iter().map(text).collect()
}

#[test]
fn expressions_yield_what_prometheus_yields() {
    let store = world();
    for (expr, expected) in [
        ("7", vec!["{} 7.000000"]),
        ("-(1 + 2) * 3 / 2 - 1", vec!["{} -5.500000"]),
        (
            "depth",
            vec![
                "{__name__=depth,pod=a} 10.000000",
                "{__name__=depth,pod=b} 20.000000",
            ],
        ),
        (
            "depth{pod!=\"a\"}",
            vec!["{__name__=depth,pod=b} 20.000000"],
        ),
        (
            "depth{pod=~\"a|c\"}",
            vec!["{__name__=depth,pod=a} 10.000000"],
        ),
        (
            "depth{pod!~\"a.*\"}",
            vec!["{__name__=depth,pod=b} 20.000000"],
        ),
        (
            "depth{code=\"\",pod=\"a\"}",
            vec!["{__name__=depth,pod=a} 10.000000"],
        ),
        ("depth{code!=\"\"}", vec![]),
        (
            "{__name__=~\"de.*\",pod=\"a\"}",
            vec!["{__name__=depth,pod=a} 10.000000"],
        ),
        ("absent_metric", vec![]),
        ("depth > 15", vec!["{__name__=depth,pod=b} 20.000000"]),
        ("15 < depth", vec!["{__name__=depth,pod=b} 20.000000"]),
        ("depth > limit", vec!["{__name__=depth,pod=b} 20.000000"]),
        (
            "depth - limit",
            vec!["{pod=a} -5.000000", "{pod=b} 5.000000"],
        ),
        ("2 * depth == 40", vec!["{pod=b} 40.000000"]),
        ("-depth", vec!["{pod=a} -10.000000", "{pod=b} -20.000000"]),
        ("depth != 10", vec!["{__name__=depth,pod=b} 20.000000"]),
        ("depth <= 10", vec!["{__name__=depth,pod=a} 10.000000"]),
        ("depth / 0", vec!["{pod=a} inf", "{pod=b} inf"]),
        ("sum(depth)", vec!["{} 30.000000"]),
        ("avg(depth)", vec!["{} 15.000000"]),
        ("max(depth)", vec!["{} 20.000000"]),
        ("sum by (nothing) (depth)", vec!["{} 30.000000"]),
        ("sum(absent_metric)", vec![]),
        (
            "rate(requests_total{code=\"200\"}[1m])",
            vec!["{code=200,pod=a} 1.000000", "{code=200,pod=b} 2.000000"],
        ),
        (
            "sum by (code) (rate(requests_total[2m]))",
            vec!["{code=200} 3.000000", "{code=500} 0.300000"],
        ),
        (
            "sum by (pod) (rate(requests_total{code=\"500\"}[2m])) / sum by (pod) (rate(requests_total[2m])) > 0.05",
            vec!["{pod=a} 0.090909", "{pod=b} 0.090909"],
        ),
        ("rate(requests_total[10s])", vec![]),
        ("up == 0", vec![]),
    ] {
        assert_eq!(results(expr, &store, NOW), expected, "{expr}");
    }
}

#[test]
fn a_sample_speaks_for_five_minutes_and_no_longer() {
    let store = world();
    assert_eq!(results("depth", &store, NOW + 299_999).len(), 2);
    assert_eq!(results("depth", &store, NOW + 300_000).len(), 0);
}

#[test]
fn an_ended_series_is_gone_at_once() {
    let mut store = world();
    store.keep_targets(&[], NOW + 1_000);
    assert_eq!(results("depth", &store, NOW + 1_000).len(), 0);
    assert_eq!(results("depth", &store, NOW + 999).len(), 2);
}

#[test]
fn ambiguous_matches_are_errors_not_numbers() {
    let store = world();
    let failed = |expr: &str| evaluate(&compile(expr).unwrap(), &store, NOW).unwrap_err();
    let same = "rate({__name__=~\"requests_total|depth|limit\",code!=\"500\"}[1m])";
    assert_eq!(failed(same), EvaluateError::SameLabels);
    let right = "depth + {__name__=~\"depth|limit\"}";
    assert_eq!(failed(right), EvaluateError::ManyMatches("right"));
    let left = "{__name__=~\"depth|limit\"} + depth";
    assert_eq!(failed(left), EvaluateError::ManyMatches("left"));
}

#[test]
fn no_number_is_less_than_any_in_max_and_infects_sums() {
    assert_eq!(combine(Aggregation::Max, &[f64::NAN, 1.0]), 1.0);
    assert!(combine(Aggregation::Max, &[f64::NAN]).is_nan());
    assert!(combine(Aggregation::Sum, &[f64::NAN, 1.0]).is_nan());
    assert_eq!(combine(Aggregation::Sum, &[1e100, 1.0, -1e100]), 1.0);
    assert_eq!(
        combine(Aggregation::Sum, &[f64::INFINITY, 1.0]),
        f64::INFINITY
    );
}
