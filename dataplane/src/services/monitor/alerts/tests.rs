//! Tests of the life of alerts, as small stories.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;

fn sample(pod: &str) -> Sample {
    Sample {
        labels: [("pod", pod)].into_iter().collect(),
        value: 7.0,
    }
}

/// Steps through `(now, pods)` and says what was told at each moment.
fn story(memory: Memory, hold: i64, warm: bool, moments: &[(i64, &[&str])]) -> Vec<String> {
    let mut memory = memory;
    let tell = |now: i64, c: &Change| {
        let word = if c.resolved { "resolved" } else { "firing" };
        format!("{now} {}{word} since {}", c.labels.get("pod"), c.since)
    };
    let mut said = Vec::new();
    for (now, pods) in moments {
        let samples: Vec<Sample> = pods.iter().map(|pod| sample(pod)).collect();
        let moment = Moment { now: *now, warm };
        let (next, changes) = step(&memory, &samples, hold, moment, &|_| false);
        said.extend(changes.iter().map(|change| tell(*now, change)));
        memory = next;
    }
    said
}

fn from_status(state: AlertState, since: i64) -> Memory {
    restore(&RuleState {
        name: "R".into(),
        state,
        since: Some(Time(jiff::Timestamp::from_second(since).unwrap())),
        series: 1,
        notified: state == AlertState::Firing,
        error: None,
    })
}

#[test]
fn an_alert_fires_once_after_for_and_resolves_once() {
    let moments: &[(i64, &[&str])] = &[
        (0, &["a"]),
        (15, &["a"]),
        (30, &["a"]),
        (45, &["a"]),
        (60, &[]),
        (75, &[]),
    ];
    let said = story(Memory::default(), 30, true, moments);
    assert_eq!(said, ["30 afiring since 30", "60 aresolved since 30"]);
}

#[test]
fn an_interrupted_pending_starts_anew_and_tells_nothing() {
    let moments: &[(i64, &[&str])] = &[
        (0, &["a"]),
        (15, &[]),
        (30, &["a"]),
        (45, &["a"]),
        (59, &["a"]),
    ];
    assert!(story(Memory::default(), 30, true, moments).is_empty());
}

#[test]
fn without_for_it_fires_at_once() {
    let said = story(Memory::default(), 0, true, &[(5, &["a"])]);
    assert_eq!(said, ["5 afiring since 5"]);
}

#[test]
fn series_live_their_own_lives() {
    let moments: &[(i64, &[&str])] = &[(0, &["a"]), (10, &["a", "b"]), (20, &["b"])];
    let said = story(Memory::default(), 10, true, moments);
    assert_eq!(
        said,
        [
            "10 afiring since 10",
            "20 bfiring since 20",
            "20 aresolved since 10"
        ]
    );
}

#[test]
fn a_firing_rule_is_not_told_again_after_a_restart_but_its_end_is_told_once() {
    let memory = from_status(AlertState::Firing, 3);
    let moments: &[(i64, &[&str])] = &[(100, &["a"]), (115, &["a"]), (130, &[]), (145, &[])];
    assert_eq!(story(memory, 30, true, moments), ["130 aresolved since 3"]);
}

#[test]
fn a_pending_rule_keeps_its_since_over_a_restart() {
    let memory = from_status(AlertState::Pending, 90);
    let said = story(memory, 30, true, &[(100, &["a"]), (120, &["a"])]);
    assert_eq!(said, ["120 afiring since 120"]);
}

#[test]
fn what_ended_while_the_monitor_was_down_is_told_once_it_is_sure() {
    let memory = from_status(AlertState::Firing, 3);
    let nothing: &[(i64, &[&str])] = &[(100, &[]), (115, &[])];
    assert!(story(memory.clone(), 30, false, nothing).is_empty());
    assert_eq!(story(memory, 30, true, nothing), ["100 resolved since 3"]);
}

#[test]
fn a_pending_rule_that_ended_meanwhile_is_forgotten_silently() {
    let memory = from_status(AlertState::Pending, 90);
    assert!(story(memory, 30, true, &[(200, &[]), (215, &["a"])]).is_empty());
}

#[test]
fn absence_proves_nothing_before_the_samples_reach_back() {
    let memory = from_status(AlertState::Firing, 3);
    let moments: &[(i64, &[&str])] = &[(100, &["a"]), (115, &[]), (130, &["a"])];
    assert!(story(memory, 30, false, moments).is_empty());
}

#[test]
fn a_rule_that_is_switched_off_ends_what_it_told() {
    let (memory, _) = step(
        &Memory::default(),
        &[sample("a")],
        0,
        Moment { now: 5, warm: true },
        &|_| false,
    );
    let ended = end(&memory);
    assert_eq!(ended.len(), 1);
    assert!(ended[0].resolved);
    assert_eq!(end(&from_status(AlertState::Firing, 3)).len(), 1);
    assert!(end(&from_status(AlertState::Pending, 3)).is_empty());
}

#[test]
fn the_summary_is_the_worst_of_its_series() {
    let samples = [sample("a")];
    let (memory, _) = step(
        &Memory::default(),
        &samples,
        10,
        Moment { now: 0, warm: true },
        &|_| false,
    );
    assert_eq!(summary(&memory), Some((AlertState::Pending, 0, 1)));
    let samples = [sample("a"), sample("b")];
    let (memory, _) = step(
        &memory,
        &samples,
        10,
        Moment {
            now: 10,
            warm: true,
        },
        &|_| false,
    );
    assert_eq!(summary(&memory), Some((AlertState::Firing, 10, 1)));
    assert_eq!(count(&memory), (1, 1));
    assert_eq!(summary(&Memory::default()), None);
}

/// Steps through `(now, there, silenced)` and says what handlers are told, and what is not told.
fn silent_story(memory: Memory, moments: &[(i64, bool, bool)]) -> Vec<String> {
    let (mut memory, mut said) = (memory, Vec::new());
    for (now, there, silenced) in moments {
        let samples: Vec<Sample> = there.then(|| sample("a")).into_iter().collect();
        let moment = Moment {
            now: *now,
            warm: true,
        };
        let (next, changes) = step(&memory, &samples, 0, moment, &|_| *silenced);
        memory = next;
        for change in changes {
            let word = if change.resolved {
                "resolved"
            } else {
                "firing"
            };
            let told = if change.notify { "told" } else { "silent" };
            let fresh = if change.fresh { "" } else { " again" };
            said.push(format!("{now} {word} {told}{fresh}"));
        }
    }
    said
}

#[test]
fn a_silenced_alert_changes_and_is_told_to_nobody() {
    let moments = [(0, true, true), (15, true, true), (30, false, true)];
    let said = silent_story(Memory::default(), &moments);
    assert_eq!(said, ["0 firing silent", "30 resolved silent"]);
}

#[test]
fn an_alert_that_outlives_its_silence_is_told_then_and_when_it_is_over() {
    let moments = [
        (0, true, true),
        (15, true, false),
        (30, true, false),
        (45, false, false),
    ];
    let said = silent_story(Memory::default(), &moments);
    assert_eq!(
        said,
        [
            "0 firing silent",
            "15 firing told again",
            "45 resolved told"
        ]
    );
}

#[test]
fn who_was_told_that_it_fires_is_told_that_it_is_over_silence_or_not() {
    let moments = [(0, true, false), (15, true, true), (30, false, true)];
    let said = silent_story(Memory::default(), &moments);
    assert_eq!(said, ["0 firing told", "30 resolved told"]);
}

#[test]
fn a_restart_within_a_silence_forgets_neither_what_was_told_nor_what_was_not() {
    let restored = |notified| {
        restore(&RuleState {
            name: "R".into(),
            state: AlertState::Firing,
            since: Some(Time(jiff::Timestamp::from_second(3).unwrap())),
            series: 1,
            notified,
            error: None,
        })
    };
    let moments = [(10, true, true), (25, true, false), (40, false, false)];
    let untold = silent_story(restored(false), &moments);
    assert_eq!(untold, ["25 firing told again", "40 resolved told"]);
    let told = silent_story(restored(true), &moments);
    assert_eq!(told, ["40 resolved told"]);
    let gone = silent_story(restored(false), &[(10, false, false)]);
    assert_eq!(gone, ["10 resolved silent"]);
}
