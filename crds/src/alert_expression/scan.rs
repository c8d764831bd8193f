//! Walks over the tokens of an expression and refuses, with the exact column, what the monitor
//! does not evaluate and what cannot stand where it stands. Only the outline is checked here; the
//! parser decides the rest.

use super::tokens::{Kind, Token};
use super::{MAX_DEPTH, Unsupported};

const AGGREGATORS: [&str; 14] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
    "limitk",
    "limit_ratio",
];

/// Refuses the first thing, in the order of the text, that is not supported or misplaced.
pub(super) fn check(tokens: &[Token]) -> Result<(), Unsupported> {
    let mut scan = Scan {
        tokens,
        at: 0,
        open: Vec::new(),
    };
    scan.expression()
}

struct Scan<'a> {
    tokens: &'a [Token],
    at: usize,
    /// Columns of the parentheses that are open.
    open: Vec<usize>,
}

/// What may come next.
enum Next {
    Operand { after_operator: bool },
    Operator,
}

impl<'a> Scan<'a> {
    fn expression(&mut self) -> Result<(), Unsupported> {
        let mut next = Next::Operand {
            after_operator: false,
        };
        while let Some(token) = self.take() {
            next = match next {
                Next::Operand { after_operator } => self.operand(token, after_operator)?,
                Next::Operator => self.operator(token)?,
            };
        }
        if matches!(next, Next::Operand { .. }) {
            return Err(self.ended());
        }
        match self.open.pop() {
            Some(column) => Err(syntax("a parenthesis that is not closed opens", column)),
            None => Ok(()),
        }
    }

    fn take(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at);
        self.at += 1;
        token
    }

    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn ended(&self) -> Unsupported {
        let end = self
            .tokens
            .last()
            .map_or(1, |t| t.column + t.text.chars().count());
        syntax("a value is missing", end)
    }

    fn operand(&mut self, token: &Token, after_operator: bool) -> Result<Next, Unsupported> {
        match token.kind {
            Kind::Number => Ok(Next::Operator),
            Kind::Text => Err(feature(
                "a text",
                token,
                "texts may stand only in the matchers of a selector",
            )),
            Kind::Word => self.word(token, after_operator),
            Kind::Sign => match token.text.as_str() {
                "(" => self.enter(token),
                "+" | "-" => Ok(operand()),
                "{" => self.braces(token),
                _ => Err(unexpected(token)),
            },
        }
    }

    fn enter(&mut self, parenthesis: &Token) -> Result<Next, Unsupported> {
        self.open.push(parenthesis.column);
        if self.open.len() > MAX_DEPTH {
            return Err(Unsupported::TooDeep);
        }
        Ok(operand())
    }

    fn word(&mut self, token: &Token, after_operator: bool) -> Result<Next, Unsupported> {
        let keyword = token.text.to_ascii_lowercase();
        if after_operator && matches!(keyword.as_str(), "bool" | "on" | "ignoring") {
            return Err(modifier(token));
        }
        let next = self.peek();
        let called = next.is_some_and(|t| t.is("("));
        let grouped = next.is_some_and(|t| is_word(t, "by") || is_word(t, "without"));
        let aggregator = AGGREGATORS.contains(&keyword.as_str());
        match (aggregator, called, grouped) {
            (true, true, _) | (true, _, true) => {
                aggregation(token, &keyword)?;
                self.grouping()?;
            }
            (_, true, _) => function(token)?,
            _ => return Ok(Next::Operator),
        }
        match self.take() {
            Some(parenthesis) if parenthesis.is("(") => self.enter(parenthesis),
            Some(other) => Err(unexpected(other)),
            None => Err(self.ended()),
        }
    }

    /// `by (a, b)`, if it stands here.
    fn grouping(&mut self) -> Result<(), Unsupported> {
        let Some(word) = self.peek().filter(|t| t.kind == Kind::Word) else {
            return Ok(());
        };
        if is_word(word, "without") {
            let instead = "use by with the labels to keep";
            return Err(feature("grouping without", word, instead));
        }
        self.at += 1;
        let Some(open) = self.take().filter(|t| t.is("(")) else {
            return Err(syntax("labels in parentheses must follow by", word.column));
        };
        let length = self
            .tokens
            .get(self.at..)
            .and_then(|rest| rest.iter().position(|t| t.is(")")));
        let Some(length) = length else {
            let what = "a parenthesis that is not closed opens";
            return Err(syntax(what, open.column));
        };
        self.at += length + 1;
        Ok(())
    }

    fn operator(&mut self, token: &Token) -> Result<Next, Unsupported> {
        match token.kind {
            Kind::Word => self.word_between(token),
            Kind::Number | Kind::Text => Err(unexpected(token)),
            Kind::Sign => match token.text.as_str() {
                "+" | "-" | "*" | "/" | ">" | "<" | ">=" | "<=" | "==" | "!=" => {
                    Ok(Next::Operand {
                        after_operator: true,
                    })
                }
                "%" | "^" => {
                    let instead = "the operators are + - * / > < >= <= == !=";
                    Err(feature(&format!("operator {}", token.text), token, instead))
                }
                "@" => Err(modifier(token)),
                "{" => self.braces(token),
                "[" => self.range(token),
                "," if !self.open.is_empty() => Ok(operand()),
                ")" => match self.open.pop() {
                    Some(_) => Ok(Next::Operator),
                    None => Err(unexpected(token)),
                },
                _ => Err(unexpected(token)),
            },
        }
    }

    fn word_between(&mut self, token: &Token) -> Result<Next, Unsupported> {
        match token.text.to_ascii_lowercase().as_str() {
            name @ ("and" | "or" | "unless" | "atan2") => {
                let instead = "write a rule of its own for each condition";
                Err(feature(&format!("operator {name}"), token, instead))
            }
            "offset" | "smoothed" | "anchored" => Err(modifier(token)),
            "by" | "without" => {
                self.at -= 1;
                self.grouping()?;
                Ok(Next::Operator)
            }
            _ => Err(unexpected(token)),
        }
    }

    /// The rest of `{...}`.
    fn braces(&mut self, open: &Token) -> Result<Next, Unsupported> {
        let mut value = false;
        while let Some(token) = self.take() {
            if token.is("}") {
                return Ok(Next::Operator);
            }
            if value && is_word(token, "or") {
                let instead = "use =~ with alternatives or a rule of its own";
                return Err(feature("or between matchers", token, instead));
            }
            value = token.kind == Kind::Text;
        }
        Err(syntax("a brace that is not closed opens", open.column))
    }

    /// The rest of `[...]`.
    fn range(&mut self, open: &Token) -> Result<Next, Unsupported> {
        let mut subquery = false;
        while let Some(token) = self.take() {
            if token.is("]") {
                let instead = "use a range such as [5m] on a selector";
                return match subquery {
                    true => Err(feature("a subquery", open, instead)),
                    false => Ok(Next::Operator),
                };
            }
            subquery |= token.text.starts_with(':');
        }
        Err(syntax("a bracket that is not closed opens", open.column))
    }
}

fn operand() -> Next {
    Next::Operand {
        after_operator: false,
    }
}

fn is_word(token: &Token, word: &str) -> bool {
    token.kind == Kind::Word && token.text.eq_ignore_ascii_case(word)
}

fn aggregation(token: &Token, name: &str) -> Result<(), Unsupported> {
    match name {
        "sum" | "avg" | "max" => Ok(()),
        _ => Err(feature(
            &format!("aggregation {name}"),
            token,
            "use sum, avg or max",
        )),
    }
}

fn function(token: &Token) -> Result<(), Unsupported> {
    let instead = match token.text.as_str() {
        "rate" => return Ok(()),
        "irate" | "deriv" | "delta" | "idelta" => "use rate",
        "increase" => "use rate and multiply by the seconds of its range",
        _ => "the only function is rate",
    };
    let what = format!("function {}", token.text);
    Err(feature(&what, token, instead))
}

fn modifier(token: &Token) -> Unsupported {
    let instead = match token.text.to_ascii_lowercase().as_str() {
        "bool" => "comparisons filter; leave bool out",
        "on" | "ignoring" => "aggregate both sides by the same labels",
        _ => "expressions are evaluated at the present",
    };
    let what = format!("modifier {}", token.text.to_ascii_lowercase());
    feature(&what, token, instead)
}

fn feature(what: &str, token: &Token, instead: &str) -> Unsupported {
    Unsupported::Feature {
        what: what.to_owned(),
        column: token.column,
        instead: instead.to_owned(),
    }
}

fn unexpected(token: &Token) -> Unsupported {
    syntax(&format!("unexpected {:?}", token.text), token.column)
}

fn syntax(what: &str, column: usize) -> Unsupported {
    Unsupported::Syntax {
        what: what.to_owned(),
        column,
    }
}
