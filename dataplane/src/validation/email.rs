//! E-mail addresses. Source: RFC 5321, 4.1.2 and 4.5.3.1, without quoted local parts, address
//! literals and comments, which no mail provider gives out.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as name@example.org, of at most 254 characters")]
pub struct InvalidEmail;

/// An e-mail address; its domain in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

super::through_text!(Email, InvalidEmail);

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let valid = text.len() <= 254 && is_local(local) && is_domain(domain);
        let address = || format!("{local}@{}", domain.to_ascii_lowercase());
        valid.then(|| Self(address())).ok_or(InvalidEmail)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Atoms with dots between them.
fn is_local(local: &str) -> bool {
    let atom = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&c);
    let part = |part: &str| !part.is_empty() && part.bytes().all(atom);
    local.len() <= 64 && local.split('.').all(part)
}

/// Two labels or more, the last of which is no number.
fn is_domain(domain: &str) -> bool {
    let inner = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    let label = |label: &str| {
        let edges = !label.starts_with('-') && !label.ends_with('-');
        (1..=63).contains(&label.len()) && label.bytes().all(inner) && edges
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    let named = domain.contains('.') && !last.bytes().all(|c| c.is_ascii_digit());
    named && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_given_out_pass() {
        for text in [
            "a@b.co",
            "first.last+tag@Mail.Example.ORG",
            "o'neil@x-y.museum",
        ] {
            let email: Email = text.parse().unwrap();
            assert!(email.to_string().eq_ignore_ascii_case(text));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let long = format!("{}@b.co", "a".repeat(65));
        let longer = format!("a@{}.co", "b".repeat(64));
        for text in [
            "",
            "@",
            "a@",
            "@b.co",
            "a b@c.de",
            "a@b",
            "a@@b.co",
            ".a@b.co",
            "a..b@c.de",
            "a@-b.co",
            "a@b-.co",
            "a@b..co",
            "a@1.2.3.4",
            "a@[1.2.3.4]",
            "\"a\"@b.co",
            "ä@b.co",
            "a@b.co\n",
            &long,
            &longer,
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
    }
}
