//! The web console: one page that asks the API as its reader. Nothing of another origin is loaded, and
//! no other script than the page's own runs: the policy names its hash.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The page.
const CONSOLE: &str = include_str!("../console.html");

/// What the page may do. Source: Content Security Policy Level 3.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let script = CONSOLE.split_once("<script>").map(|(_, rest)| rest);
    let script = script.and_then(|rest| rest.split_once("</script>"));
    let script = script.map_or("", |(script, _)| script);
    let hash = STANDARD.encode(Sha256::digest(script));
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; \
         connect-src 'self'; media-src 'self' blob:; form-action 'none'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});

/// A page to sign in, look around, upload and watch by.
#[utoipa::path(get, path = "/console", tag = "gateway",
    responses((status = 200, content_type = "text/html")))]
pub(super) async fn console() -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Html(CONSOLE)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::routes::{UNMATCHED, of};

    #[test]
    fn the_page_asks_routes_that_there_are_and_runs_its_own_script_alone() {
        let asked: Vec<&str> = CONSOLE.split("\"/api/v1/").skip(1).collect();
        assert!(asked.len() >= 10, "{}", asked.len());
        for rest in asked {
            let path = format!("/api/v1/{}", rest.split('"').next().unwrap());
            assert_ne!(of(&path).template, UNMATCHED, "{path}");
        }
        assert_eq!(CONSOLE.matches("<script").count(), 1);
        assert!(!CONSOLE.contains("innerHTML") && !CONSOLE.contains("://"));
        assert!(POLICY.contains("script-src 'sha256-") && POLICY.len() > 200);
    }
}
