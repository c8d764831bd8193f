//! Parameters and values of Prometheus' API: what clients send in the query of a URL or as a form,
//! numbers and times as they are written there.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::Refused;
use crate::error::{Kind, Problem};
use crate::ports::scrape::Labels;

/// No time is further from 1970, in milliseconds: beyond it, sums of times would overflow.
const FURTHEST: f64 = 253_402_300_799_000.0;
/// Longest step, in milliseconds.
const LONGEST: f64 = 366.0 * 86_400_000.0;

/// Parameters, those of the body first; a name may stand several times.
pub struct Form(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_form = kind.starts_with("application/x-www-form-urlencoded");
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|rejection| too_much(rejection.status()))?;
        let own = if is_form { body } else { Bytes::new() };
        let pairs = form_urlencoded::parse(&own).chain(form_urlencoded::parse(query.as_bytes()));
        let owned = pairs.map(|(name, value)| (name.into_owned(), value.into_owned()));
        Ok(Self(owned.collect()))
    }
}

fn too_much(status: StatusCode) -> Response {
    let detail = "the body has more bytes than this route takes; send less";
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Kind::TooLarge, "BodyTooLarge", detail),
        _ => Problem::new(Kind::Invalid, "MalformedBody", "the body is cut"),
    }
    .into_response()
}

impl Form {
    /// Every value of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(n, _)| n == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The first value of a name.
    pub fn one<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// A value that must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn required<'a>(&'a self, name: &'a str) -> Result<&'a str, Refused> {
        let value = self.one(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| Refused::parameter(name, "it is missing"))
    }

    /// A time in milliseconds: seconds since 1970 with a fraction, or RFC 3339.
    ///
    /// # Errors
    /// When it is no time.
    pub fn time(&self, name: &str) -> Result<Option<i64>, Refused> {
        let read = |text: &str| {
            let why = format!("cannot parse {:?} to a valid timestamp", short(text));
            milliseconds(text).ok_or_else(|| Refused::parameter(name, why))
        };
        let text = self.all(name).find(|text| !text.is_empty());
        text.map(read).transpose()
    }

    /// `step` in milliseconds: seconds with a fraction, or a duration such as `15s`.
    ///
    /// # Errors
    /// When it is missing, no duration, or not positive.
    pub fn step(&self) -> Result<i64, Refused> {
        let text = self.required("step")?;
        let why = format!("cannot parse {:?} to a valid duration", short(text));
        let step = duration(text).ok_or_else(|| Refused::parameter("step", why))?;
        let why = "zero or negative query resolution step widths are not accepted";
        (step > 0)
            .then_some(step)
            .ok_or_else(|| Refused::parameter("step", why))
    }

    /// Yes or no; no when it is not said.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, name: &str) -> Result<bool, Refused> {
        let mut texts = self.all(name);
        match texts.find(|text| !matches!(*text, "" | "true" | "false")) {
            Some(_) => Err(Refused::parameter(name, "it must be true or false")),
            None => Ok(self.all(name).find(|text| !text.is_empty()) == Some("true")),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// When it is none.
    pub fn number(&self, name: &str) -> Result<Option<usize>, Refused> {
        let text = self.all(name).find(|text| !text.is_empty());
        let read = |text: &str| {
            let number: Option<i64> = text.parse().ok();
            let number = number.and_then(|number| usize::try_from(number).ok());
            let why = "it must be a whole number below 2^63, not negative";
            number.ok_or_else(|| Refused::parameter(name, why))
        };
        text.map(read).transpose()
    }
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

fn milliseconds(text: &str) -> Option<i64> {
    let seconds = text.parse::<f64>().ok().map(|seconds| seconds * 1_000.0);
    let at = match seconds {
        Some(at) => at.round(),
        None => text.parse::<Timestamp>().ok()?.as_millisecond() as f64,
    };
    (at.abs() <= FURTHEST).then_some(at as i64)
}

fn duration(text: &str) -> Option<i64> {
    let length = match text.parse::<f64>() {
        Ok(seconds) => seconds * 1_000.0,
        Err(_) => parts(text)?,
    };
    (length.abs() <= LONGEST).then_some(length.round() as i64)
}

/// Milliseconds of `1h30m`.
fn parts(text: &str) -> Option<f64> {
    let (mut rest, mut sum) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let letters = behind.find(|c: char| c.is_ascii_digit());
        let (unit, behind) = behind.split_at_checked(letters.unwrap_or(behind.len()))?;
        let length = match unit {
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            "w" => 7.0 * 86_400_000.0,
            "y" => 365.0 * 86_400_000.0,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * length;
        rest = behind;
    }
    (!text.is_empty()).then_some(sum)
}

/// The labels of a series as an object.
pub fn metric(labels: &Labels) -> Value {
    let labels = labels.iter();
    Value::Object(labels.map(|(n, v)| (n.to_owned(), v.into())).collect())
}

/// A time and a value: `[1435781451.781, "1"]`.
pub fn point(at: i64, value: f64) -> Value {
    let time = match at % 1_000 {
        0 => json!(at / 1_000),
        _ => json!(at as f64 / 1_000.0),
    };
    json!([time, number(value)])
}

/// A number as Prometheus writes it.
pub fn number(value: f64) -> String {
    match value {
        v if v.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        v => v.to_string(),
    }
}

/// A number with an exponent, as Prometheus writes values of alerts: `1e+00`.
pub fn scientific(value: f64) -> String {
    if !value.is_finite() {
        return number(value);
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// Milliseconds since 1970 as RFC 3339 with milliseconds.
pub fn moment(at: i64) -> String {
    let time = Timestamp::from_millisecond(at).unwrap_or_default();
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_are_read_as_prometheus_reads_them() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1435781451.781", Some(1_435_781_451_781)),
            ("2015-07-01T20:10:51.781Z", Some(1_435_781_451_781)),
            ("2015-07-01T22:10:51+02:00", Some(1_435_781_451_000)),
            ("-1.5", Some(-1_500)),
            ("1e300", None),
            ("NaN", None),
            ("now", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
        for (text, expected) in [
            ("15", Some(15_000)),
            ("0.5", Some(500)),
            ("15s", Some(15_000)),
            ("1h30m", Some(5_400_000)),
            ("1d", Some(86_400_000)),
            ("250ms", Some(250)),
            ("5x", None),
            ("s", None),
            ("", None),
            ("999y", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_written_as_prometheus_writes_them() {
        for (value, plain, exponent) in [
            (1.0, "1", "1e+00"),
            (0.25, "0.25", "2.5e-01"),
            (1e21, "1000000000000000000000", "1e+21"),
            (-12.0, "-12", "-1.2e+01"),
            (1e-7, "0.0000001", "1e-07"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
            (f64::NAN, "NaN", "NaN"),
        ] {
            assert_eq!(
                (number(value).as_str(), scientific(value).as_str()),
                (plain, exponent)
            );
        }
        assert_eq!(point(1_500, 1.0).to_string(), "[1.5,\"1\"]");
        assert_eq!(point(2_000, 1.0).to_string(), "[2,\"1\"]");
        assert_eq!(moment(1_500), "1970-01-01T00:00:01.500Z");
    }
}
