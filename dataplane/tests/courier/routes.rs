//! The routes of the worker of these tests, as the contract has them.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use sha2::{Digest, Sha256};
use streamgate_contract::job_api::{
    ASSIGNMENT_PATH, Assignment, COMMITS_PATH, CommitRequest, CommitResult, OBJECTS_PATH, Object,
    PLAN_PATH, PROGRESS_PATH, PUBLISH_PATH, ProgressReport, QUALITY_PATH, SOURCE_SHA256,
    TICKETS_PATH, Ticket, TicketRequest, USAGE_PATH,
};
use streamgate_contract::job_files::{Published, SegmentName, Usage};
use streamgate_contract::plan::Plan;
use streamgate_contract::quality::TrackQuality;

use crate::pod::TOKEN;
use crate::worker::State;

type World = Shared<Arc<Mutex<State>>>;

/// Every route.
pub fn app(state: Arc<Mutex<State>>) -> Router {
    let object = format!("{OBJECTS_PATH}/{{*key}}");
    Router::new()
        .route(ASSIGNMENT_PATH, get(assignment))
        .route(PLAN_PATH, post(plan))
        .route(TICKETS_PATH, post(ticket))
        .route(COMMITS_PATH, post(commit))
        .route(PROGRESS_PATH, post(progress))
        .route(USAGE_PATH, post(usage))
        .route(QUALITY_PATH, post(quality))
        .route(PUBLISH_PATH, post(publish))
        .route(&object, get(read).put(store))
        .layer(DefaultBodyLimit::disable())
        .with_state(state)
}

/// A refusal by status and reason.
struct Problem(u16, &'static str);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(status, reason) = self;
        let body = json!({"type": "about:blank", "title": reason, "status": status,
            "detail": "on command", "reason": reason});
        (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
    }
}

fn problem(status: u16, reason: &'static str) -> Response {
    Problem(status, reason).into_response()
}

/// Who calls, and the state; refuses strangers and whatever is to be refused.
fn enter<'a>(
    world: &'a Arc<Mutex<State>>,
    headers: &HeaderMap,
) -> Result<(String, MutexGuard<'a, State>), Problem> {
    let state = world.lock().unwrap();
    if let Some((status, reason)) = state.refusal {
        return Err(Problem(status, reason));
    }
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|h| h.to_str().ok());
    let pod = bearer
        .and_then(|b| b.strip_prefix("Bearer "))
        .and_then(|token| token.strip_prefix(TOKEN))
        .unwrap_or_default();
    if pod.is_empty() {
        return Err(Problem(401, "Unauthenticated"));
    }
    Ok((pod.to_owned(), state))
}

async fn assignment(world: World, headers: HeaderMap) -> Result<Json<Assignment>, Problem> {
    let (pod, state) = enter(&world, &headers)?;
    let found = state.assignment(&pod);
    found.map(Json).ok_or(Problem(403, "Forbidden"))
}

async fn plan(
    world: World,
    headers: HeaderMap,
    Json(plan): Json<Plan>,
) -> Result<Json<Assignment>, Problem> {
    let (pod, mut state) = enter(&world, &headers)?;
    let sha256 = headers.get(SOURCE_SHA256).map(|h| h.to_str().unwrap());
    state.source_sha256 = sha256.map(str::to_owned);
    if state.has_it_all {
        state.take_over(&plan);
    }
    state.plan.get_or_insert(plan);
    let committed = state.committed.keys().cloned().collect();
    let mut answer = state.assignment(&pod).unwrap();
    answer.order = state.span(0, committed).unwrap();
    Ok(Json(answer))
}

async fn ticket(
    world: World,
    headers: HeaderMap,
    Json(request): Json<TicketRequest>,
) -> Result<Json<Ticket>, Problem> {
    let (_, mut state) = enter(&world, &headers)?;
    state.tickets += 1;
    if let Some(hook) = &mut state.on_ticket {
        hook();
    }
    let key = key(&request.object, &request.sha256);
    let url = format!(
        "{OBJECTS_PATH}/{key}?bytes={}&sha256={}",
        request.bytes, request.sha256
    );
    let headers = vec![("content-type".to_owned(), "video/mp4".to_owned())];
    Ok(Json(Ticket { key, url, headers }))
}

fn key(object: &Object, sha256: &str) -> String {
    let h = &sha256[..16];
    match object {
        Object::Init { track } => format!("out/{track}/init-{h}.mp4"),
        Object::Segment { track, number } => format!("out/{track}/{number:06}-{h}.m4s"),
        Object::Text { track } => format!("out/{track}/text-{h}"),
        Object::Still { still } => format!("out/extras/{}-{h}.jpg", still.name()),
    }
}

async fn store(
    world: World,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let slow = world.lock().unwrap().slow;
    tokio::time::sleep(slow).await;
    let mut state = world.lock().unwrap();
    state.leaked |= headers.contains_key(header::AUTHORIZATION);
    if state
        .store_down_until
        .is_some_and(|until| Instant::now() < until)
    {
        return problem(503, "StoreDown");
    }
    let is = format!(
        "bytes={}&sha256={}",
        body.len(),
        hex::encode(Sha256::digest(&body))
    );
    let typed = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|t| t == "video/mp4");
    if query.unwrap_or_default() != is || !typed {
        return problem(400, "NotWhatWasAnnounced");
    }
    state.puts.push(key.clone());
    state.objects.entry(key).or_insert_with(|| body.to_vec());
    StatusCode::OK.into_response()
}

async fn commit(
    world: World,
    headers: HeaderMap,
    Json(request): Json<CommitRequest>,
) -> Result<Json<CommitResult>, Problem> {
    let (_, mut state) = enter(&world, &headers)?;
    let there = state.objects.get(&request.key).map(Vec::len);
    if there != Some(request.bytes as usize) {
        return Err(Problem(409, "ObjectMissing"));
    }
    let first = match request.object.clone() {
        Object::Init { track } => {
            let old = state.inits.get(track.as_str()).cloned();
            let key = old.clone().unwrap_or(request.key);
            state.inits.insert(track.to_string(), key);
            old.is_none()
        }
        Object::Segment { track, number } => {
            let name = SegmentName { track, number };
            let old = state.committed.get(&name).cloned();
            let key = old.clone().unwrap_or(request.key);
            state.committed.insert(name, key);
            old.is_none()
        }
        Object::Text { .. } | Object::Still { .. } => {
            let mut objects = state.commits.iter().map(|(object, _)| object);
            objects.all(|object| *object != request.object)
        }
    };
    state.commits.push((request.object, first));
    Ok(Json(CommitResult { first }))
}

async fn progress(
    world: World,
    headers: HeaderMap,
    Json(report): Json<ProgressReport>,
) -> Result<StatusCode, Problem> {
    let (_, mut state) = enter(&world, &headers)?;
    state.progress.push((Instant::now(), report));
    Ok(StatusCode::NO_CONTENT)
}

async fn usage(
    world: World,
    headers: HeaderMap,
    Json(usage): Json<Usage>,
) -> Result<StatusCode, Problem> {
    let (_, mut state) = enter(&world, &headers)?;
    state.usage.push(usage);
    Ok(StatusCode::NO_CONTENT)
}

async fn quality(
    world: World,
    headers: HeaderMap,
    Json(quality): Json<Vec<TrackQuality>>,
) -> Result<StatusCode, Problem> {
    let (_, mut state) = enter(&world, &headers)?;
    state.quality.extend(quality);
    Ok(StatusCode::NO_CONTENT)
}

async fn publish(world: World, headers: HeaderMap) -> Result<Json<Published>, Problem> {
    let (_, state) = enter(&world, &headers)?;
    Ok(Json(Published {
        content: "content".to_owned(),
        output: "output".to_owned(),
        segments: u32::try_from(state.committed.len()).unwrap(),
        bytes: state.objects.values().map(|o| o.len() as u64).sum(),
        cost: Usage::default(),
        quality: Vec::new(),
        taken_from: None,
    }))
}

/// Ranges of the source's objects, under a signature that expires.
async fn read(
    world: World,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let mut state = world.lock().unwrap();
    state.leaked |= headers.contains_key(header::AUTHORIZATION);
    if let Some(elsewhere) = state.redirect.clone() {
        return axum::response::Redirect::temporary(&elsewhere).into_response();
    }
    if query.unwrap_or_default() != format!("signature={}", state.signature) {
        return problem(403, "Expired");
    }
    let range = headers.get(header::RANGE).and_then(|r| r.to_str().ok());
    let part = key
        .strip_prefix("source/")
        .and_then(|n| n.parse::<usize>().ok());
    let (Some(part), Some(range)) = (part, range) else {
        return problem(404, "NotFound");
    };
    let (begin, _) = state.parts()[part];
    let (start, last) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let at = |n: &str| begin + n.parse::<usize>().unwrap();
    let bytes = state.source[at(start)..=at(last)].to_vec();
    state.served += bytes.len() as u64;
    (StatusCode::PARTIAL_CONTENT, bytes).into_response()
}
