//! Silences: which alerts nobody is told of, and until when. The matching is pure; what is known of
//! the catalog's silences is refreshed beside the evaluation, so that a catalog that is away delays
//! nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use promql_parser::label::Matcher;
use promql_parser::parser::token::{T_EQL, T_EQL_REGEX, T_NEQ, T_NEQ_REGEX};

use crate::ports::catalog::alarms::{LabelMatcher, Silence};
use crate::ports::clock::UnixSeconds;

/// Matchers of a silence at most.
const MAX_MATCHERS: usize = 16;
/// Characters of a label's name at most.
const MAX_NAME: usize = 128;
/// Characters of a value at most.
const MAX_VALUE: usize = 512;
/// Seconds a silence may be from its beginning to its end.
const LONGEST: i64 = 366 * 86_400;

/// Why a silence is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSilence {
    /// None or too many matchers.
    #[error("a silence has 1 to {MAX_MATCHERS} matchers")]
    Matchers,
    /// A name that no label has.
    #[error("{0:?} is no name of a label; write letters, digits and _")]
    Name(String),
    /// A value that is too long.
    #[error("the value of {0} has more than {MAX_VALUE} characters")]
    Value(String),
    /// An expression that is none.
    #[error("the value of {0} is no regular expression; correct it or set isRegex to false")]
    Expression(String),
    /// Every alert would be silenced.
    #[error("every matcher matches the empty text; name at least one value")]
    Everything,
    /// It ends before it begins, or has ended.
    #[error("endsAt must be after startsAt and after now")]
    Ended,
    /// It lasts too long.
    #[error("a silence lasts at most 366 days")]
    TooLong,
}

/// A silence whose matchers are compiled.
#[derive(Clone, Debug)]
pub struct Matched {
    /// The silence.
    pub silence: Silence,
    matchers: Vec<Matcher>,
}

impl Matched {
    /// Compiles the matchers of a silence.
    ///
    /// # Errors
    /// When one is not valid, or all of them match nothing at all.
    pub fn new(silence: Silence) -> Result<Self, InvalidSilence> {
        if !(1..=MAX_MATCHERS).contains(&silence.matchers.len()) {
            return Err(InvalidSilence::Matchers);
        }
        let matchers = silence.matchers.iter().map(compiled);
        let matchers = matchers.collect::<Result<Vec<_>, _>>()?;
        if matchers.iter().all(|matcher| matcher.is_match("")) {
            return Err(InvalidSilence::Everything);
        }
        Ok(Self { silence, matchers })
    }

    /// Whether it is about an alert with these labels.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = |name: &str| labels.get(name).map_or("", String::as_str);
        let mut matchers = self.matchers.iter();
        matchers.all(|matcher| matcher.is_match(value(&matcher.name)))
    }

    /// Whether it holds at this time.
    pub fn holds(&self, now: UnixSeconds) -> bool {
        (self.silence.starts_at..self.silence.ends_at).contains(&now)
    }
}

fn compiled(matcher: &LabelMatcher) -> Result<Matcher, InvalidSilence> {
    let name = matcher.name.clone();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(fits);
    if !named || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(InvalidSilence::Name(name.chars().take(MAX_NAME).collect()));
    }
    if matcher.value.chars().count() > MAX_VALUE {
        return Err(InvalidSilence::Value(name));
    }
    let operator = match (matcher.is_equal, matcher.is_regex) {
        (true, false) => T_EQL,
        (false, false) => T_NEQ,
        (true, true) => T_EQL_REGEX,
        (false, true) => T_NEQ_REGEX,
    };
    Matcher::new_matcher(operator, name.clone(), matcher.value.clone())
        .map_err(|_| InvalidSilence::Expression(name))
}

/// Checks a silence that somebody wants made at `now`.
///
/// # Errors
/// When it could not hold, or not as it is meant.
pub fn checked(silence: Silence, now: UnixSeconds) -> Result<Matched, InvalidSilence> {
    if silence.ends_at <= silence.starts_at.max(now) {
        return Err(InvalidSilence::Ended);
    }
    if silence.ends_at.saturating_sub(silence.starts_at) > LONGEST {
        return Err(InvalidSilence::TooLong);
    }
    Matched::new(silence)
}

/// Silences as the catalog told them last.
#[derive(Default)]
pub struct Known(RwLock<Option<Vec<Arc<Matched>>>>);

impl Known {
    /// Replaces all of them. One that this version cannot compile is left out: somebody is rather
    /// told too much than too little.
    pub fn set(&self, silences: Vec<Silence>) {
        let matched = silences.into_iter().filter_map(|s| Matched::new(s).ok());
        let matched = matched.map(Arc::new).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(matched);
    }

    /// All of them, the newest first; `None` before the catalog has told them.
    pub fn all(&self) -> Option<Vec<Arc<Matched>>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// Those that hold now.
    pub fn holding(&self, now: UnixSeconds) -> Vec<Arc<Matched>> {
        let all = self.all().unwrap_or_default().into_iter();
        all.filter(|silence| silence.holds(now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(name: &str, value: &str, is_regex: bool, is_equal: bool) -> LabelMatcher {
        LabelMatcher {
            name: name.into(),
            value: value.into(),
            is_regex,
            is_equal,
        }
    }

    fn silence(matchers: &[LabelMatcher]) -> Silence {
        Silence {
            id: "s".into(),
            matchers: matchers.to_vec(),
            starts_at: 100,
            ends_at: 200,
            author: "a".into(),
            comment: "c".into(),
            created_at: 100,
        }
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs.map(|(n, v)| ((*n).into(), (*v).into())).collect()
    }

    #[test]
    fn all_matchers_must_match_and_expressions_match_whole_values() {
        for (matchers, pairs, matches) in [
            (vec![matcher("a", "x", false, true)], vec![("a", "x")], true),
            (
                vec![matcher("a", "x", false, true)],
                vec![("b", "x")],
                false,
            ),
            (
                vec![matcher("a", "x", true, true)],
                vec![("a", "xy")],
                false,
            ),
            (
                vec![matcher("a", "x.*", true, true)],
                vec![("a", "xy")],
                true,
            ),
            (
                vec![
                    matcher("a", "x", false, true),
                    matcher("b", "y", false, false),
                ],
                vec![("a", "x"), ("b", "y")],
                false,
            ),
            (
                vec![
                    matcher("a", "x", false, true),
                    matcher("b", "y|z", true, false),
                ],
                vec![("a", "x"), ("b", "w")],
                true,
            ),
        ] {
            let matched = Matched::new(silence(&matchers)).unwrap();
            assert_eq!(matched.matches(&labels(&pairs)), matches, "{matchers:?}");
        }
    }

    #[test]
    fn a_silence_holds_from_its_start_until_before_its_end() {
        let matched = Matched::new(silence(&[matcher("a", "x", false, true)])).unwrap();
        for (now, holds) in [(99, false), (100, true), (199, true), (200, false)] {
            assert_eq!(matched.holds(now), holds, "{now}");
        }
    }

    #[test]
    fn what_could_not_hold_or_would_hold_for_all_is_refused() {
        let good = silence(&[matcher("a", "x", false, true)]);
        let refused = |change: &dyn Fn(&mut Silence)| {
            let mut silence = good.clone();
            change(&mut silence);
            checked(silence, 150).unwrap_err()
        };
        assert!(checked(good.clone(), 150).is_ok());
        assert_eq!(refused(&|s| s.ends_at = 150), InvalidSilence::Ended);
        assert_eq!(refused(&|s| s.starts_at = 200), InvalidSilence::Ended);
        assert_eq!(
            refused(&|s| s.ends_at = i64::MAX / 2),
            InvalidSilence::TooLong
        );
        assert_eq!(refused(&|s| s.matchers.clear()), InvalidSilence::Matchers);
        let one = |m: LabelMatcher| refused(&move |s| s.matchers = vec![m.clone()]);
        assert_eq!(
            one(matcher("1a", "x", false, true)),
            InvalidSilence::Name("1a".into())
        );
        assert_eq!(
            one(matcher("a", ".*", true, true)),
            InvalidSilence::Everything
        );
        assert_eq!(
            one(matcher("a", "x", false, false)),
            InvalidSilence::Everything
        );
        assert_eq!(
            one(matcher("a", "(", true, true)),
            InvalidSilence::Expression("a".into())
        );
        let long = matcher("a", &"x".repeat(513), false, true);
        assert_eq!(one(long), InvalidSilence::Value("a".into()));
    }
}
