//! Cuts an expression into tokens that know their column; promql-parser's tree does not keep them.

use std::iter::Peekable;
use std::str::Chars;

use super::Unsupported;

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword.
    Word,
    /// A number, `5m` included.
    Number,
    /// A quoted text.
    Text,
    /// An operator or bracket.
    Sign,
}

/// A piece of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: Kind,
    /// Its text; of a quoted text with its quotes.
    pub(super) text: String,
    /// Where it begins, in characters from 1.
    pub(super) column: usize,
}

impl Token {
    /// Whether it is this sign.
    pub(super) fn is(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }
}

struct Cursor<'a> {
    rest: Peekable<Chars<'a>>,
    column: usize,
}

impl Cursor<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.next();
        self.column += usize::from(c.is_some());
        c
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    fn take_while(&mut self, text: &mut String, mut fits: impl FnMut(&str, char) -> bool) {
        while let Some(c) = self.peek().filter(|c| fits(text, *c)) {
            text.push(c);
            self.next();
        }
    }
}

/// Cuts `expr` into tokens; white space and comments are dropped.
///
/// # Errors
/// At a character PromQL does not know, and at a text that does not end.
pub(super) fn tokens(expr: &str) -> Result<Vec<Token>, Unsupported> {
    let mut cursor = Cursor {
        rest: expr.chars().peekable(),
        column: 1,
    };
    let mut tokens = Vec::new();
    while let Some(first) = cursor.peek() {
        let column = cursor.column;
        cursor.next();
        let Some((kind, text)) = token(&mut cursor, first, column)? else {
            continue;
        };
        tokens.push(Token { kind, text, column });
    }
    Ok(tokens)
}

fn token(
    cursor: &mut Cursor<'_>,
    first: char,
    column: usize,
) -> Result<Option<(Kind, String)>, Unsupported> {
    let mut text = String::from(first);
    let kind = match first {
        c if c.is_whitespace() => return Ok(None),
        '#' => {
            cursor.take_while(&mut text, |_, c| c != '\n');
            return Ok(None);
        }
        'a'..='z' | 'A'..='Z' | '_' | ':' => {
            cursor.take_while(&mut text, |_, c| in_name(c));
            Kind::Word
        }
        '0'..='9' => {
            cursor.take_while(&mut text, in_number);
            Kind::Number
        }
        '.' if cursor.peek().is_some_and(|c| c.is_ascii_digit()) => {
            cursor.take_while(&mut text, in_number);
            Kind::Number
        }
        '"' | '\'' | '`' => {
            quoted(cursor, &mut text, first, column)?;
            Kind::Text
        }
        _ => {
            sign(cursor, &mut text, column)?;
            Kind::Sign
        }
    };
    Ok(Some((kind, text)))
}

fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

fn in_number(so_far: &str, c: char) -> bool {
    let hexadecimal = so_far.starts_with("0x") || so_far.starts_with("0X");
    let exponent = !hexadecimal && so_far.ends_with(['e', 'E']) && (c == '+' || c == '-');
    c.is_ascii_alphanumeric() || c == '.' || c == '_' || exponent
}

fn quoted(
    cursor: &mut Cursor<'_>,
    text: &mut String,
    quote: char,
    column: usize,
) -> Result<(), Unsupported> {
    while let Some(c) = cursor.next() {
        text.push(c);
        if c == quote {
            return Ok(());
        }
        if c == '\\' && quote != '`' {
            text.extend(cursor.next());
        }
    }
    Err(Unsupported::Syntax {
        what: "a text that does not end begins".to_owned(),
        column,
    })
}

fn sign(cursor: &mut Cursor<'_>, text: &mut String, column: usize) -> Result<(), Unsupported> {
    let double = matches!(
        (text.as_str(), cursor.peek()),
        ("=" | "!" | "<" | ">", Some('=')) | ("=" | "!", Some('~'))
    );
    if double {
        text.extend(cursor.next());
    }
    let known = "( ) { } [ ] , + - * / % ^ @ = == != =~ !~ < > <= >= ";
    if known.split(' ').any(|sign| sign == text) {
        return Ok(());
    }
    Err(Unsupported::Syntax {
        what: format!("unexpected character {text:?}"),
        column,
    })
}
