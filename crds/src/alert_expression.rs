//! Expressions of alert rules: the part of PromQL that the monitor evaluates. The grammar is
//! promql-parser's; what the monitor cannot do exactly is refused by name and column, so that an
//! expression yields a true number or an error, never a wrong number.

mod lower;
mod scan;
mod tokens;

use std::time::Duration;

/// Characters an expression may have.
pub const MAX_LENGTH: usize = 4_096;
/// How deep an expression may nest.
pub const MAX_DEPTH: usize = 64;
/// Longest range of a `rate`.
pub const MAX_RANGE: Duration = Duration::from_secs(24 * 3_600);

/// An expression the monitor can evaluate.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A number.
    Number(f64),
    /// The newest sample of every series that matches.
    Select(Selector),
    /// Per-second rate of counters over a range that ends now.
    Rate {
        /// The counters.
        selector: Selector,
        /// The range.
        range: Duration,
    },
    /// One value per group of series.
    Aggregate {
        /// How values are combined.
        with: Aggregation,
        /// Labels that make a group; none puts everything into one.
        by: Vec<String>,
        /// What is aggregated.
        of: Box<Expression>,
    },
    /// `-x`.
    Negate(Box<Expression>),
    /// Arithmetic or comparison.
    Binary {
        /// The operator.
        operator: Operator,
        /// Its left side.
        left: Box<Expression>,
        /// Its right side.
        right: Box<Expression>,
    },
}

impl Expression {
    /// The longest range in it: how far back samples are needed.
    pub fn longest_range(&self) -> Duration {
        match self {
            Expression::Number(_) | Expression::Select(_) => Duration::ZERO,
            Expression::Rate { range, .. } => *range,
            Expression::Aggregate { of, .. } | Expression::Negate(of) => of.longest_range(),
            Expression::Binary { left, right, .. } => {
                left.longest_range().max(right.longest_range())
            }
        }
    }

    /// Whether it yields one number instead of series.
    pub fn is_scalar(&self) -> bool {
        match self {
            Expression::Number(_) => true,
            Expression::Negate(of) => of.is_scalar(),
            Expression::Binary { left, right, .. } => left.is_scalar() && right.is_scalar(),
            _ => false,
        }
    }
}

/// Which series are meant; the metric's name is the label `__name__`.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// All must match.
    pub matchers: Vec<Matcher>,
}

/// A condition on one label.
#[derive(Clone, Debug, PartialEq)]
pub struct Matcher(promql_parser::label::Matcher);

impl Matcher {
    /// Name of the label.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether a value passes; an absent label is the empty text.
    pub fn matches(&self, value: &str) -> bool {
        self.0.is_match(value)
    }

    /// The only value that passes, if there is only one.
    pub fn exact(&self) -> Option<&str> {
        let equal = matches!(self.0.op, promql_parser::label::MatchOp::Equal);
        equal.then_some(self.0.value.as_str())
    }
}

/// How an aggregation combines values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `max`
    Max,
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `>=`
    GreaterOrEqual,
    /// `<=`
    LessOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Operator {
    /// Whether it filters instead of computing.
    pub fn is_comparison(self) -> bool {
        use Operator::{Add, Divide, Multiply, Subtract};
        !matches!(self, Add | Subtract | Multiply | Divide)
    }
}

/// Why an expression is refused. Columns count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// PromQL, but not of the part that is evaluated.
    #[error("{what} at column {column} is not supported; {instead}")]
    Feature {
        /// What it is, by name.
        what: String,
        /// Where it begins.
        column: usize,
        /// What to write instead.
        instead: String,
    },
    /// No PromQL, and the place is known.
    #[error("{what} at column {column}; correct the expression")]
    Syntax {
        /// What is wrong.
        what: String,
        /// Where.
        column: usize,
    },
    /// No PromQL; the parser knows no place.
    #[error("the expression is no valid PromQL: {0}; correct it")]
    Invalid(String),
    /// Longer than [`MAX_LENGTH`].
    #[error(
        "the expression has {0} characters; at most {MAX_LENGTH} are allowed: split it into several rules"
    )]
    TooLong(usize),
    /// Deeper than [`MAX_DEPTH`].
    #[error("the expression nests deeper than {MAX_DEPTH} levels; split it into several rules")]
    TooDeep,
}

impl Unsupported {
    /// Where it is, if that is known.
    pub fn column(&self) -> Option<usize> {
        match self {
            Unsupported::Feature { column, .. } | Unsupported::Syntax { column, .. } => {
                Some(*column)
            }
            _ => None,
        }
    }
}

/// Compiles the text of a rule's `expr`.
///
/// # Errors
/// When it is no PromQL, or PromQL that the monitor does not evaluate.
pub fn compile(expr: &str) -> Result<Expression, Unsupported> {
    let length = expr.chars().count();
    if length > MAX_LENGTH {
        return Err(Unsupported::TooLong(length));
    }
    // The scan goes first: it knows places, the parser does not.
    scan::check(&tokens::tokens(expr)?)?;
    let parsed = promql_parser::parser::parse(expr).map_err(Unsupported::Invalid)?;
    lower::top(&parsed)
}

#[cfg(test)]
mod tests;
