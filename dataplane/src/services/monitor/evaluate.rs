//! Evaluates an expression at one moment, the way Prometheus does: values in, values out.

use std::collections::{BTreeMap, HashMap, HashSet};

use streamgate_crds::alert_expression::{Aggregation, Expression, Operator, Selector};

use super::rate::rate;
use super::store::{LOOKBACK, Store};
use crate::ports::scrape::Labels;

/// One series of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// Two series of one side match one of the other.
    #[error(
        "several series match each other on the {0} side of an operator; aggregate both sides by the same labels"
    )]
    ManyMatches(&'static str),
    /// Two series of a result have the same labels.
    #[error(
        "the result has several series with the same labels; select one metric, or aggregate by labels that tell them apart"
    )]
    SameLabels,
}

enum Value {
    Scalar(f64),
    Vector(Vec<Sample>),
}

/// Evaluates at `now`, in milliseconds. A number is one sample without labels.
///
/// # Errors
/// When series match each other ambiguously.
pub fn evaluate(
    expression: &Expression,
    store: &Store,
    now: i64,
) -> Result<Vec<Sample>, EvaluateError> {
    let mut samples = match value(expression, store, now)? {
        Value::Vector(samples) => samples,
        Value::Scalar(value) => vec![Sample {
            labels: Labels::default(),
            value,
        }],
    };
    samples.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(samples)
}

fn value(expression: &Expression, store: &Store, now: i64) -> Result<Value, EvaluateError> {
    match expression {
        Expression::Number(number) => Ok(Value::Scalar(*number)),
        Expression::Select(selector) => Ok(Value::Vector(newest(selector, store, now))),
        Expression::Rate { selector, range } => {
            let range = i64::try_from(range.as_millis()).unwrap_or(i64::MAX);
            let rates = store.select(selector).filter_map(|(labels, points)| {
                let value = rate(points, now, range)?;
                let labels = labels.clone().nameless();
                Some(Sample { labels, value })
            });
            distinct(rates.collect()).map(Value::Vector)
        }
        Expression::Aggregate { with, by, of } => match value(of, store, now)? {
            Value::Vector(samples) => Ok(Value::Vector(aggregate(*with, by, samples))),
            scalar => Ok(scalar),
        },
        Expression::Negate(of) => match value(of, store, now)? {
            Value::Scalar(number) => Ok(Value::Scalar(-number)),
            Value::Vector(samples) => {
                let negated = samples.into_iter().map(|s| Sample {
                    labels: s.labels.nameless(),
                    value: -s.value,
                });
                distinct(negated.collect()).map(Value::Vector)
            }
        },
        Expression::Binary {
            operator,
            left,
            right,
        } => {
            let left = value(left, store, now)?;
            let right = value(right, store, now)?;
            binary(*operator, left, right)
        }
    }
}

/// The newest value of every series that matches, unless it is too old or the series ended.
fn newest(selector: &Selector, store: &Store, now: i64) -> Vec<Sample> {
    let found = store.select(selector).filter_map(|(labels, points)| {
        let upto = points.partition_point(|p| p.at <= now);
        let point = points.get(upto.checked_sub(1)?)?;
        let value = point.value.filter(|_| point.at > now - LOOKBACK)?;
        let labels = labels.clone();
        Some(Sample { labels, value })
    });
    found.collect()
}

fn distinct(samples: Vec<Sample>) -> Result<Vec<Sample>, EvaluateError> {
    let mut seen = HashSet::new();
    let same = samples.iter().any(|s| !seen.insert(&s.labels));
    if same {
        return Err(EvaluateError::SameLabels);
    }
    Ok(samples)
}

fn aggregate(with: Aggregation, by: &[String], samples: Vec<Sample>) -> Vec<Sample> {
    let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for sample in samples {
        let group = groups.entry(sample.labels.only(by)).or_default();
        group.push(sample.value);
    }
    let combined = groups.into_iter().map(|(labels, values)| Sample {
        labels,
        value: combine(with, &values),
    });
    combined.collect()
}

fn combine(with: Aggregation, values: &[f64]) -> f64 {
    match with {
        Aggregation::Sum => sum(values),
        Aggregation::Avg => sum(values) / values.len() as f64,
        // Anything is more than "no number".
        Aggregation::Max => values.iter().copied().fold(f64::NAN, f64::max),
    }
}

/// Compensated after Neumaier, so that the order of series hardly matters.
fn sum(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() {
            (sum - next) + value
        } else {
            (value - next) + sum
        };
        sum = next;
    }
    if lost.is_finite() { sum + lost } else { sum }
}

fn binary(operator: Operator, left: Value, right: Value) -> Result<Value, EvaluateError> {
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            Ok(Value::Scalar(compute(operator, left, right)))
        }
        (Value::Vector(samples), Value::Scalar(number)) => {
            each(operator, samples, |value| (value, number))
        }
        (Value::Scalar(number), Value::Vector(samples)) => {
            each(operator, samples, |value| (number, value))
        }
        (Value::Vector(left), Value::Vector(right)) => pairs(operator, left, right),
    }
}

/// A vector and a number: a comparison keeps the vector's values and names.
fn each(
    operator: Operator,
    samples: Vec<Sample>,
    sides: impl Fn(f64) -> (f64, f64),
) -> Result<Value, EvaluateError> {
    if operator.is_comparison() {
        let holds = |sample: &Sample| {
            let (left, right) = sides(sample.value);
            compare(operator, left, right)
        };
        return Ok(Value::Vector(samples.into_iter().filter(holds).collect()));
    }
    let computed = samples.into_iter().map(|sample| {
        let (left, right) = sides(sample.value);
        Sample {
            labels: sample.labels.nameless(),
            value: compute(operator, left, right),
        }
    });
    distinct(computed.collect()).map(Value::Vector)
}

/// Two vectors: series with the same labels, names apart, meet one to one.
fn pairs(
    operator: Operator,
    left: Vec<Sample>,
    right: Vec<Sample>,
) -> Result<Value, EvaluateError> {
    let mut partners = HashMap::new();
    for sample in right {
        if partners
            .insert(sample.labels.nameless(), sample.value)
            .is_some()
        {
            return Err(EvaluateError::ManyMatches("right"));
        }
    }
    let (mut met, mut results) = (HashSet::new(), Vec::new());
    for sample in left {
        let key = sample.labels.clone().nameless();
        let Some(partner) = partners.get(&key) else {
            continue;
        };
        let comparison = operator.is_comparison();
        if comparison && !compare(operator, sample.value, *partner) {
            continue;
        }
        if !met.insert(key.clone()) {
            return Err(EvaluateError::ManyMatches("left"));
        }
        results.push(match comparison {
            true => sample,
            false => Sample {
                labels: key,
                value: compute(operator, sample.value, *partner),
            },
        });
    }
    Ok(Value::Vector(results))
}

fn compare(operator: Operator, left: f64, right: f64) -> bool {
    match operator {
        Operator::Greater => left > right,
        Operator::Less => left < right,
        Operator::GreaterOrEqual => left >= right,
        Operator::LessOrEqual => left <= right,
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide => true,
    }
}

fn compute(operator: Operator, left: f64, right: f64) -> f64 {
    match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        comparison => f64::from(u8::from(compare(comparison, left, right))),
    }
}

#[cfg(test)]
mod tests;
