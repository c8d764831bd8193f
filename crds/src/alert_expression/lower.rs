//! Turns promql-parser's tree into an [`Expression`]. The scan has refused everything else
//! already; what it might have missed is refused here without a column.

use promql_parser::label;
use promql_parser::parser::token;
use promql_parser::parser::{self, BinModifier, Expr, LabelModifier, VectorMatchCardinality};

use super::Unsupported;
use super::{Aggregation, Expression, MAX_DEPTH, MAX_RANGE, Matcher, Operator, Selector};

/// The whole expression: series or a number.
pub(super) fn top(expr: &Expr) -> Result<Expression, Unsupported> {
    lower(expr, MAX_DEPTH)
}

fn lower(expr: &Expr, depth: usize) -> Result<Expression, Unsupported> {
    let depth = depth.checked_sub(1).ok_or(Unsupported::TooDeep)?;
    match expr {
        Expr::NumberLiteral(number) => Ok(Expression::Number(number.val)),
        Expr::Paren(paren) => lower(&paren.expr, depth),
        Expr::Unary(unary) => Ok(Expression::Negate(Box::new(lower(&unary.expr, depth)?))),
        Expr::VectorSelector(selector) => Ok(Expression::Select(select(selector)?)),
        Expr::Call(call) if call.func.name == "rate" => rate(call),
        Expr::Aggregate(aggregate) => aggregation(aggregate, depth),
        Expr::Binary(binary) => operation(binary, depth),
        Expr::MatrixSelector(_) => Err(other("a range outside rate; write rate(name[5m])")),
        Expr::Call(call) => Err(other(&format!("function {}", call.func.name))),
        _ => Err(other("a subquery or text; use selectors, rate and numbers")),
    }
}

fn other(what: &str) -> Unsupported {
    Unsupported::Invalid(format!("not supported: {what}"))
}

fn select(selector: &parser::VectorSelector) -> Result<Selector, Unsupported> {
    let plain = selector.offset.is_none()
        && selector.at.is_none()
        && selector.matchers.or_matchers.is_empty();
    if !plain {
        return Err(other("offset, @ and or in a selector"));
    }
    let name = selector
        .name
        .iter()
        .map(|name| label::Matcher::new(label::MatchOp::Equal, label::METRIC_NAME, name));
    let matchers = name.chain(selector.matchers.matchers.iter().cloned());
    Ok(Selector {
        matchers: matchers.map(Matcher).collect(),
    })
}

fn rate(call: &parser::Call) -> Result<Expression, Unsupported> {
    let mut argument = call.args.args.first().map(AsRef::as_ref);
    while let Some(Expr::Paren(paren)) = argument {
        argument = Some(&paren.expr);
    }
    let Some(Expr::MatrixSelector(matrix)) = argument else {
        return Err(other(
            "rate of something else than a range such as name[5m]",
        ));
    };
    if matrix.range > MAX_RANGE {
        return Err(other("a range longer than 1d"));
    }
    Ok(Expression::Rate {
        selector: select(&matrix.vs)?,
        range: matrix.range,
    })
}

fn aggregation(aggregate: &parser::AggregateExpr, depth: usize) -> Result<Expression, Unsupported> {
    let with = match aggregate.op.id() {
        token::T_SUM => Aggregation::Sum,
        token::T_AVG => Aggregation::Avg,
        token::T_MAX => Aggregation::Max,
        _ => return Err(other(&format!("aggregation {}", aggregate.op))),
    };
    let by = match &aggregate.modifier {
        None => Vec::new(),
        Some(LabelModifier::Include(labels)) => labels.labels.clone(),
        Some(LabelModifier::Exclude(_)) => return Err(other("grouping without")),
    };
    let of = Box::new(lower(&aggregate.expr, depth)?);
    Ok(Expression::Aggregate { with, by, of })
}

fn operation(binary: &parser::BinaryExpr, depth: usize) -> Result<Expression, Unsupported> {
    if !binary.modifier.as_ref().is_none_or(is_plain) {
        return Err(other(
            "bool, on, ignoring, group_left, group_right and fill",
        ));
    }
    let operator = match binary.op.id() {
        token::T_ADD => Operator::Add,
        token::T_SUB => Operator::Subtract,
        token::T_MUL => Operator::Multiply,
        token::T_DIV => Operator::Divide,
        token::T_GTR => Operator::Greater,
        token::T_LSS => Operator::Less,
        token::T_GTE => Operator::GreaterOrEqual,
        token::T_LTE => Operator::LessOrEqual,
        token::T_EQLC => Operator::Equal,
        token::T_NEQ => Operator::NotEqual,
        _ => return Err(other(&format!("operator {}", binary.op))),
    };
    let left = Box::new(lower(&binary.lhs, depth)?);
    let right = Box::new(lower(&binary.rhs, depth)?);
    if operator.is_comparison() && left.is_scalar() && right.is_scalar() {
        return Err(other(
            "a comparison of two numbers; compare a selector with a number",
        ));
    }
    Ok(Expression::Binary {
        operator,
        left,
        right,
    })
}

fn is_plain(modifier: &BinModifier) -> bool {
    !modifier.return_bool
        && modifier.matching.is_none()
        && modifier.fill_values == parser::VectorMatchFillValues::default()
        && matches!(modifier.card, VectorMatchCardinality::OneToOne)
}
