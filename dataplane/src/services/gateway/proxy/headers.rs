//! Headers on their way through. Values in, values out.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use streamgate_contract::peers::{ROLE_REASON, ROLE_TOKEN};

use crate::error::{REASONS, Reason};
use crate::layers::arrival::{Arrival, REQUEST_ID};
use crate::layers::client_address::Peer;

/// Headers of one connection, besides those `Connection` names. `Trailer` is none: it announces what
/// goes on with the body. Source: RFC 9110, 7.6.1.
const OF_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
/// The address of the caller, as far as roles are concerned.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What the gateway alone says to roles.
const OURS: [HeaderName; 4] = [
    HeaderName::from_static(ROLE_TOKEN),
    FORWARDED_FOR,
    REQUEST_ID,
    // Answered by whoever reads the body, connection by connection.
    header::EXPECT,
];

/// Takes away what is said about one connection.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in OF_CONNECTION.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Why a role refused, which it tells nobody but us.
pub fn reason(headers: &mut HeaderMap) -> Option<Reason> {
    let told = headers.remove(ROLE_REASON)?;
    let known = REASONS.iter().find(|reason| told == **reason);
    known.map(|reason| Reason(reason))
}

/// HTTP/2 may send each cookie apart; HTTP/1.1 has one line for all.
pub fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers
        .get_all(header::COOKIE)
        .into_iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if cookies.len() < 2 {
        return;
    }
    // Of what were values one is made.
    if let Ok(mut all) = HeaderValue::from_bytes(&cookies.join(&b"; "[..])) {
        all.set_sensitive(true);
        headers.insert(header::COOKIE, all);
    }
}

/// Says which request it is and where it comes from, and nothing else that a caller could have said.
pub fn introduce(headers: &mut HeaderMap, arrival: Option<Arrival>, peer: Option<Peer>) {
    for name in OURS {
        headers.remove(name);
    }
    if let Some(Ok(id)) = arrival.map(|arrival| HeaderValue::from_str(arrival.id.as_str())) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(Ok(client)) = peer.map(|peer| HeaderValue::try_from(peer.client.to_string())) {
        headers.insert(FORWARDED_FOR, client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for &(name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn headers_of_a_connection_stay_on_it() {
        let mut all = headers(&[
            ("connection", "close, X-Private"),
            ("connection", "x-other"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-connection", "keep-alive"),
            ("x-private", "1"),
            ("x-other", "1"),
            ("trailer", "upload-checksum"),
            ("range", "bytes=0-1"),
        ]);
        remove_hop_by_hop(&mut all);
        let mut left: Vec<_> = all.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["range", "trailer"]);
    }

    #[test]
    fn a_reason_goes_no_further_than_the_gateway() {
        for (told, known) in [("OwnerOnly", Some("OwnerOnly")), ("Unheard", None)] {
            let mut all = headers(&[(ROLE_REASON, told)]);
            assert_eq!(reason(&mut all).map(|reason| reason.0), known);
            assert!(all.is_empty());
        }
        assert!(reason(&mut HeaderMap::new()).is_none());
    }

    #[test]
    fn cookies_become_one_line() {
        let mut all = headers(&[("cookie", "a=1"), ("cookie", "b=2; c=3")]);
        join_cookies(&mut all);
        assert_eq!(all.get_all("cookie").iter().count(), 1);
        assert_eq!(all["cookie"], "a=1; b=2; c=3");
    }

    #[test]
    fn a_caller_speaks_for_nobody_else() {
        let mut all = headers(&[
            ("x-forwarded-for", "127.0.0.1"),
            ("x-streamgate-role-token", "stolen"),
            ("x-request-id", "theirs"),
            ("expect", "100-continue"),
        ]);
        let peer = Peer::new("203.0.113.7:80".parse().unwrap());
        introduce(&mut all, None, Some(peer));
        assert_eq!(all.len(), 1);
        assert_eq!(all["x-forwarded-for"], "203.0.113.7");
    }
}
