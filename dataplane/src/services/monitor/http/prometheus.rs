//! The HTTP API of Prometheus (v1), as far as the monitor's samples and expressions go: Grafana and
//! other clients read the monitor as a Prometheus. Answers have Prometheus' envelope, and refusals are
//! problems that have it, too.
//! Source: Prometheus, "HTTP API".

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde_json::{Value, json};
use streamgate_crds::alert_expression::{Selector, Unsupported};

use super::admin;
use crate::error::{PROBLEM_JSON, Problem, Reason};
use crate::layers::authenticate::Caller;
use crate::ports::scrape::{Labels, METRIC_NAME};
use crate::services::monitor::Monitor;
use crate::services::monitor::queries::{Instantly, MAX_MOMENTS, QueryError, Range, selector};

mod form;
mod rules;

use form::{Form, metric, moment, point};
pub use rules::{alerts, rules};

type Service = State<Arc<Monitor>>;

/// A refusal in Prometheus' form.
pub struct Refused {
    status: StatusCode,
    kind: &'static str,
    error: String,
}

impl Refused {
    /// A parameter is wrong.
    pub fn parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "bad_data",
            error: format!("invalid parameter {name:?}: {why}"),
        }
    }

    /// A query has no answer; `name` is the parameter it came in, and `text` what it said.
    fn query(name: &str, text: &str, error: QueryError) -> Self {
        let (status, kind) = match &error {
            QueryError::Unsupported(error) => return Self::parameter(name, placed(text, error)),
            QueryError::NoSelector => return Self::parameter(name, error),
            QueryError::Evaluate(_) | QueryError::TooLarge => {
                (StatusCode::UNPROCESSABLE_ENTITY, "execution")
            }
            QueryError::TimedOut => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
        };
        Self {
            status,
            kind,
            error: error.to_string(),
        }
    }
}

/// An error of an expression with line and column before it, as Prometheus has it.
fn placed(text: &str, error: &Unsupported) -> String {
    let Some(column) = error.column() else {
        return format!("parse error: {error}");
    };
    let before: String = text.chars().take(column.saturating_sub(1)).collect();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    format!("{line}:{column}: parse error: {error}")
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        // Layers outside count refusals by their reason.
        let reason = match self.status {
            StatusCode::SERVICE_UNAVAILABLE => "Timeout",
            _ => "InvalidQuery",
        };
        // A problem of RFC 9457 as everywhere. Prometheus' clients look for `status`: `error`; others pass
        // over a status that is no number, as the RFC tells them.
        let body = json!({
            "type": "about:blank", "title": self.status.canonical_reason(), "reason": reason,
            "detail": self.error, "status": "error", "errorType": self.kind, "error": self.error,
        });
        let kind = [(header::CONTENT_TYPE, PROBLEM_JSON)];
        let mut response = (self.status, no_store(), kind, body.to_string()).into_response();
        response.extensions_mut().insert(Reason(reason));
        response
    }
}

/// Why a request is not answered. Who may ask is decided as on every route of the gate, and told as
/// there.
pub enum Failed {
    /// The caller may not ask.
    Caller(Problem),
    /// The question is wrong.
    Refused(Refused),
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Caller(problem)
    }
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        match self {
            Failed::Caller(problem) => problem.into_response(),
            Failed::Refused(refused) => refused.into_response(),
        }
    }
}

/// An answer, or a failure.
pub type Answer = Result<Response, Failed>;

fn no_store() -> AppendHeaders<[(header::HeaderName, &'static str); 1]> {
    AppendHeaders([(header::CACHE_CONTROL, "no-store")])
}

fn success(data: Value) -> Answer {
    let body = json!({"status": "success", "data": data});
    Ok((no_store(), Json(body)).into_response())
}

/// `query`: the value of an expression at `time`, which is now when absent.
pub async fn query(State(monitor): Service, caller: Caller, form: Form) -> Answer {
    admin(caller)?;
    let text = form.required("query")?;
    let at = form.time("time")?.unwrap_or(monitor.now_milliseconds());
    let value = monitor.ask(text, at).await;
    let value = value.map_err(|error| Refused::query("query", text, error))?;
    success(match value {
        Instantly::Scalar(number) => {
            json!({"resultType": "scalar", "result": point(at, number)})
        }
        Instantly::Vector(samples) => {
            let of = |s: &crate::services::monitor::evaluate::Sample| json!({"metric": metric(&s.labels), "value": point(at, s.value)});
            let result: Vec<Value> = samples.iter().map(of).collect();
            json!({"resultType": "vector", "result": result})
        }
    })
}

/// `query_range`: the values of an expression from `start` to `end`, every `step`.
pub async fn query_range(State(monitor): Service, caller: Caller, form: Form) -> Answer {
    admin(caller)?;
    let text = form.required("query")?;
    let missing = |name| move || Refused::parameter(name, "it is missing");
    let range = Range {
        start: form.time("start")?.ok_or_else(missing("start"))?,
        end: form.time("end")?.ok_or_else(missing("end"))?,
        step: form.step()?,
    };
    if range.end < range.start {
        let why = "end timestamp must not be before start time";
        return Err(Refused::parameter("end", why).into());
    }
    if range.moments() > MAX_MOMENTS {
        let why = "more than 11000 points per series; ask for a longer step or a shorter range";
        return Err(Refused::parameter("step", why).into());
    }
    let matrix = monitor.ask_over(text, range).await;
    let matrix = matrix.map_err(|error| Refused::query("query", text, error))?;
    let series = matrix.iter().map(|(labels, values)| {
        let values: Vec<Value> = values.iter().map(|(at, v)| point(*at, *v)).collect();
        json!({"metric": metric(labels), "values": values})
    });
    let result: Vec<Value> = series.collect();
    success(json!({"resultType": "matrix", "result": result}))
}

/// The series that `match[]` selects from `start` to `end`; all of them when `must` is false and none
/// is named.
async fn selected(
    monitor: &Arc<Monitor>,
    form: &Form,
    must: bool,
) -> Result<BTreeSet<Labels>, Failed> {
    let texts: Vec<&str> = form.all("match[]").collect();
    if texts.is_empty() && must {
        let error = "no match[] parameter provided".to_owned();
        let (status, kind) = (StatusCode::BAD_REQUEST, "bad_data");
        return Err(Refused {
            status,
            kind,
            error,
        }
        .into());
    }
    let read = |text: &&str| selector(text).map_err(|error| Refused::query("match[]", text, error));
    let mut selectors = texts.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if selectors.is_empty() {
        let matchers = Vec::new();
        selectors.push(Selector { matchers });
    }
    let start = form.time("start")?.unwrap_or(i64::MIN);
    let end = form.time("end")?.unwrap_or(i64::MAX);
    let found = monitor.series_of(selectors, (start, end)).await;
    Ok(found.map_err(|error| Refused::query("match[]", "", error))?)
}

/// At most `limit` of them; 0 is no limit.
fn limited<T>(form: &Form, found: impl Iterator<Item = T>) -> Result<Vec<T>, Refused> {
    Ok(match form.number("limit")?.unwrap_or(0) {
        0 => found.collect(),
        limit => found.take(limit).collect(),
    })
}

/// `series`: the labels of the series that `match[]` selects.
pub async fn series(State(monitor): Service, caller: Caller, form: Form) -> Answer {
    admin(caller)?;
    let found = selected(&monitor, &form, true).await?;
    success(json!(limited(&form, found.iter().map(metric))?))
}

/// `labels`: the names of the labels there are.
pub async fn labels(State(monitor): Service, caller: Caller, form: Form) -> Answer {
    admin(caller)?;
    let found = selected(&monitor, &form, false).await?;
    let names = found.iter().flat_map(|labels| labels.iter().map(|l| l.0));
    let names: BTreeSet<&str> = names.collect();
    success(json!(limited(&form, names.into_iter())?))
}

/// `label/NAME/values`: the values of a label.
pub async fn values(
    State(monitor): Service,
    caller: Caller,
    Path(name): Path<String>,
    form: Form,
) -> Answer {
    admin(caller)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(fits) {
        let short: String = name.chars().take(64).collect();
        return Err(Refused::parameter("name", format!("{short:?} names no label")).into());
    }
    let found = selected(&monitor, &form, false).await?;
    let values = found.iter().map(|labels| labels.get(&name));
    let values: BTreeSet<&str> = values.filter(|value| !value.is_empty()).collect();
    success(json!(limited(&form, values.into_iter())?))
}

/// `metadata`: kind and help of every family, as the pods tell them.
pub async fn metadata(State(monitor): Service, caller: Caller, form: Form) -> Answer {
    admin(caller)?;
    let wanted = form.one("metric").filter(|name| !name.is_empty());
    let families = monitor.families().into_iter();
    let families = families.filter(|(name, _)| wanted.is_none_or(|wanted| wanted == name));
    let shown = families.map(|(name, family)| {
        let about = json!({"type": family.kind, "help": family.help, "unit": ""});
        (name, json!([about]))
    });
    let shown: serde_json::Map<String, Value> = limited(&form, shown)?.into_iter().collect();
    success(Value::Object(shown))
}

/// `status/buildinfo`: which program answers. It is not built with Go.
pub async fn build_info(caller: Caller) -> Answer {
    admin(caller)?;
    success(json!({
        "version": env!("CARGO_PKG_VERSION"), "revision": "", "branch": "", "buildUser": "",
        "buildDate": "", "goVersion": "",
    }))
}

/// Names without the name of the metric, which is no label of an alert.
fn nameless(labels: &std::collections::BTreeMap<String, String>) -> Value {
    let labels = labels.iter().filter(|(name, _)| *name != METRIC_NAME);
    let labels = labels.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    Value::Object(labels.collect())
}

/// Seconds as RFC 3339 with milliseconds.
fn time(seconds: i64) -> String {
    moment(seconds.saturating_mul(1_000))
}
