//! Time expressions. Pure. Source: TTML2, 12.3.1.

use roxmltree::Node;

use super::attribute;

/// Longest time that is believed, in milliseconds: four days.
const MAX: f64 = 4.0 * 24.0 * 3_600_000.0;

/// How a document counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Clock {
    /// Frames per second.
    frames: f64,
    /// Ticks per second.
    ticks: f64,
}

impl Clock {
    /// The clock of a document.
    pub(super) fn of(root: Node) -> Result<Self, String> {
        let number = |name: &str| {
            let value = attribute(root, name)?.trim().parse::<f64>();
            Some(value.ok().filter(|n| (1e-3..=1e9).contains(n)))
        };
        let sane = |found: Option<Option<f64>>, otherwise: f64, name: &str| match found {
            None => Ok(otherwise),
            Some(Some(number)) => Ok(number),
            Some(None) => Err(format!("its {name} is no rate")),
        };
        let frames = sane(number("frameRate"), 30.0, "frameRate")?;
        let multiplier = attribute(root, "frameRateMultiplier").map_or(Some(1.0), multiplier);
        let multiplier = multiplier.ok_or("its frameRateMultiplier is no ratio")?;
        Ok(Self {
            frames: frames * multiplier,
            ticks: sane(number("tickRate"), frames, "tickRate")?,
        })
    }

    /// A time of an element in milliseconds, if it says one.
    pub(super) fn of_attribute(self, node: Node, name: &str) -> Result<Option<i64>, String> {
        let Some(said) = attribute(node, name) else {
            return Ok(None);
        };
        let wrong = || format!("{name} is no time that is read here");
        self.time(said.trim()).map(Some).ok_or_else(wrong)
    }

    fn time(self, said: &str) -> Option<i64> {
        let milliseconds = match said.contains(':') {
            true => self.clock_time(said)?,
            false => self.offset(said)?,
        };
        let sane = (0.0..=MAX).contains(&milliseconds);
        sane.then(|| milliseconds.round() as i64)
    }

    /// `hh:mm:ss`, with a fraction or frames behind.
    fn clock_time(self, said: &str) -> Option<f64> {
        let parts: Vec<&str> = said.split(':').collect();
        let (hours, minutes, seconds, frames) = match parts[..] {
            [h, m, s] => (number(h)?, number(m)?, number(s)?, 0.0),
            [h, m, s, f] => (number(h)?, number(m)?, number(s)?, number(f)?),
            _ => return None,
        };
        let seconds = (hours * 60.0 + minutes) * 60.0 + seconds + frames / self.frames;
        Some(seconds * 1_000.0)
    }

    /// A number with a unit.
    fn offset(self, said: &str) -> Option<f64> {
        let unit = said.find(|c: char| c.is_ascii_alphabetic())?;
        let (value, unit) = said.split_at(unit);
        let seconds = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "f" => 1.0 / self.frames,
            "t" => 1.0 / self.ticks,
            _ => return None,
        };
        Some(number(value)? * seconds * 1_000.0)
    }
}

/// Digits, perhaps with a fraction; nothing else that a number may look like.
fn number(said: &str) -> Option<f64> {
    let plain = said.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (plain && !said.is_empty())
        .then(|| said.parse().ok())
        .flatten()
}

fn multiplier(said: &str) -> Option<f64> {
    let mut parts = said.split([' ', ':']).map(number);
    let (num, den) = (parts.next()??, parts.next()??);
    let ratio = num / den;
    (den > 0.0 && (1e-3..=1e3).contains(&ratio)).then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_time_is_read() {
        let clock = Clock {
            frames: 25.0,
            ticks: 10_000_000.0,
        };
        for (said, expected) in [
            ("01:02:03.5", Some(3_723_500)),
            ("00:00:01:05", Some(1_200)),
            ("1.5h", Some(5_400_000)),
            ("2m", Some(120_000)),
            ("1250ms", Some(1_250)),
            ("50f", Some(2_000)),
            ("15000000t", Some(1_500)),
            ("1", None),
            ("-1s", None),
            ("1e9s", None),
            ("NaNs", None),
            ("99999:00:00", None),
            ("1:2", None),
            ("", None),
        ] {
            assert_eq!(clock.time(said), expected, "{said}");
        }
        assert_eq!(multiplier("1000 1001"), Some(1_000.0 / 1_001.0));
        assert_eq!(multiplier("1 0"), None);
    }
}
