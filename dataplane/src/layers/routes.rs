//! The route templates there are, and what layers must know of each. Metrics have a label for each
//! from the start, limits a policy, load shedding a class. A test holds the list against the
//! services' own routes.

use std::sync::LazyLock;

use axum::extract::Request;
use axum::http::Method;
use streamgate_contract::limits::Scope::{self, Edge, Role as Of};
use streamgate_contract::roles::Role::{Auth, Cache, Metadata, Monitor, Streaming, Upload, Worker};

use super::arrival::Arrival;

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

/// What requests of several routes are counted under: one label for all that begin so, since a label
/// costs fourteen series whether or not anybody asks.
const COUNTED_AS_ONE: [&str; 11] = [
    "/api/v1/auth/keys",
    "/api/v1/auth/oidc",
    "/api/v1/cache",
    "/api/v1/categories",
    "/api/v1/jobs",
    "/api/v1/monitor",
    "/api/v1/nft",
    "/api/v1/schedules",
    "/api/v1/stats",
    "/internal/v1",
    "/prometheus/api/v1",
];

/// Where jobs are submitted.
const SUBMISSIONS: [&str; 2] = ["/api/v1/jobs", "/api/v1/jobs/{id}/retry"];

impl Route {
    /// Its label in metrics: its template, or the beginning it shares with its neighbours.
    pub fn label(&self) -> &'static str {
        let mut shared = COUNTED_AS_ONE.into_iter();
        let shared = shared.find(|shared| self.template.starts_with(shared));
        shared.unwrap_or(self.template)
    }

    /// The policy that counts a request of this method: submission of jobs has one of its own.
    pub fn counted(&self, method: &Method) -> Scope {
        let submits = self.scope == Of(Worker)
            && *method == Method::POST
            && SUBMISSIONS.contains(&self.template);
        if submits { Scope::Jobs } else { self.scope }
    }
}

/// Template of a request that no route took.
pub const UNMATCHED: &str = "unmatched";

const LIST: &[(&str, Scope, Class)] = &[
    (UNMATCHED, Edge, Class::Api),
    ("/api/v1/health", Edge, Class::Api),
    ("/api/v1/openapi.json", Edge, Class::Api),
    ("/api/v1/docs", Edge, Class::Api),
    ("/console", Edge, Class::Api),
    ("/.well-known/jwks.json", Of(Auth), Class::Api),
    ("/api/v1/auth/challenge", Of(Auth), Class::Api),
    ("/api/v1/auth/login", Of(Auth), Class::Api),
    ("/api/v1/auth/logout", Of(Auth), Class::Api),
    ("/api/v1/auth/refresh", Of(Auth), Class::Api),
    ("/api/v1/auth/profile", Of(Auth), Class::Api),
    ("/api/v1/auth/verify", Of(Auth), Class::Api),
    ("/api/v1/auth/oidc/{provider}/login", Of(Auth), Class::Api),
    (
        "/api/v1/auth/oidc/{provider}/callback",
        Of(Auth),
        Class::Api,
    ),
    ("/api/v1/auth/keys", Of(Auth), Class::Api),
    ("/api/v1/auth/keys/{id}", Of(Auth), Class::Api),
    ("/api/v1/nft", Of(Auth), Class::Api),
    ("/api/v1/nft/{id}", Of(Auth), Class::Api),
    ("/api/v1/nft/verify", Of(Auth), Class::Api),
    ("/api/v1/playback", Of(Auth), Class::Playback),
    ("/api/v1/contents", Of(Metadata), Class::Search),
    ("/api/v1/contents/{id}", Of(Metadata), Class::Api),
    ("/api/v1/contents/{id}/admission", Of(Auth), Class::Api),
    ("/api/v1/contents/{id}/stats", Of(Metadata), Class::Api),
    ("/api/v1/search", Of(Metadata), Class::Search),
    ("/api/v1/categories", Of(Metadata), Class::Api),
    ("/api/v1/categories/{id}", Of(Metadata), Class::Api),
    ("/api/v1/stats/playback", Of(Metadata), Class::Search),
    ("/api/v1/stats/top", Of(Metadata), Class::Search),
    ("/api/v1/cache", Of(Cache), Class::Api),
    ("/api/v1/cache/{namespace}", Of(Cache), Class::Api),
    ("/api/v1/cache/{namespace}/{key}", Of(Cache), Class::Api),
    ("/api/v1/monitor/overview", Of(Monitor), Class::Api),
    ("/api/v1/monitor/alerts", Of(Monitor), Class::Api),
    ("/api/v1/monitor/alerts/history", Of(Monitor), Class::Search),
    // The audit log lies where requests enter.
    ("/api/v1/monitor/events", Edge, Class::Api),
    ("/api/v1/monitor/rules", Of(Monitor), Class::Api),
    ("/api/v1/monitor/silences", Of(Monitor), Class::Api),
    ("/api/v1/monitor/silences/{id}", Of(Monitor), Class::Api),
    ("/prometheus/api/v1/query", Of(Monitor), Class::Search),
    ("/prometheus/api/v1/query_range", Of(Monitor), Class::Search),
    ("/prometheus/api/v1/series", Of(Monitor), Class::Search),
    ("/prometheus/api/v1/labels", Of(Monitor), Class::Search),
    (
        "/prometheus/api/v1/label/{name}/values",
        Of(Monitor),
        Class::Search,
    ),
    ("/prometheus/api/v1/rules", Of(Monitor), Class::Api),
    ("/prometheus/api/v1/alerts", Of(Monitor), Class::Api),
    ("/prometheus/api/v1/metadata", Of(Monitor), Class::Api),
    (
        "/prometheus/api/v1/status/buildinfo",
        Of(Monitor),
        Class::Api,
    ),
    ("/api/v1/uploads", Of(Upload), Class::Upload),
    ("/api/v1/uploads/{id}", Of(Upload), Class::Upload),
    ("/api/v1/uploads/{id}/events", Of(Upload), Class::Upload),
    ("/api/v1/files", Of(Upload), Class::Upload),
    ("/api/v1/files/{id}", Of(Upload), Class::Upload),
    ("/api/v1/jobs", Of(Worker), Class::Search),
    ("/api/v1/jobs/{id}", Of(Worker), Class::Api),
    ("/api/v1/jobs/{id}/cancel", Of(Worker), Class::Api),
    ("/api/v1/jobs/{id}/retry", Of(Worker), Class::Api),
    ("/api/v1/profiles", Of(Worker), Class::Api),
    ("/api/v1/queue", Of(Worker), Class::Api),
    ("/api/v1/schedules", Of(Worker), Class::Search),
    ("/api/v1/schedules/{id}", Of(Worker), Class::Api),
    ("/v/{handle}/{file}", Of(Streaming), Class::Playback),
    ("/v/{handle}/{track}/{file}", Of(Streaming), Class::Playback),
    ("/internal/v1/roles/{question}", Of(Auth), Class::Api),
    ("/internal/v1/assignment", Of(Worker), Class::Api),
    ("/internal/v1/plan", Of(Worker), Class::Api),
    ("/internal/v1/tickets", Of(Worker), Class::Api),
    ("/internal/v1/commits", Of(Worker), Class::Api),
    ("/internal/v1/progress", Of(Worker), Class::Api),
    ("/internal/v1/usage", Of(Worker), Class::Api),
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

/// Routes by the shape of their path; those of playback are not in it.
static SHAPES: LazyLock<matchit::Router<&'static Route>> = LazyLock::new(|| {
    let mut shapes = matchit::Router::new();
    for route in ROUTES.iter().filter(|r| r.template.starts_with('/')) {
        // Fails only for templates that contradict each other, which a test would see.
        let _ = shapes.insert(route.template, route);
    }
    shapes
});

/// `/v/{handle}/{file}` and `/v/{handle}/{track}/{file}`, in this order.
static PLAYBACK: LazyLock<[&'static Route; 2]> = LazyLock::new(|| {
    let named = |name| ROUTES.iter().find(|route| route.template == name);
    ["/v/{handle}/{file}", "/v/{handle}/{track}/{file}"]
        .map(|name| named(name).unwrap_or(&ROUTES[0]))
});

/// The route that takes a path.
pub fn of(path: &str) -> &'static Route {
    match path.strip_prefix("/v/") {
        // Nothing is looked up for a segment; a handle is long, so it is passed in one stride.
        Some(below) => match below.split_once('/').map(|(_, rest)| rest.split_once('/')) {
            Some(None) => PLAYBACK[0],
            Some(Some((_, file))) if !file.contains('/') => PLAYBACK[1],
            _ => &ROUTES[0],
        },
        None => SHAPES.at(path).map_or(&ROUTES[0], |found| *found.value),
    }
}

/// The route of a request, found out once.
pub fn known(request: &Request) -> &'static Route {
    match request.extensions().get::<Arrival>() {
        Some(arrival) => arrival.route,
        None => of(request.uri().path()),
    }
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
            let literals = text.split(".route(").skip(1).filter_map(|rest| {
                let rest = rest.trim_start().strip_prefix('"')?;
                Some(rest.split('"').next()?.to_owned())
            });
            found.extend(literals);
        }
        found
    }

    /// A path that a template takes.
    fn path(template: &str) -> String {
        let part = |part: &str| match part.strip_prefix("{*") {
            Some(_) => "a/b/c".to_owned(),
            None if part.starts_with('{') => "x-1".to_owned(),
            None => part.to_owned(),
        };
        template.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn submission_of_jobs_is_counted_apart() {
        for (method, path, scope) in [
            (Method::POST, "/api/v1/jobs", Scope::Jobs),
            (Method::GET, "/api/v1/jobs", Of(Worker)),
            (Method::POST, "/api/v1/jobs/x/retry", Scope::Jobs),
            (Method::POST, "/api/v1/jobs/x/cancel", Of(Worker)),
            (Method::POST, "/api/v1/contents", Of(Metadata)),
        ] {
            assert_eq!(of(path).counted(&method), scope, "{method} {path}");
        }
    }

    #[test]
    fn every_route_of_a_service_is_listed_and_found() {
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
            assert_eq!(of(&path(template)).template, template);
        }
        for route in ROUTES.iter().skip(1) {
            assert_eq!(of(&path(route.template)).number, route.number);
        }
        let labels = ["/api/v1/stats/top", "/api/v1/contents/{id}/stats"].map(|t| of(t).label());
        assert_eq!(labels, ["/api/v1/stats", "/api/v1/contents/{id}/stats"]);
        for nowhere in [
            "/",
            "/v",
            "/v/",
            "/v/h",
            "/v/h/t/f/x",
            "/api/v1",
            "v/h/f",
            "",
        ] {
            assert_eq!(of(nowhere).template, UNMATCHED, "{nowhere:?}");
        }
    }
}
