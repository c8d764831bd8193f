//! URLs that somebody else names and we call. They must not lead inside: the host is checked when
//! the URL is read. A name may mean something else later, so whoever connects checks each address it
//! resolves to once more.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// Most bytes of a URL.
const MAX_BYTES: usize = 2048;

/// A text that is no URL we would call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It is something else.
    #[error("must be an https URL of at most {MAX_BYTES} bytes, without user and password")]
    Form,
    /// It leads inside.
    #[error(
        "must name a host of the public internet; private, local and reserved ones are refused"
    )]
    Inside,
}

/// A URL of the public internet: `https`, no credentials, no fragment that anybody would miss.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(Url);

super::through_text!(PublicUrl, InvalidUrl);

impl PublicUrl {
    /// The URL.
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let short = text.len() <= MAX_BYTES;
        let url = short.then(|| Url::parse(text).ok()).flatten();
        let url = url.ok_or(InvalidUrl::Form)?;
        let bare = url.username().is_empty() && url.password().is_none();
        if url.scheme() != "https" || !bare {
            return Err(InvalidUrl::Form);
        }
        let outside = match url.host().ok_or(InvalidUrl::Form)? {
            Host::Ipv4(address) => is_public(address.into()),
            Host::Ipv6(address) => is_public(address.into()),
            Host::Domain(name) => is_public_name(name),
        };
        outside.then_some(Self(url)).ok_or(InvalidUrl::Inside)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// Names that mean something outside a cluster and a machine.
fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let inside = [
        "localhost",
        "local",
        "internal",
        "svc",
        "cluster",
        "home.arpa",
    ];
    let within = |zone: &str| name == zone || name.ends_with(&format!(".{zone}"));
    name.contains('.') && !inside.into_iter().any(within)
}

/// Is it an address of the public internet? Sources: IANA's registries of special-purpose addresses
/// (RFC 6890); RFC 6052 and RFC 3056 for those that carry an IPv4 address.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation();
    let reserved = match address.octets() {
        [0, ..] | [240..=255, ..] => true,
        // Shared by carriers, protocol assignments, relays, benchmarks.
        [100, 64..=127, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => true,
        _ => false,
    };
    !special && !reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // Mapped IPv4 and NAT64 lead to an IPv4 address, and so does 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => of(high, low),
        [0x2002, high, low, ..] => of(high, low),
        // Teredo, ORCHID, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, ..] => false,
        // Everything else that is assigned to the public lies in 2000::/3.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_the_internet_pass() {
        for text in [
            "https://example.org/a?b=c",
            "https://8.8.8.8:8443/",
            "https://[2600::1]/",
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn urls_that_lead_inside_are_refused_however_they_are_written() {
        for text in [
            "https://localhost/",
            "https://metadata.google.internal/",
            "https://gate.ns.svc/",
            "https://gate.ns.svc.cluster.local./",
            "https://plain/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest",
            "https://100.64.0.1/",
            "https://192.168.1.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://[2002:a00:1::]/",
            "https://0/",
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(InvalidUrl::Inside), "{text}");
        }
    }

    #[test]
    fn other_schemes_and_credentials_are_refused() {
        let long = format!("https://example.org/{}", "a".repeat(MAX_BYTES));
        for text in [
            "",
            "example.org",
            "http://example.org/",
            "file:///etc/passwd",
            "https://",
            "https://user@example.org/",
            "https://u:p@example.org/",
            &long,
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(InvalidUrl::Form), "{text}");
        }
    }
}
