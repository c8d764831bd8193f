//! What every catalog must do with schedules, their ticks, and outputs that play no more.

use super::super::schedules::{Run, RunState, Schedule};
use super::super::{Catalog, CatalogError};
use super::{content, output};

/// A schedule that ticks next at 100.
pub fn schedule(id: &str) -> Schedule {
    Schedule {
        id: id.parse().unwrap(),
        owner: "0xa".into(),
        admin: false,
        title: "A title with 'quotes' and ü".into(),
        cron: "0 * * * *".into(),
        time_zone: "Europe/Berlin".into(),
        action: "{}".into(),
        deadline: 60,
        once: false,
        enabled: true,
        request: Some("asked".into()),
        version: 1,
        created_at: 10,
        updated_at: 11,
        next_at: Some(100),
    }
}

/// A tick of a schedule that is to be done.
pub fn run(name: &str, schedule: &str, tick: i64) -> Run {
    Run {
        name: name.into(),
        schedule: schedule.parse().unwrap(),
        tick,
        missed: 2,
        state: RunState::Pending,
        outcome: String::new(),
        at: tick,
    }
}

pub async fn run_all(catalog: &dyn Catalog) {
    schedules_are_kept_changed_and_removed(catalog).await;
    lists_go_from_the_newest_on(catalog).await;
    a_tick_is_taken_once_and_done_by_one(catalog).await;
    what_is_done_once_ends_with_its_tick(catalog).await;
    outputs_retire_before_they_go(catalog).await;
}

async fn schedules_are_kept_changed_and_removed(catalog: &dyn Catalog) {
    let one = schedule("kept");
    assert!(catalog.add_schedule(&one).await.unwrap());
    let other = Schedule {
        owner: "0xb".into(),
        ..one.clone()
    };
    assert!(!catalog.add_schedule(&other).await.unwrap(), "taken");
    assert_eq!(catalog.schedule(&one.id).await.unwrap(), one);
    let change = Schedule {
        title: "Another".into(),
        enabled: false,
        next_at: None,
        updated_at: 20,
        ..one.clone()
    };
    assert!(catalog.change_schedule(&change).await.unwrap());
    assert!(!catalog.change_schedule(&change).await.unwrap(), "stale");
    let changed = Schedule {
        version: 2,
        ..change
    };
    assert_eq!(catalog.schedule(&one.id).await.unwrap(), changed);
    assert!(!catalog.remove_schedule(&one.id, 1).await.unwrap());
    assert!(catalog.remove_schedule(&one.id, 2).await.unwrap());
    let gone = catalog.schedule(&one.id).await;
    assert!(matches!(gone, Err(CatalogError::NotFound { .. })));
}

async fn lists_go_from_the_newest_on(catalog: &dyn Catalog) {
    for (id, owner) in [("l1", "0xa"), ("l2", "0xb"), ("l3", "0xa")] {
        let new = Schedule {
            owner: owner.into(),
            next_at: None,
            ..schedule(id)
        };
        assert!(catalog.add_schedule(&new).await.unwrap());
    }
    let ids = |found: &[(i64, Schedule)]| {
        let ids = found.iter().map(|(_, schedule)| schedule.id.to_string());
        ids.collect::<Vec<_>>()
    };
    let first = catalog.schedules(None, None, 2).await.unwrap();
    assert_eq!(ids(&first), ["l3", "l2"]);
    let rest = catalog.schedules(None, Some(first[1].0), 2).await.unwrap();
    assert_eq!(ids(&rest), ["l1"]);
    let own = catalog.schedules(Some("0xa"), None, 9).await.unwrap();
    assert_eq!(ids(&own), ["l3", "l1"]);
    assert_eq!(catalog.count_schedules("0xa").await.unwrap(), 2);
    assert_eq!(catalog.count_schedules("0xc").await.unwrap(), 0);
}

async fn a_tick_is_taken_once_and_done_by_one(catalog: &dyn Catalog) {
    let seen = schedule("ticks");
    catalog.add_schedule(&seen).await.unwrap();
    assert!(catalog.due_schedules(99, 9).await.unwrap().is_empty());
    let due = catalog.due_schedules(100, 9).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&seen));
    let tick = run("t1", "ticks", 100);
    // Replicas that see it at the same time.
    let all = [0; 4].map(|_| catalog.take_tick(&seen, &tick, Some(200)));
    let taken = futures::future::join_all(all).await;
    let taken = taken.into_iter().filter(|taken| *taken.as_ref().unwrap());
    assert_eq!(taken.count(), 1);
    assert!(catalog.due_schedules(199, 9).await.unwrap().is_empty());
    assert_eq!(catalog.pending_runs().await.unwrap(), 1);
    let holders = ["h0", "h1", "h2", "h3"];
    let all = holders.map(|holder| catalog.hold_runs(holder, 100, 160, 9));
    let held = futures::future::join_all(all).await;
    let held: Vec<_> = held.into_iter().map(Result::unwrap).collect();
    let holder = held.iter().position(|held| !held.is_empty()).unwrap();
    assert_eq!(held.concat(), std::slice::from_ref(&tick), "one of them");
    // The holder is gone; another takes it when its time is over.
    let late = catalog.hold_runs("late", 159, 200, 9).await.unwrap();
    assert!(late.is_empty());
    let late = catalog.hold_runs("late", 160, 200, 9).await.unwrap();
    assert_eq!(late, std::slice::from_ref(&tick));
    let ended = Run {
        state: RunState::Done,
        outcome: "made it".into(),
        at: 170,
        ..tick
    };
    let gone = catalog.end_run(holders[holder], &ended).await.unwrap();
    assert!(!gone, "it is held by another");
    assert!(catalog.end_run("late", &ended).await.unwrap());
    assert!(!catalog.end_run("late", &ended).await.unwrap(), "over");
    let runs = catalog.runs(&seen.id, 9).await.unwrap();
    assert_eq!(runs, std::slice::from_ref(&ended));
    // The same tick again, after somebody changed the schedule back and forth: it stays as it is.
    let back = Schedule {
        next_at: Some(100),
        ..catalog.schedule(&seen.id).await.unwrap()
    };
    assert!(catalog.change_schedule(&back).await.unwrap());
    let seen = catalog.schedule(&seen.id).await.unwrap();
    let again = run("t1", "ticks", 100);
    assert!(catalog.take_tick(&seen, &again, Some(200)).await.unwrap());
    assert_eq!(catalog.runs(&seen.id, 9).await.unwrap(), [ended]);
    assert!(
        catalog
            .hold_runs("h", 900, 999, 9)
            .await
            .unwrap()
            .is_empty()
    );
    catalog.forget_runs(170).await.unwrap();
    assert_eq!(catalog.runs(&seen.id, 9).await.unwrap().len(), 1);
    catalog.forget_runs(171).await.unwrap();
    assert!(catalog.runs(&seen.id, 9).await.unwrap().is_empty());
}

async fn what_is_done_once_ends_with_its_tick(catalog: &dyn Catalog) {
    let seen = Schedule {
        once: true,
        ..schedule("once")
    };
    catalog.add_schedule(&seen).await.unwrap();
    let tick = run("t2", "once", 100);
    assert!(catalog.take_tick(&seen, &tick, None).await.unwrap());
    let after = catalog.schedule(&seen.id).await.unwrap();
    assert_eq!((after.enabled, after.next_at), (false, None));
    assert!(!catalog.take_tick(&seen, &tick, None).await.unwrap());
    // Its ticks go with it.
    assert!(catalog.remove_schedule(&seen.id, 1).await.unwrap());
    assert!(catalog.runs(&seen.id, 9).await.unwrap().is_empty());
}

async fn outputs_retire_before_they_go(catalog: &dyn Catalog) {
    catalog.create_content(&content("spares")).await.unwrap();
    for id in ["sp-1", "sp-2"] {
        let made = output(id, "spares", &format!("{id}/0"));
        catalog.plan_output(&made).await.unwrap();
        for track in ["v720", "a-en-aac"] {
            for number in [None, Some(0), Some(1)] {
                let segment = super::segment(track, number, "00");
                catalog.commit(&made.id, &segment).await.unwrap();
            }
        }
    }
    let (old, new) = ("sp-1".parse().unwrap(), "sp-2".parse().unwrap());
    let spares = async || {
        let all = catalog.spare_outputs().await.unwrap();
        let own = all
            .into_iter()
            .filter(|s| s.output.as_str().starts_with("sp-"));
        let told = own.map(|s| (s.output.to_string(), s.job, s.retired_at));
        told.collect::<Vec<_>>()
    };
    let told = |id: &str, at| (id.to_owned(), format!("{id}/0"), at);
    catalog.publish(&old).await.unwrap();
    assert_eq!(spares().await, [told("sp-2", None)]);
    catalog.publish(&new).await.unwrap();
    assert_eq!(spares().await, [told("sp-1", None)]);
    assert!(!catalog.remove_output(&old).await.unwrap(), "not retired");
    for now in [50, 60] {
        catalog.retire(&old, now).await.unwrap();
    }
    assert_eq!(spares().await, [told("sp-1", Some(50))]);
    // It plays again: the note is forgotten.
    catalog.publish(&old).await.unwrap();
    assert!(!catalog.remove_output(&old).await.unwrap(), "current");
    catalog.publish(&new).await.unwrap();
    assert_eq!(spares().await, [told("sp-1", Some(50))]);
    catalog.publish(&old).await.unwrap();
    assert_eq!(spares().await, [told("sp-2", None)]);
    catalog.publish(&new).await.unwrap();
    assert_eq!(spares().await, [told("sp-1", None)]);
    catalog.retire(&old, 70).await.unwrap();
    assert!(catalog.remove_output(&old).await.unwrap());
    assert!(!catalog.remove_output(&old).await.unwrap(), "gone");
    let gone = catalog.output(&old).await;
    assert!(matches!(gone, Err(CatalogError::NotFound { .. })));
    assert!(catalog.output(&new).await.is_ok());
    let pair = ("spares".parse().unwrap(), old.clone());
    assert_eq!(catalog.removed_outputs().await.unwrap(), [pair]);
    catalog.forget_output(&old).await.unwrap();
    assert!(catalog.removed_outputs().await.unwrap().is_empty());
}
