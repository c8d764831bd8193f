//! Reads the Prometheus text format 0.0.4. A line that is no sample is skipped and counted.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use crate::ports::scrape::{Exposition, Family, Labels, METRIC_NAME, Shown};

/// Characters of a kind that are kept.
const MAX_KIND: usize = 16;
/// Characters of a help text that are kept.
const MAX_HELP: usize = 512;

/// Reads a whole exposition.
pub fn parse(text: &str) -> Exposition {
    let mut exposition = Exposition::default();
    for line in text.lines() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            describe(comment, &mut exposition.families);
            continue;
        }
        if line.is_empty() {
            continue;
        }
        match sample(line) {
            Some(sample) => exposition.samples.push(sample),
            None => exposition.malformed += 1,
        }
    }
    exposition
}

/// Takes `HELP name text` and `TYPE name kind`; every other comment is one.
fn describe(comment: &str, families: &mut BTreeMap<String, Family>) {
    let mut words = comment.trim_start().splitn(3, [' ', '\t']);
    let (Some(what), Some(name), Some(text)) = (words.next(), words.next(), words.next()) else {
        return;
    };
    if !is_name(name, true) || !matches!(what, "HELP" | "TYPE") {
        return;
    }
    let family = families.entry(name.to_owned()).or_default();
    match what {
        "TYPE" => family.kind = text.trim().chars().take(MAX_KIND).collect(),
        _ => {
            let text = text.trim().chars().take(MAX_HELP).collect::<String>();
            family.help = text.replace("\\n", "\n").replace("\\\\", "\\");
        }
    }
}

fn sample(line: &str) -> Option<Shown> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at_checked(end)?;
    if !is_name(name, true) {
        return None;
    }
    let mut labels = Labels::default();
    labels.set(METRIC_NAME, name);
    let mut rest = rest.trim_start().chars().peekable();
    if rest.next_if_eq(&'{').is_some() {
        read_labels(&mut rest, &mut labels)?;
    }
    let rest: String = rest.collect();
    let mut words = rest.split_ascii_whitespace();
    let value = number(words.next()?)?;
    let timestamp = match words.next() {
        None => None,
        Some(word) => Some(word.parse().ok()?),
    };
    words.next().is_none().then_some(Shown {
        labels,
        value,
        timestamp,
    })
}

fn is_name(name: &str, metric: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (metric && c == ':');
    !name.is_empty() && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Labels up to and with the closing brace; a label that stands twice is malformed.
fn read_labels(rest: &mut Peekable<Chars<'_>>, labels: &mut Labels) -> Option<()> {
    let mut seen = Vec::new();
    loop {
        skip_space(rest);
        if rest.next_if_eq(&'}').is_some() {
            return Some(());
        }
        let mut name = String::new();
        while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(c);
        }
        skip_space(rest);
        rest.next_if_eq(&'=')?;
        skip_space(rest);
        let value = quoted(rest)?;
        if !is_name(&name, false) || name == METRIC_NAME || seen.contains(&name) {
            return None;
        }
        labels.set(&name, &value);
        seen.push(name);
        skip_space(rest);
        match rest.next()? {
            ',' => {}
            '}' => return Some(()),
            _ => return None,
        }
    }
}

fn skip_space(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| *c == ' ' || *c == '\t').is_some() {}
}

fn quoted(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    rest.next_if_eq(&'"')?;
    let mut value = String::new();
    loop {
        match rest.next()? {
            '"' => return Some(value),
            '\\' => match rest.next()? {
                'n' => value.push('\n'),
                c @ ('"' | '\\') => value.push(c),
                _ => return None,
            },
            c => value.push(c),
        }
    }
}

fn number(word: &str) -> Option<f64> {
    match word {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        // Rust would read words such as `infinity` too.
        _ if word.ends_with(|c: char| c.is_ascii_digit() || c == '.') => word.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(line: &str) -> Option<(String, f64, Option<i64>)> {
        let found = parse(line).samples.pop()?;
        let labels = found.labels.iter();
        let labels: Vec<_> = labels.map(|(n, v)| format!("{n}={v}")).collect();
        Some((labels.join(","), found.value, found.timestamp))
    }

    #[test]
    fn families_are_described_and_other_comments_are_not() {
        let text = "# HELP a Much\\nmore.\n# TYPE a counter\na 1\n#TYPE b gauge\n# EOF\n# HELP c\n# TYPE 1 x";
        let families = parse(text).families;
        let family = |kind: &str, help: &str| Family {
            kind: kind.into(),
            help: help.into(),
        };
        assert_eq!(families.len(), 2, "{families:?}");
        assert_eq!(families["a"], family("counter", "Much\nmore."));
        assert_eq!(families["b"], family("gauge", ""));
    }

    #[test]
    fn samples_are_read() {
        for (line, labels, value, timestamp) in [
            ("up 1", "__name__=up", 1.0, None),
            ("a:b{} -1.5e3", "__name__=a:b", -1_500.0, None),
            (
                "x{a=\"1\",b=\"2\",} 3 1700000000000",
                "__name__=x,a=1,b=2",
                3.0,
                Some(1_700_000_000_000),
            ),
            ("x { a = \"1\" } 3", "__name__=x,a=1", 3.0, None),
            (
                "x{a=\"q\\\"b\\\\n\\n}\"} +Inf",
                "__name__=x,a=q\"b\\n\n}",
                f64::INFINITY,
                None,
            ),
            (
                "x{a=\"\"} -Inf -5",
                "__name__=x",
                f64::NEG_INFINITY,
                Some(-5),
            ),
            ("x{a=\"ä, {\"} 0.", "__name__=x,a=ä, {", 0.0, None),
        ] {
            assert_eq!(
                shown(line),
                Some((labels.to_owned(), value, timestamp)),
                "{line}"
            );
        }
        assert!(shown("x NaN").unwrap().1.is_nan());
    }

    #[test]
    fn malformed_lines_are_skipped_and_counted() {
        let lines = "x\nx{ 1\nx{a=1} 2\nx{a=\"b\\q\"} 1\n1x 2\nx infinity\nx 1 2 3\nx 1 later\nx{a=\"1\",a=\"2\"} 1\nx{a=\"b\"c=\"d\"} 1\nx{__name__=\"y\"} 1\n{} 1\nx{a=\"b} 1";
        let text = format!("# HELP x y\n# TYPE x counter\n\n{lines}\ngood 1\n");
        let exposition = parse(&text);
        assert_eq!(exposition.malformed, 13);
        assert_eq!(exposition.samples.len(), 1);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[a-z{}=\",\\\\ 0-9.\n#+äN-]{0,80}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_the_prometheus_crate_writes_is_read_back(value in -1e12_f64..1e12, label in "\\PC{0,12}") {
            let gauge = prometheus::GaugeVec::new(prometheus::Opts::new("g", "h"), &["l"]).unwrap();
            gauge.with_label_values(&[label.as_str()]).set(value);
            let registry = prometheus::Registry::new();
            registry.register(Box::new(gauge)).unwrap();
            let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
            let exposition = parse(&text);
            prop_assert_eq!(exposition.malformed, 0);
            prop_assert_eq!(exposition.samples[0].value, value);
            prop_assert_eq!(exposition.samples[0].labels.get("l"), label);
        }
    }
}
