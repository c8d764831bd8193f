//! Questions about the samples: expressions at one moment or over a range, series, labels, metadata.
//! The expressions are those of rules. A question is answered beside the runtime's threads, few at
//! once, for a bounded time and with a bounded answer, and between two moments of a range the pods'
//! samples may come in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use streamgate_crds::alert_expression::{Expression, Selector, Unsupported, compile};

use super::Monitor;
use super::evaluate::{EvaluateError, Sample, evaluate};
use super::store::Point;
use crate::ports::scrape::{Family, Labels};

/// Questions answered at once; others wait.
pub const AT_ONCE: usize = 2;
/// Moments of a range at most, as Prometheus has it.
pub const MAX_MOMENTS: i64 = 11_000;
/// Samples of an answer at most.
const MAX_SAMPLES: usize = 1_000_000;
/// How long a question may take, waiting included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The expression is not one the monitor evaluates.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// Something else than a selector stands where series are selected.
    #[error("series are selected by a selector such as up{{job=\"all\"}}")]
    NoSelector,
    /// The series do not fit the expression.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The answer would be too large.
    #[error("the answer has more than {MAX_SAMPLES} samples; aggregate, or ask for fewer moments")]
    TooLarge,
    /// It took too long.
    #[error("the query took longer than {} s; ask for less", PATIENCE.as_secs())]
    TimedOut,
}

/// A value at one moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Instantly {
    /// A number.
    Scalar(f64),
    /// Series.
    Vector(Vec<Sample>),
}

/// Values of each series, by milliseconds.
pub type Matrix = BTreeMap<Labels, Vec<(i64, f64)>>;

/// The moments of a range, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub start: i64,
    /// None is later.
    pub end: i64,
    /// From one to the next.
    pub step: i64,
}

impl Range {
    /// How many there are.
    pub fn moments(&self) -> i64 {
        (self.end.saturating_sub(self.start)) / self.step.max(1) + 1
    }
}

/// A selector as text.
///
/// # Errors
/// When it is none.
pub fn selector(text: &str) -> Result<Selector, QueryError> {
    match compile(text)? {
        Expression::Select(selector) => Ok(selector),
        _ => Err(QueryError::NoSelector),
    }
}

impl Monitor {
    /// The value of an expression at `at`.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ask(self: &Arc<Self>, query: &str, at: i64) -> Result<Instantly, QueryError> {
        let expression = compile(query)?;
        let scalar = expression.is_scalar();
        let samples = self
            .beside(move |monitor, _| monitor.at(&expression, at))
            .await?;
        Ok(match (scalar, samples.first()) {
            (true, Some(number)) => Instantly::Scalar(number.value),
            _ => Instantly::Vector(samples),
        })
    }

    /// The values of an expression at every moment of a range.
    ///
    /// # Errors
    /// When there are none, they are too many or take too long.
    pub async fn ask_over(
        self: &Arc<Self>,
        query: &str,
        range: Range,
    ) -> Result<Matrix, QueryError> {
        let expression = compile(query)?;
        self.beside(move |monitor, until| {
            let (mut matrix, mut count) = (Matrix::new(), 0_usize);
            for n in 0..range.moments() {
                if Instant::now() > until {
                    return Err(QueryError::TimedOut);
                }
                let at = range.start.saturating_add(n.saturating_mul(range.step));
                let samples = monitor.at(&expression, at)?;
                count += samples.len();
                if count > MAX_SAMPLES {
                    return Err(QueryError::TooLarge);
                }
                for Sample { labels, value } in samples {
                    matrix.entry(labels).or_default().push((at, value));
                }
            }
            Ok(matrix)
        })
        .await
    }

    /// The labels of every series that any of the selectors matches, and that has a sample from
    /// `start` to `end`.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn series_of(
        self: &Arc<Self>,
        selectors: Vec<Selector>,
        (start, end): (i64, i64),
    ) -> Result<BTreeSet<Labels>, QueryError> {
        self.beside(move |monitor, _| {
            let samples = monitor
                .samples
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            let spoke = |point: &Point| (start..=end).contains(&point.at) && point.value.is_some();
            let of = |selector| samples.store.select(selector);
            let found = selectors.iter().flat_map(of);
            let found = found.filter(|(_, points)| points.iter().any(spoke));
            Ok(found.map(|(labels, _)| labels.clone()).collect())
        })
        .await
    }

    /// What the pods say of their families.
    pub fn families(&self) -> BTreeMap<String, Family> {
        let samples = self.samples.read().unwrap_or_else(PoisonError::into_inner);
        samples.store.families().clone()
    }

    fn at(&self, expression: &Expression, at: i64) -> Result<Vec<Sample>, QueryError> {
        let samples = self.samples.read().unwrap_or_else(PoisonError::into_inner);
        Ok(evaluate(expression, &samples.store, at)?)
    }

    /// Does `work`, which looks at the time itself, beside the threads that serve.
    async fn beside<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self, Instant) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let until = Instant::now() + PATIENCE;
        let turn = self.turns.clone().acquire_owned();
        let turn = tokio::time::timeout(PATIENCE, turn).await;
        let Ok(Ok(turn)) = turn else {
            return Err(QueryError::TimedOut);
        };
        let monitor = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work has ended, whether or not somebody still waits for it.
            let _turn = turn;
            work(&monitor, until)
        });
        done.await.unwrap_or(Err(QueryError::TimedOut))
    }
}
