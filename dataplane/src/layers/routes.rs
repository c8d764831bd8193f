//! The route templates there are, and what layers must know of each. Metrics have a label for each
//! from the start, limits a policy, load shedding a class. A test holds the list against the
//! services' own routes.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::{MatchedPath, Request};
use streamgate_contract::limits::Scope::{self, Edge, Role as Of};
use streamgate_contract::roles::Role::{Auth, Cache, Metadata, Streaming, Upload, Worker};

/// What is served first when there is too much to do, in this order. Health has a listener of its
/// own and is never refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Somebody is watching.
    Playback,
    /// Everything else.
    Api,
    /// Lists and searches.
    Search,
    /// Bytes of uploads: they are tried again by their clients.
    Upload,
}

/// A route as the layers see it.
#[derive(Debug)]
pub struct Route {
    /// Template of its path; [`UNMATCHED`] for requests that no route takes.
    pub template: &'static str,
    /// Policy of its limit besides that of the address.
    pub scope: Scope,
    /// When it is shed.
    pub class: Class,
    /// Place in [`ROUTES`].
    pub number: usize,
}

/// Template of a request that no route took.
pub const UNMATCHED: &str = "unmatched";

const LIST: &[(&str, Scope, Class)] = &[
    (UNMATCHED, Edge, Class::Api),
    ("/.well-known/jwks.json", Of(Auth), Class::Api),
    ("/api/v1/auth/challenge", Of(Auth), Class::Api),
    ("/api/v1/auth/login", Of(Auth), Class::Api),
    ("/api/v1/auth/logout", Of(Auth), Class::Api),
    ("/api/v1/auth/profile", Of(Auth), Class::Api),
    ("/api/v1/playback", Of(Auth), Class::Playback),
    ("/api/v1/contents", Of(Metadata), Class::Search),
    ("/api/v1/contents/{id}", Of(Metadata), Class::Api),
    ("/api/v1/contents/{id}/admission", Of(Auth), Class::Api),
    ("/api/v1/cache", Of(Cache), Class::Api),
    ("/api/v1/cache/{namespace}", Of(Cache), Class::Api),
    ("/api/v1/cache/{namespace}/{key}", Of(Cache), Class::Api),
    ("/api/v1/uploads", Of(Upload), Class::Upload),
    ("/api/v1/uploads/{id}", Of(Upload), Class::Upload),
    ("/v/{handle}/{file}", Of(Streaming), Class::Playback),
    ("/v/{handle}/{track}/{file}", Of(Streaming), Class::Playback),
    ("/internal/v1/assignment", Of(Worker), Class::Api),
    ("/internal/v1/plan", Of(Worker), Class::Api),
    ("/internal/v1/tickets", Of(Worker), Class::Api),
    ("/internal/v1/commits", Of(Worker), Class::Api),
    ("/internal/v1/progress", Of(Worker), Class::Api),
    ("/internal/v1/publish", Of(Worker), Class::Api),
    ("/internal/v1/objects/{*key}", Of(Worker), Class::Api),
];

/// Every route.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let routes = LIST.iter().enumerate();
    let route = |(number, &(template, scope, class))| Route {
        template,
        scope,
        class,
        number,
    };
    routes.map(route).collect()
});

static INDEX: LazyLock<HashMap<&'static str, &'static Route>> =
    LazyLock::new(|| ROUTES.iter().map(|r| (r.template, r)).collect());

/// The route that took a request.
pub fn known(request: &Request) -> &'static Route {
    let template = request.extensions().get::<MatchedPath>();
    let route = template.and_then(|t| INDEX.get(t.as_str()).copied());
    route.unwrap_or_else(|| &ROUTES[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgate_contract::job_api;

    /// Templates in the sources of the services: literals behind `.route(`.
    fn written() -> Vec<String> {
        let services = concat!(env!("CARGO_MANIFEST_DIR"), "/src/services");
        let mut found = Vec::new();
        for role in std::fs::read_dir(services).unwrap() {
            let Ok(text) = std::fs::read_to_string(role.unwrap().path().join("http.rs")) else {
                continue;
            };
            let nested = if text.contains(".nest(\"/v\"") {
                "/v"
            } else {
                ""
            };
            let literals = text.split(".route(").skip(1).filter_map(|rest| {
                let rest = rest.trim_start().strip_prefix('"')?;
                Some(format!("{nested}{}", rest.split('"').next()?))
            });
            found.extend(literals);
        }
        found
    }

    #[test]
    fn every_route_of_a_service_is_listed() {
        let written = written();
        assert!(written.len() >= 8, "{written:?}");
        let job_paths = [
            job_api::ASSIGNMENT_PATH,
            job_api::PLAN_PATH,
            job_api::TICKETS_PATH,
            job_api::COMMITS_PATH,
            job_api::PROGRESS_PATH,
            job_api::PUBLISH_PATH,
        ];
        for template in written.iter().map(String::as_str).chain(job_paths) {
            assert!(
                INDEX.contains_key(template),
                "{template} is not in the list"
            );
        }
    }
}
