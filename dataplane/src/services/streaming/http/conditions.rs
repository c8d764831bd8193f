//! What a request says about the answers it takes. Pure. Source: RFC 9110, sections 12.5.3 and 13.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether gzip is named and not ruled out by a weight of 0. Source: RFC 9110, 12.5.3.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).into_iter();
    let codings = values
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','));
    let mut gzip = codings.filter_map(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let named = name.trim().eq_ignore_ascii_case("gzip");
        named.then(|| weight.trim().trim_start_matches("q=").parse::<f32>())
    });
    gzip.next()
        .is_some_and(|weight| weight.is_ok_and(|q| q > 0.0))
}

/// Does the viewer have these bytes already?
pub fn not_modified(headers: &HeaderMap, tag: &[u8]) -> bool {
    let weak = |known: &str| known.trim().trim_start_matches("W/").as_bytes() == tag;
    listed(headers, &header::IF_NONE_MATCH, weak)
}

/// Does the viewer insist on other bytes than these? Tags of bytes are compared strongly.
pub fn precondition_failed(headers: &HeaderMap, tag: &[u8]) -> bool {
    let strong = |known: &str| known.trim().as_bytes() == tag;
    headers.contains_key(header::IF_MATCH) && !listed(headers, &header::IF_MATCH, strong)
}

fn listed(headers: &HeaderMap, name: &HeaderName, same: impl Fn(&str) -> bool) -> bool {
    let values = headers.get_all(name).into_iter();
    let values = values.filter_map(|value: &HeaderValue| value.to_str().ok());
    let mut known = values.flat_map(|value| value.split(','));
    known.any(|known| known.trim() == "*" || same(known))
}

/// The range that applies: none when `If-Range` names other bytes.
pub fn range<'a>(headers: &'a HeaderMap, tag: &[u8]) -> Option<&'a str> {
    let range = text(headers, &header::RANGE)?;
    let same = text(headers, &header::IF_RANGE).is_none_or(|wanted| wanted.as_bytes() == tag);
    same.then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (accepts, takes) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip;q=much", false),
            ("identity", false),
            ("", false),
        ] {
            let value = HeaderValue::from_static(accepts);
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
            assert_eq!(takes_gzip(&headers), takes, "{accepts}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn tags_are_compared_weakly_for_fetching_and_strongly_for_changing() {
        let with = |name: HeaderName, value| {
            HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
        };
        let tag = b"\"a\"";
        for (value, same) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
        ] {
            let headers = with(header::IF_NONE_MATCH, value);
            assert_eq!(not_modified(&headers, tag), same, "{value}");
        }
        let failed = |value| precondition_failed(&with(header::IF_MATCH, value), tag);
        assert!(failed("W/\"a\"") && failed("\"b\""));
        assert!(!failed("\"b\",\"a\"") && !failed("*"));
        assert!(!precondition_failed(&HeaderMap::new(), tag));
        let mut headers = with(header::RANGE, "bytes=0-1");
        assert_eq!(range(&headers, tag), Some("bytes=0-1"));
        headers.insert(header::IF_RANGE, HeaderValue::from_static("\"b\""));
        assert_eq!(range(&headers, tag), None);
    }
}
