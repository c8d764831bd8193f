//! A provider in front of a real node that misbehaves on demand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// How it misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does not.
    Honest,
    /// Every answer about accounts is turned round: nothing becomes one, something nothing.
    Lying,
    /// It says a block has another hash.
    LyingOfBlocks,
    /// It says the chain is far ahead.
    Ahead,
    /// It does not answer in time.
    Slow,
    /// It answers with no JSON.
    Garbage,
    /// It stopped at this block.
    Behind(u64),
}

struct Inner {
    upstream: Mutex<String>,
    client: reqwest::Client,
    mode: Mutex<Mode>,
}

/// The provider.
#[derive(Clone)]
pub struct Proxy {
    inner: Arc<Inner>,
    /// Its address.
    pub url: String,
}

impl Proxy {
    /// A provider before the node at `upstream`.
    pub async fn before(upstream: &str, mode: Mode) -> Self {
        let inner = Arc::new(Inner {
            upstream: Mutex::new(upstream.to_owned()),
            client: reqwest::Client::new(),
            mode: Mutex::new(mode),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/", post(answer))
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inner, url }
    }

    /// Leads to another node from now on: one that is on a fork.
    pub fn lead_to(&self, upstream: &str) {
        *self.inner.upstream.lock().unwrap() = upstream.to_owned();
    }

    /// Changes how it misbehaves.
    pub fn set(&self, mode: Mode) {
        *self.inner.mode.lock().unwrap() = mode;
    }
}

async fn answer(State(inner): State<Arc<Inner>>, Json(mut request): Json<Value>) -> String {
    let mode = *inner.mode.lock().unwrap();
    match mode {
        Mode::Garbage => return "<html>busy</html>".into(),
        Mode::Slow => tokio::time::sleep(Duration::from_secs(30)).await,
        _ => {}
    }
    let method = request["method"].as_str().unwrap().to_owned();
    if let (Mode::Behind(number), "eth_getBlockByNumber") = (mode, method.as_str()) {
        let wanted = request["params"][0].as_str().unwrap();
        let wanted = wanted
            .strip_prefix("0x")
            .map(|d| u64::from_str_radix(d, 16).unwrap());
        if wanted.is_some_and(|wanted| wanted > number) {
            return json!({"jsonrpc": "2.0", "id": 1, "result": null}).to_string();
        }
        if wanted.is_none() {
            request["params"][0] = format!("{number:#x}").into();
        }
    }
    let upstream = inner.upstream.lock().unwrap().clone();
    let sent = inner.client.post(upstream).json(&request).send().await;
    let mut answer: Value = match sent {
        Ok(response) => response.json().await.unwrap(),
        Err(_) => return String::new(),
    };
    match (mode, method.as_str()) {
        (Mode::Lying, "eth_call" | "eth_getBalance") => answer = turned_round(&answer),
        (Mode::LyingOfBlocks, "eth_getBlockByNumber") if answer["result"].is_object() => {
            answer["result"]["hash"] = format!("0x{}", "ab".repeat(32)).into();
        }
        (Mode::Ahead, "eth_getBlockByNumber") if answer["result"].is_object() => {
            answer["result"]["number"] = "0xffffffff".into();
        }
        _ => {}
    }
    answer.to_string()
}

fn turned_round(answer: &Value) -> Value {
    let nothing = answer["result"]
        .as_str()
        .is_none_or(|text| text.trim_matches(['0', 'x']).is_empty());
    let number = u8::from(nothing);
    json!({"jsonrpc": "2.0", "id": 1, "result": format!("0x{number:064x}")})
}
