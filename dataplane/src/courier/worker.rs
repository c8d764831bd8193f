//! The courier's side of the job interface, and the object store behind its tickets. The bearer
//! token goes to the worker's own routes and nowhere else; no redirect is followed; what went
//! wrong is told without any address.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use streamgate_contract::job_api::{
    ARRIVAL_SECONDS, ASSIGNMENT_PATH, Assignment, COMMITS_PATH, CommitRequest, CommitResult,
    PLAN_PATH, PROGRESS_PATH, PUBLISH_PATH, ProgressReport, QUALITY_PATH, SOURCE_SHA256,
    TICKETS_PATH, Ticket, TicketRequest, USAGE_PATH,
};
use streamgate_contract::job_files::{MAX_PLAN_BYTES, Published, Usage};
use streamgate_contract::plan::{ByteRange, Plan};
use streamgate_contract::quality::TrackQuality;

use super::CourierError;
use super::halt::Halt;
use super::retry::{Miss, Retry};

const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait for an answer without a body of size.
const ANSWER: Duration = Duration::from_secs(30);
/// Slowest transfer that is not given up, in bytes per second.
const SLOWEST: u64 = 128 << 10;
/// Most bytes of an answer; an assignment carries a plan and signed addresses.
const MAX_ANSWER: u64 = MAX_PLAN_BYTES + (8 << 20);
/// Most bytes of a refusal.
const MAX_PROBLEM: u64 = 64 << 10;

/// The worker of this pod's StreamGate.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    http: Client,
    origin: Url,
    token: PathBuf,
    patience: Duration,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    reason: String,
    detail: String,
}

/// The longest a transfer of `bytes` may take.
fn transfer(bytes: u64) -> Duration {
    ANSWER + Duration::from_secs(bytes / SLOWEST)
}

impl Worker {
    pub(super) fn new(url: &str, token: &Path, patience: Duration) -> Result<Self, CourierError> {
        let origin = origin(url)?;
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|e| CourierError::Http(e.without_url()))?;
        Ok(Self {
            http,
            origin,
            token: token.to_owned(),
            patience,
        })
    }

    /// A fresh count of attempts.
    pub(super) fn retry(&self) -> Retry {
        Retry::new(self.patience)
    }

    pub(super) async fn assignment(&self) -> Result<Assignment, Halt> {
        let ask = || async {
            Ok(self
                .route(Method::GET, ASSIGNMENT_PATH)
                .await?
                .timeout(transfer(MAX_ANSWER)))
        };
        self.patiently("assignment", ask).await
    }

    /// The assignment once more, when an arriving source has more than `beyond` bytes or is whole, or
    /// after a while.
    pub(super) async fn more(&self, beyond: u64) -> Result<Assignment, Halt> {
        let ask = || async {
            let query = format!("beyond={beyond}");
            let route = self.asking(Method::GET, ASSIGNMENT_PATH, Some(&query));
            let wait = Duration::from_secs(ARRIVAL_SECONDS);
            Ok(route.await?.timeout(wait + transfer(MAX_ANSWER)))
        };
        self.patiently("assignment", ask).await
    }

    /// Hands in a plan and the hash of its source; the answer tells the plan of the output, which the
    /// first one made.
    pub(super) async fn plan(
        &self,
        plan: &Plan,
        source_sha256: Option<&str>,
    ) -> Result<Assignment, Halt> {
        let ask = || async {
            let mut route = self.route(Method::POST, PLAN_PATH).await?;
            if let Some(sha256) = source_sha256 {
                route = route.header(SOURCE_SHA256, sha256);
            }
            Ok(route.json(plan).timeout(transfer(MAX_ANSWER)))
        };
        self.patiently("plan", ask).await
    }

    pub(super) async fn publish(&self) -> Result<Published, Halt> {
        let ask = || self.route(Method::POST, PUBLISH_PATH);
        self.patiently("publish", ask).await
    }

    pub(super) async fn ticket(&self, request: &TicketRequest) -> Result<Ticket, Miss> {
        let route = self.route(Method::POST, TICKETS_PATH).await?;
        json("ticket", route.json(request)).await
    }

    pub(super) async fn commit(&self, request: &CommitRequest) -> Result<CommitResult, Miss> {
        let route = self.route(Method::POST, COMMITS_PATH).await?;
        json("commit", route.json(request)).await
    }

    /// One attempt; a lost report is replaced by the next.
    pub(super) async fn progress(&self, report: &ProgressReport) -> Result<(), Miss> {
        let route = self.route(Method::POST, PROGRESS_PATH).await?;
        let route = route.json(report).timeout(CONNECT);
        answer("progress", route).await.map(|_| ())
    }

    /// One attempt; what a pod took is for people and holds nothing up.
    pub(super) async fn usage(&self, usage: &Usage) -> Result<(), Miss> {
        let route = self.route(Method::POST, USAGE_PATH).await?;
        let route = route.json(usage).timeout(CONNECT);
        answer("usage", route).await.map(|_| ())
    }

    /// One attempt, for the same reason.
    pub(super) async fn quality(&self, quality: &[TrackQuality]) -> Result<(), Miss> {
        let route = self.route(Method::POST, QUALITY_PATH).await?;
        let route = route.json(quality).timeout(CONNECT);
        answer("quality", route).await.map(|_| ())
    }

    /// Stores the body of exactly `bytes` bytes under a ticket.
    pub(super) async fn put(&self, ticket: &Ticket, bytes: u64, body: Body) -> Result<(), Miss> {
        let request = self
            .http
            .put(self.object(&ticket.url)?)
            .headers(headers(&ticket.headers)?)
            .header(header::CONTENT_LENGTH, bytes)
            .timeout(transfer(bytes))
            .body(body);
        match answer("store", request).await {
            // The key carries the hash: what lies there already is this object. The commit judges.
            Err(Miss::Again {
                status: Some(412), ..
            }) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Begins to read a range of an object of `whole` bytes; the answer holds exactly the range.
    pub(super) async fn range(
        &self,
        url: &str,
        range: ByteRange,
        whole: u64,
    ) -> Result<Response, Miss> {
        let (start, length) = (range.start, range.end.saturating_sub(range.start));
        let request = self
            .http
            .get(self.object(url)?)
            .header(header::RANGE, format!("bytes={start}-{}", range.end - 1))
            .timeout(transfer(length));
        let response = answer("source", request).await?;
        let partial = response.status() == StatusCode::PARTIAL_CONTENT;
        if partial || (start == 0 && length == whole) {
            return Ok(response);
        }
        Err(Miss::unanswered("source: the store does not answer ranges"))
    }

    /// Asks until there is an answer or patience ends.
    async fn patiently<A: DeserializeOwned, F: Future<Output = Result<RequestBuilder, Miss>>>(
        &self,
        what: &'static str,
        request: impl Fn() -> F,
    ) -> Result<A, Halt> {
        let mut retry = self.retry();
        loop {
            let asked = async { json(what, request().await?).await };
            match asked.await {
                Ok(answer) => return Ok(answer),
                Err(miss) => retry.after(miss).await?,
            }
        }
    }

    /// A request to one of the worker's own routes.
    async fn route(&self, method: Method, path: &str) -> Result<RequestBuilder, Miss> {
        self.asking(method, path, None).await
    }

    /// The same with a query. The token is read every time: kubelet replaces it before it expires.
    async fn asking(
        &self,
        method: Method,
        path: &str,
        query: Option<&str>,
    ) -> Result<RequestBuilder, Miss> {
        let token = tokio::fs::read_to_string(&self.token)
            .await
            .map_err(|_| Miss::unanswered("the service-account token cannot be read"))?;
        let mut url = self.origin.clone();
        url.set_path(path);
        url.set_query(query);
        let request = self.http.request(method, url).bearer_auth(token.trim());
        Ok(request.timeout(ANSWER))
    }

    /// Where an object is: an absolute address, or a path on the worker.
    fn object(&self, url: &str) -> Result<Url, Miss> {
        let path = url.starts_with('/') && !url.starts_with("//");
        let parsed = if path {
            self.origin.join(url)
        } else {
            Url::parse(url)
        };
        parsed
            .ok()
            .filter(|u| matches!(u.scheme(), "http" | "https"))
            .ok_or_else(|| Miss::unanswered("the worker gave an address that is none"))
    }
}

fn origin(url: &str) -> Result<Url, CourierError> {
    let invalid = || CourierError::WorkerUrl;
    let mut origin = Url::parse(url).map_err(|_| invalid())?;
    let plain = origin.username().is_empty() && origin.password().is_none() && origin.has_host();
    if !plain || !matches!(origin.scheme(), "http" | "https") {
        return Err(invalid());
    }
    origin.set_path("/");
    origin.set_query(None);
    origin.set_fragment(None);
    Ok(origin)
}

/// The headers of a ticket; host and length are the client's own business.
fn headers(given: &[(String, String)]) -> Result<HeaderMap, Miss> {
    let mut map = HeaderMap::new();
    for (name, value) in given {
        let bad = || Miss::unanswered("the worker gave a header that is none");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        if name != header::HOST && name != header::CONTENT_LENGTH {
            map.insert(name, HeaderValue::from_str(value).map_err(|_| bad())?);
        }
    }
    Ok(map)
}

/// Sends and keeps only a success.
async fn answer(what: &'static str, request: RequestBuilder) -> Result<Response, Miss> {
    let response = request.send().await.map_err(|e| unanswered(what, &e))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let body = body(what, response, MAX_PROBLEM).await.unwrap_or_default();
    Err(judge(what, status, &body))
}

async fn json<A: DeserializeOwned>(what: &'static str, request: RequestBuilder) -> Result<A, Miss> {
    let response = answer(what, request).await?;
    let body = body(what, response, MAX_ANSWER).await?;
    serde_json::from_slice(&body)
        .map_err(|_| Miss::unanswered(&format!("{what}: the answer is not understood")))
}

/// The whole body, if it is no longer than `most`.
async fn body(what: &'static str, mut response: Response, most: u64) -> Result<Vec<u8>, Miss> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|e| unanswered(what, &e))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > most {
            return Err(Miss::unanswered(&format!("{what}: the answer is too long")));
        }
    }
    Ok(bytes)
}

/// What a refusal means.
fn judge(what: &'static str, status: StatusCode, body: &[u8]) -> Miss {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    if status == StatusCode::UNPROCESSABLE_ENTITY
        && let Some(halt) = Halt::refusal(&problem.reason, &problem.detail)
    {
        return Miss::Halt(halt);
    }
    Miss::Again {
        status: Some(status.as_u16()),
        what: format!("{what}: answered with status {}", status.as_u16()),
    }
}

/// An error of the way there, in words that hold no address.
pub(super) fn unanswered(what: &str, error: &reqwest::Error) -> Miss {
    let why = if error.is_connect() {
        "cannot connect"
    } else if error.is_timeout() {
        "no answer in time"
    } else {
        "the connection broke"
    };
    Miss::unanswered(&format!("{what}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgate_contract::reasons::job;

    fn worker(url: &str) -> Result<Worker, CourierError> {
        Worker::new(url, Path::new("/nowhere"), Duration::ZERO)
    }

    #[test]
    fn a_worker_is_an_http_origin() {
        for bad in [
            "",
            "worker",
            "ftp://w",
            "http://u:p@w",
            "file:///etc/passwd",
        ] {
            assert!(worker(bad).is_err(), "{bad}");
        }
        assert!(worker("http://demo-worker.demo.svc:8081").is_ok());
    }

    #[test]
    fn objects_are_paths_on_the_worker_or_absolute() {
        let worker = worker("http://w:8081/ignored?x").unwrap();
        let at = |url: &str| worker.object(url).map(String::from).ok();
        let relative = at("/internal/v1/objects/a?signature=s");
        assert_eq!(
            relative.unwrap(),
            "http://w:8081/internal/v1/objects/a?signature=s"
        );
        assert_eq!(at("https://s3/b/k").unwrap(), "https://s3/b/k");
        for bad in ["//other/k", "k", "file:///etc/passwd", ""] {
            assert!(at(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn only_422_with_a_known_reason_ends_the_job() {
        let body = format!(
            r#"{{"reason":"{}","detail":"gone"}}"#,
            job::SOURCE_NOT_FOUND
        );
        let of = |status| judge("plan", status, body.as_bytes());
        assert!(matches!(
            of(StatusCode::UNPROCESSABLE_ENTITY),
            Miss::Halt(_)
        ));
        assert!(matches!(of(StatusCode::NOT_FOUND), Miss::Again { .. }));
        let plain = judge("plan", StatusCode::UNPROCESSABLE_ENTITY, b"no json");
        assert!(matches!(
            plain,
            Miss::Again {
                status: Some(422),
                ..
            }
        ));
    }

    #[test]
    fn a_ticket_cannot_set_host_or_length() {
        let given = [
            ("Host", "x"),
            ("content-length", "9"),
            ("x-amz-acl", "private"),
        ];
        let given = given.map(|(n, v)| (n.to_owned(), v.to_owned()));
        let map = headers(&given).unwrap();
        assert_eq!(map.len(), 1);
    }
}
