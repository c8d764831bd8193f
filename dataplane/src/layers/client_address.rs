//! Which address a request comes from. Behind proxies that are configured as trusted it is the
//! rightmost hop of the last `X-Forwarded-For` that is none of them; what stands left of it was
//! written by the caller and proves nothing. Without trusted proxies the header is not read.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;
use ipnet::IpNet;

use super::around::Around;

/// The header.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Hops looked at; a chain of proxies is shorter.
const HOPS: usize = 32;

/// Who sent a request: the accept loop writes both, the layer corrects the client.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The other end of the connection.
    pub socket: SocketAddr,
    /// The caller behind trusted proxies; IPv4 in its own form.
    pub client: IpAddr,
}

impl Peer {
    /// The caller is the other end of the connection, as far as is known.
    pub fn new(socket: SocketAddr) -> Self {
        let client = socket.ip().to_canonical();
        Self { socket, client }
    }
}

/// Networks of trusted proxies.
#[derive(Clone, Debug)]
pub struct TrustedProxies(Arc<[IpNet]>);

/// A network that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} in limits.trustedProxies is no network; write one in CIDR notation, such as 10.0.0.0/8"
)]
pub struct InvalidNetwork(String);

impl TrustedProxies {
    /// Parses networks in CIDR notation.
    ///
    /// # Errors
    /// When one is no network.
    pub fn parse(networks: &[String]) -> Result<Self, InvalidNetwork> {
        let parse = |text: &String| text.parse().map_err(|_| InvalidNetwork(text.clone()));
        networks
            .iter()
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The caller, given the other end of the connection.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let last = headers.get_all(FORWARDED_FOR).into_iter().next_back();
        let hops = last
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let mut client = peer;
        for hop in hops.rsplit(',').take(HOPS) {
            // A trusted proxy writes an address; anything else was not written by one.
            let Ok(hop) = hop.trim().parse::<IpAddr>() else {
                break;
            };
            client = hop.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

impl Around for TrustedProxies {
    type Kept = ();

    fn before(&self, request: &mut Request) -> Result<(), Response> {
        if !self.0.is_empty()
            && let Some(peer) = request.extensions().get::<Peer>().copied()
        {
            let client = self.client(peer.socket.ip(), request.headers());
            if let Some(peer) = request.extensions_mut().get_mut::<Peer>() {
                peer.client = client;
            }
        }
        Ok(())
    }

    fn after(&self, (): (), _: &mut Response) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn client(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".to_owned(), "fd00::/8".to_owned()];
        let trusted = TrustedProxies::parse(&trusted).unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        trusted.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_rightmost_hop_that_is_no_proxy_is_the_caller() {
        for (peer, lines, caller) in [
            // Nobody trusted: whatever the header says.
            ("192.0.2.1", &["198.51.100.9"][..], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.9"], "198.51.100.9"),
            // The caller wrote the left part.
            ("10.0.0.1", &["127.0.0.1, 198.51.100.9"], "198.51.100.9"),
            (
                "10.0.0.1",
                &["127.0.0.1,198.51.100.9, 10.1.1.1"],
                "198.51.100.9",
            ),
            // Of several lines the last was written by our proxy.
            ("10.0.0.1", &["203.0.113.5", "198.51.100.9"], "198.51.100.9"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            // IPv4 in IPv6's clothes, on either side.
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.9"], "198.51.100.9"),
            ("::ffff:192.0.2.1", &[], "192.0.2.1"),
            // Proxies alone: the first of them.
            ("10.0.0.1", &["10.2.2.2, 10.1.1.1"], "10.2.2.2"),
            // Junk was not written by a proxy: what came before it is the best we know.
            ("10.0.0.1", &["198.51.100.9, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["evil, 10.1.1.1"], "10.1.1.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ] {
            assert_eq!(client(peer, lines), caller, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_header_of_ten_kilobytes_costs_a_bounded_walk() {
        let long = vec!["10.1.1.1"; 1_000].join(",");
        assert_eq!(client("10.0.0.1", &[&long]), "10.1.1.1");
        let spoofed = format!("{},198.51.100.9", "x".repeat(10_000));
        assert_eq!(client("10.0.0.1", &[&spoofed]), "198.51.100.9");
    }

    #[test]
    fn a_network_must_be_one() {
        let error = TrustedProxies::parse(&["10.0.0.1".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("10.0.0.1"), "{error}");
    }
}
