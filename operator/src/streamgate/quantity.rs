//! Kubernetes quantities as whole numbers of billionths, so that two can be compared.
//! Source: the serialization format in apimachinery's `pkg/api/resource`.

/// Billionths of a unit, or `None` for text that is no quantity or is beyond any real machine.
pub fn parse(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(digits.len());
    let (number, suffix) = digits.split_at(end);
    let value = scaled(number, suffix)?;
    Some(if negative { -value } else { value })
}

const BILLION: i128 = 1_000_000_000;

fn scaled(number: &str, suffix: &str) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let sane =
        !(whole.is_empty() && fraction.is_empty()) && whole.len() <= 18 && fraction.len() <= 9;
    if !sane || fraction.contains('.') {
        return None;
    }
    let whole: i128 = format!("0{whole}").parse().ok()?;
    let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
    let billionths = whole * BILLION + fraction;
    let (multiply, divide) = factor(suffix)?;
    Some(billionths.checked_mul(multiply)? / divide)
}

fn factor(suffix: &str) -> Option<(i128, i128)> {
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    if let Some(i) = binary.iter().position(|s| *s == suffix) {
        return Some((1024_i128.pow(u32::try_from(i + 1).ok()?), 1));
    }
    let decimal = ["", "k", "M", "G", "T", "P", "E"];
    if let Some(i) = decimal.iter().position(|s| *s == suffix) {
        return Some((1000_i128.pow(u32::try_from(i).ok()?), 1));
    }
    match suffix {
        "m" => Some((1, 1_000)),
        "u" => Some((1, 1_000_000)),
        "n" => Some((1, BILLION)),
        _ => exponent(suffix),
    }
}

fn exponent(suffix: &str) -> Option<(i128, i128)> {
    let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let ten = 10_i128.checked_pow(power.unsigned_abs())?;
    let small = power.unsigned_abs() <= 18;
    small.then_some(if power < 0 { (1, ten) } else { (ten, 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_amount_in_other_words_is_equal() {
        for (a, b) in [
            ("1", "1000m"),
            ("1Gi", "1024Mi"),
            ("0.5", "500m"),
            ("1e3", "1k"),
            (".5", "5e-1"),
        ] {
            assert!(parse(a).is_some(), "{a}");
            assert_eq!(parse(a), parse(b), "{a} {b}");
        }
        assert!(parse("1M") < parse("1Mi") && parse("-1") < parse("0"));
    }

    #[test]
    fn other_text_is_no_quantity() {
        for text in [
            "",
            "Gi",
            ".",
            "1.2.3",
            "1 Gi",
            "1gi",
            "1e",
            "one",
            "1e99",
            "9999999999999999999Ei",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
