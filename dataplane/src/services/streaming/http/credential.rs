//! Where a request carries its handle: in the path, which every player can do; in the header
//! `Authorization`; in the query, which leads to the path; or in the cookie of the content's path. In the
//! last three forms the path names the content, and the handle must be for it. Pure.

use axum::http::{HeaderMap, request};

use crate::layers::authenticate::{PLAYBACK_COOKIE, bearer, cookie};

/// Name of the handle in a query.
const QUERY: &str = "handle";

/// A handle, and the content the path names when the handle is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// In the path.
    Path(&'a str),
    /// In `Authorization: Bearer`.
    Header {
        /// The handle.
        handle: &'a str,
        /// The content the path names.
        content: &'a str,
    },
    /// In the cookie.
    Cookie {
        /// The handle.
        handle: &'a str,
        /// The content the path names.
        content: &'a str,
    },
    /// In the query: leads to the same file with the handle in its path, so that a player that does not
    /// hand queries on finds the rest.
    Query(&'a str),
}

impl<'a> Credential<'a> {
    /// The credential of a request whose path begins with `first` behind `/v/`.
    pub fn of(first: &'a str, request: &'a request::Parts) -> Self {
        // A handle has dots, the name of a content has none.
        if first.contains('.') {
            return Self::Path(first);
        }
        let (headers, content): (&HeaderMap, _) = (&request.headers, first);
        if let Some(handle) = bearer(headers) {
            return Self::Header { handle, content };
        }
        if let Some(handle) = request.uri.query().and_then(in_query) {
            return Self::Query(handle);
        }
        match cookie(headers, PLAYBACK_COOKIE) {
            Some(handle) => Self::Cookie { handle, content },
            None => Self::Path(first),
        }
    }

    /// The handle, and the content it must be for.
    pub fn parts(self) -> (&'a str, Option<&'a str>) {
        match self {
            Self::Path(handle) | Self::Query(handle) => (handle, None),
            Self::Header { handle, content } | Self::Cookie { handle, content } => {
                (handle, Some(content))
            }
        }
    }
}

/// The handle of a query; it has no character that would be escaped.
fn in_query(query: &str) -> Option<&str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(name, _)| *name == QUERY)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    #[test]
    fn a_handle_is_found_in_its_four_places() {
        let found = |first: &'static str, query: &str, headers: &[(&str, &str)]| {
            let mut request = Request::get(format!("/v/{first}/master.m3u8{query}"));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let parts = request.body(()).unwrap().into_parts().0;
            format!("{:?}", Credential::of(first, &parts))
        };
        let (bearer, jar) = (
            ("authorization", "Bearer a.b.c"),
            ("cookie", "x=1; __Secure-playback=d.e.f"),
        );
        for (first, query, headers, expected) in [
            (
                "a.b.c",
                "?handle=x.y.z",
                &[bearer, jar][..],
                "Path(\"a.b.c\")",
            ),
            (
                "c1",
                "?handle=x.y.z",
                &[bearer, jar],
                "Header { handle: \"a.b.c\", content: \"c1\" }",
            ),
            ("c1", "?a=b&handle=x.y.z", &[jar], "Query(\"x.y.z\")"),
            (
                "c1",
                "?a=b",
                &[jar],
                "Cookie { handle: \"d.e.f\", content: \"c1\" }",
            ),
            ("c1", "", &[], "Path(\"c1\")"),
        ] {
            assert_eq!(found(first, query, headers), expected);
        }
    }
}
