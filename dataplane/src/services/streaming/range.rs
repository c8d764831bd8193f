//! Byte ranges. Pure. Source: RFC 9110, section 14.

use std::ops::Range;

/// Most ranges of one request that are served; a longer list is ignored, as it may be.
const MOST: usize = 16;

/// What a request asks of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: no range, or a list that is not understood or costs more than the whole.
    Whole,
    /// These bytes; not empty.
    Part(Range<u64>),
    /// Several parts, in the order of the request; none is empty, and no byte is in two.
    Parts(Vec<Range<u64>>),
    /// Bytes the object does not have.
    Nothing,
}

/// Reads the `Range` header for an object of `length` bytes.
pub fn wanted(header: Option<&str>, length: u64) -> Wanted {
    let Some(specs) = header.and_then(specs) else {
        return Wanted::Whole;
    };
    let mut parts: Vec<_> = specs
        .iter()
        .filter_map(|spec| spec.within(length))
        .collect();
    match parts.len() {
        0 => Wanted::Nothing,
        1 => Wanted::Part(parts.remove(0)),
        _ if overlap(&parts) => Wanted::Whole,
        _ => Wanted::Parts(parts),
    }
}

/// Parts that overlap would be sent twice: an attack, or a client that is better served the whole.
fn overlap(parts: &[Range<u64>]) -> bool {
    let mut sorted: Vec<_> = parts.iter().collect();
    sorted.sort_unstable_by_key(|part| part.start);
    sorted.windows(2).any(|two| two[1].start < two[0].end)
}

enum Spec {
    From(u64),
    Between(u64, u64),
    Last(u64),
}

/// Ranges in bytes; `None` when one is malformed or there are too many.
fn specs(header: &str) -> Option<Vec<Spec>> {
    let (unit, ranges) = header.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    // Empty elements of a list are ignored.
    let ranges = ranges.split(',').map(str::trim).filter(|r| !r.is_empty());
    let specs: Vec<_> = ranges.take(MOST + 1).map(spec).collect::<Option<_>>()?;
    (1..=MOST).contains(&specs.len()).then_some(specs)
}

fn spec(range: &str) -> Option<Spec> {
    match range.split_once('-')? {
        ("", last) => number(last).map(Spec::Last),
        (first, "") => number(first).map(Spec::From),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::Between(first, last))
        }
    }
}

/// Digits alone; a number beyond every object counts as the largest.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

impl Spec {
    fn within(&self, length: u64) -> Option<Range<u64>> {
        let range = match *self {
            Spec::From(first) => first..length,
            Spec::Between(first, last) => first..last.saturating_add(1).min(length),
            Spec::Last(count) => length.saturating_sub(count)..length,
        };
        (range.start < range.end).then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_object() {
        let cases = [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=0-99", Wanted::Part(0..10)),
            ("Bytes=4-", Wanted::Part(4..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-30", Wanted::Part(0..10)),
            ("bytes=9-99999999999999999999999", Wanted::Part(9..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-12", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=3-2", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Parts(vec![0..2, 3..5])),
            ("bytes=-2, ,0-1", Wanted::Parts(vec![8..10, 0..2])),
            ("bytes=0-1,20-30", Wanted::Part(0..2)),
            ("bytes=10-11,20-30", Wanted::Nothing),
            ("bytes=0-5,5-6", Wanted::Whole),
            ("bytes=0-1,x", Wanted::Whole),
            ("bytes=,", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("frames=0-1", Wanted::Whole),
            ("bytes", Wanted::Whole),
        ];
        for (header, expected) in cases {
            assert_eq!(wanted(Some(header), 10), expected, "{header}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
        let many = |n: u64| (0..n).map(|n| format!("{n}-{n}")).collect::<Vec<_>>();
        let most = format!("bytes={}", many(MOST as u64).join(","));
        assert!(matches!(wanted(Some(&most), 99), Wanted::Parts(parts) if parts.len() == MOST));
        let more = format!("bytes={}", many(MOST as u64 + 1).join(","));
        assert_eq!(wanted(Some(&more), 99), Wanted::Whole);
    }
    proptest::proptest! {
        /// Whatever is asked for: what is served is what a list of the object's bytes says.
        #[test]
        fn ranges_agree_with_a_model(
            asked in proptest::collection::vec((0_u64..40, 0_u64..40, 0..3_u8), 1..6),
            length in 0_u64..32,
        ) {
            let text = asked.iter().map(|(a, b, kind)| match kind {
                0 => format!("{a}-{b}"),
                1 => format!("{a}-"),
                _ => format!("-{b}"),
            });
            let header = format!("bytes={}", text.collect::<Vec<_>>().join(","));
            let model = asked.iter().map(|&(a, b, kind)| {
                let chosen = |n: &u64| match kind {
                    0 => (a..=b).contains(n),
                    1 => *n >= a,
                    _ => *n + b >= length,
                };
                (0..length).filter(chosen).collect::<Vec<_>>()
            });
            let model: Vec<_> = model.filter(|part| !part.is_empty()).collect();
            let backwards = asked.iter().any(|(a, b, kind)| *kind == 0 && a > b);
            let served: Vec<Vec<u64>> = match wanted(Some(&header), length) {
                Wanted::Whole => {
                    let mut all = model.concat();
                    all.sort_unstable();
                    let twice = all.windows(2).any(|two| two[0] == two[1]);
                    proptest::prop_assert!(backwards || twice, "{header} of {length}");
                    return Ok(());
                }
                Wanted::Nothing => Vec::new(),
                Wanted::Part(part) => vec![part.collect()],
                Wanted::Parts(parts) => parts.into_iter().map(Iterator::collect).collect(),
            };
            proptest::prop_assert_eq!(served, model, "{} of {}", header, length);
        }
    }
}
