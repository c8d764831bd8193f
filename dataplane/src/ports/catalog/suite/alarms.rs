//! What every catalog keeps for the monitor.

use streamgate_crds::alert_policy::Severity;

use super::*;
use crate::ports::catalog::alarms::{AlertChange, ChangesOf, LabelMatcher, Silence};

/// Runs this part of the suite.
pub async fn run(catalog: &dyn Catalog) {
    silences_are_kept_until_they_are_removed(catalog).await;
    the_newest_changes_of_alerts_are_kept(catalog).await;
}

fn silence(id: &str, created_at: i64, ends_at: i64) -> Silence {
    Silence {
        id: id.into(),
        matchers: vec![LabelMatcher {
            name: "alertname".into(),
            value: "a 'b' \"c\"".into(),
            is_regex: true,
            is_equal: false,
        }],
        starts_at: created_at + 1,
        ends_at,
        author: "0xa".into(),
        comment: "why".into(),
        created_at,
    }
}

async fn silences_are_kept_until_they_are_removed(catalog: &dyn Catalog) {
    let (old, new) = (silence("s1", 1, 10), silence("s2", 2, 20));
    for silence in [&old, &new] {
        assert!(catalog.add_silence(silence, 2).await.unwrap());
    }
    assert!(!catalog.add_silence(&silence("s3", 3, 30), 2).await.unwrap());
    assert_eq!(catalog.silences().await.unwrap(), [new.clone(), old]);
    catalog.forget_silences(10).await.unwrap();
    assert_eq!(catalog.silences().await.unwrap().len(), 2);
    catalog.forget_silences(11).await.unwrap();
    assert_eq!(catalog.silences().await.unwrap(), [new]);
    assert!(catalog.delete_silence("s2").await.unwrap());
    assert!(!catalog.delete_silence("s2").await.unwrap());
}

fn change(at: i64, rule: &str, severity: Severity) -> AlertChange {
    AlertChange {
        place: 0,
        at,
        resolved: at % 2 == 0,
        namespace: "n".into(),
        policy: "p".into(),
        rule: rule.into(),
        severity,
        labels: [("a".to_owned(), "'b'".to_owned())].into_iter().collect(),
        starts_at: 1,
        value: (at % 2 == 1).then_some(0.5),
        silenced: at == 3,
    }
}

async fn the_newest_changes_of_alerts_are_kept(catalog: &dyn Catalog) {
    let severity = |at| match at {
        3 => Severity::Critical,
        _ => Severity::Warning,
    };
    let changes: Vec<_> = (1..=4)
        .map(|at| change(at, if at < 4 { "A" } else { "B" }, severity(at)))
        .collect();
    catalog.add_changes(&changes[..2], 3).await.unwrap();
    catalog.add_changes(&changes[2..], 3).await.unwrap();
    let all = ChangesOf {
        limit: 9,
        ..ChangesOf::default()
    };
    let kept = catalog.changes(&all).await.unwrap();
    let without_place = |change: &AlertChange| AlertChange {
        place: 0,
        ..change.clone()
    };
    let mut expected = changes[1..].to_vec();
    expected.reverse();
    assert_eq!(kept.iter().map(without_place).collect::<Vec<_>>(), expected);
    let times = |of: ChangesOf| async move {
        let found = catalog.changes(&of).await.unwrap();
        found.iter().map(|change| change.at).collect::<Vec<_>>()
    };
    let (text, limit) = (String::from, 9);
    let base = || ChangesOf {
        limit,
        ..ChangesOf::default()
    };
    for (of, expected) in [
        (
            ChangesOf {
                rule: text("A"),
                ..base()
            },
            vec![3, 2],
        ),
        (
            ChangesOf {
                policy: text("p"),
                ..base()
            },
            vec![4, 3, 2],
        ),
        (
            ChangesOf {
                policy: text("q"),
                ..base()
            },
            vec![],
        ),
        (
            ChangesOf {
                severity: text("critical"),
                ..base()
            },
            vec![3],
        ),
        (
            ChangesOf {
                before: Some(kept[0].place),
                ..base()
            },
            vec![3, 2],
        ),
        (ChangesOf { limit: 1, ..base() }, vec![4]),
    ] {
        assert_eq!(times(of.clone()).await, expected, "{of:?}");
    }
}
