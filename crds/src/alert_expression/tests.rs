//! Tests of the expression compiler: sentences and tables.

use proptest::prelude::*;

use super::{Aggregation, Expression, Operator, compile};

fn refused(expr: &str) -> String {
    compile(expr).expect_err(expr).to_string()
}

#[test]
fn every_supported_form_compiles() {
    for expr in [
        "up",
        "1",
        "-1.5e3",
        "Inf",
        "up == 0",
        "{__name__=~\"a.*\", b!~\"c\", d!=\"\"}",
        "up{job=\"a\",}",
        "rate(http_requests_total{code=~\"5..\"}[5m]) > 0.1",
        "rate((x[5m]))",
        "sum by (job, pod) (rate(x[1m])) / sum(rate(y[1m])) by (job,pod) >= 0.5",
        "SUM(x)",
        "max(x) - avg by () (y) * (2 + -z)",
        "sum(x)\n  # a comment with irate(x[5m]) \n > 3",
        "a{b='it\\'s (offset'} != `raw\\`",
        "rate(x[1h30m]) < 1",
        "offset > 1",
        "irate > 1",
        "foo:bar:rate5m > 0",
    ] {
        let compiled = compile(expr);
        // A text on its own is refused even where it looks innocent.
        if expr.contains('`') {
            assert!(compiled.is_err(), "{expr}");
        } else {
            assert!(compiled.is_ok(), "{expr}: {compiled:?}");
        }
    }
}

#[test]
fn everything_else_is_refused_by_name_and_column() {
    for (expr, said) in [
        (
            "irate(x[5m])",
            "function irate at column 1 is not supported; use rate",
        ),
        (
            "rate(x[5m]) + irate(x[5m]) + irate(y[5m])",
            "function irate at column 15 ",
        ),
        (
            "irate + rate(irate[5m]) + irate(x[5m])",
            "function irate at column 27 ",
        ),
        (
            "x{y=\"irate(x[5m])\"} + increase(x[5m])",
            "function increase at column 23 ",
        ),
        ("x{y=\"äöü\"} > absent(x)", "function absent at column 14 "),
        ("sum(count(x))", "aggregation count at column 5 "),
        ("count + count by (a) (x)", "aggregation count at column 9 "),
        ("topk(3, x)", "aggregation topk at column 1 "),
        ("sum without (a) (x)", "grouping without at column 5 "),
        ("sum(x) without (a)", "grouping without at column 8 "),
        ("x offset 5m", "modifier offset at column 3 "),
        ("rate(x[5m] offset 1m)", "modifier offset at column 12 "),
        ("x @ 100", "modifier @ at column 3 "),
        ("rate(x[5m:1m])", "a subquery at column 7 "),
        ("sum(x)[5m:]", "a subquery at column 7 "),
        ("x > bool 1", "modifier bool at column 5 "),
        ("x + on(a) y", "modifier on at column 5 "),
        (
            "x / ignoring(a) group_left y",
            "modifier ignoring at column 5 ",
        ),
        ("x and y", "operator and at column 3 "),
        ("x OR y", "operator or at column 3 "),
        ("x unless y", "operator unless at column 3 "),
        ("x % 2", "operator % at column 3 "),
        ("2 ^ x", "operator ^ at column 3 "),
        ("x{a=\"b\" or c=\"d\"}", "or between matchers at column 9 "),
        ("\"text\"", "a text at column 1 "),
        ("\n  x\n  and y", "operator and at column 9 "),
    ] {
        let message = refused(expr);
        assert!(message.starts_with(said), "{expr}: {message}");
    }
}

#[test]
fn syntax_errors_say_where() {
    for (expr, said) in [
        ("", "a value is missing at column 1"),
        ("x >", "a value is missing at column 4"),
        ("(x", "a parenthesis that is not closed opens at column 1"),
        (
            "sum(rate(x[5m])",
            "a parenthesis that is not closed opens at column 4",
        ),
        ("x)", "unexpected \")\" at column 2"),
        ("x y", "unexpected \"y\" at column 3"),
        ("x == = 3", "unexpected \"=\" at column 6"),
        ("x $ 3", "unexpected character \"$\" at column 3"),
        ("x{a=\"b}", "a text that does not end begins at column 5"),
        ("x{a=\"b\"", "a brace that is not closed opens at column 2"),
        (
            "rate(x[5m)",
            "a bracket that is not closed opens at column 7",
        ),
    ] {
        let message = refused(expr);
        assert!(message.starts_with(said), "{expr}: {message}");
    }
}

#[test]
fn what_only_the_parser_sees_is_refused_too() {
    for expr in [
        "rate(x)",
        "x[5m]",
        "rate(x[2d])",
        "sum(1)",
        "1 > 2",
        "{}",
        "x{a=~\"(\"}",
        "sum(x, y)",
        "x[5q]",
        "rate(x[0s])",
    ] {
        assert!(compile(expr).is_err(), "{expr}");
    }
}

#[test]
fn bounds_hold() {
    let long = format!("x{}", " ".repeat(5_000));
    assert!(refused(&long).contains("characters"));
    let deep = format!("{}x{}", "(".repeat(70), ")".repeat(70));
    assert!(refused(&deep).contains("deeper"));
    assert!(refused(&format!("{}x", "-".repeat(4_000))).contains("deeper"));
    assert!(refused(&format!("x{}", "+x".repeat(2_000))).contains("deeper"));
}

#[test]
fn precedence_and_grouping_are_promqls() {
    let compiled = compile("a + b * 2 > 1").unwrap();
    let Expression::Binary { operator, left, .. } = compiled else {
        panic!("no comparison on top")
    };
    assert_eq!(operator, Operator::Greater);
    assert!(matches!(
        *left,
        Expression::Binary {
            operator: Operator::Add,
            ..
        }
    ));
    let compiled = compile("max(x) by (a, b)").unwrap();
    let Expression::Aggregate { with, by, .. } = compiled else {
        panic!("no aggregation")
    };
    assert_eq!(
        (with, by),
        (Aggregation::Max, vec!["a".to_owned(), "b".to_owned()])
    );
}

#[test]
fn the_longest_range_is_found() {
    let compiled = compile("sum(rate(x[5m])) > -max(rate(y[1h]))").unwrap();
    assert_eq!(compiled.longest_range().as_secs(), 3_600);
}

proptest! {
    #[test]
    fn no_text_makes_the_compiler_panic(expr in ".{0,60}") {
        let _ = compile(&expr);
    }

    #[test]
    fn no_row_of_tokens_makes_the_compiler_panic(parts in prop::collection::vec(prop::sample::select(vec![
        "x", "sum", "rate", "by", "(", ")", "{", "}", "[5m]", "[", "]", "a=\"b\"", ",", "+", "-", ">", "==", "bool", "1", "5m", "offset", "@", "or", " ", "\"",
    ]), 0..24)) {
        let expr = parts.join(" ");
        if let Err(refusal) = compile(&expr) {
            let end = expr.chars().count() + 1;
            prop_assert!(refusal.column().is_none_or(|c| c >= 1 && c <= end), "{expr}: {refusal}");
        }
    }
}
