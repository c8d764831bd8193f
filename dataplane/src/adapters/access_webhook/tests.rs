//! Webhooks against servers on loopback, and everything they might lead to. Lines that begin with
//! `gate-12` are the claim's.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use ed25519_dalek::{Signer, SigningKey};
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const WALLET: Wallet = Wallet::of_key([7; 20]);

/// Signs what services answer.
pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn rule(url: &str) -> WebhookRule {
    let public_key = hex::encode(key().verifying_key().to_bytes());
    let url = url.to_owned();
    WebhookRule { url, public_key }
}

fn settings(hosts: &[&str], networks: &[&str]) -> Webhooks {
    let owned = |list: &[&str]| list.iter().map(|text| text.to_string()).collect();
    Webhooks {
        hosts: owned(hosts),
        private_networks: owned(networks),
    }
}

/// Answers one request with what `answer` makes of its body; counts connections.
pub struct Service {
    pub at: SocketAddr,
    pub dialled: Arc<AtomicUsize>,
}

impl Service {
    pub async fn new<F, W>(answer: F) -> Self
    where
        F: Fn(TcpStream, String) -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send,
    {
        Self::at("127.0.0.1:0".parse().unwrap(), answer).await
    }

    pub async fn at<F, W>(address: SocketAddr, answer: F) -> Self
    where
        F: Fn(TcpStream, String) -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let (at, dialled) = (
            listener.local_addr().unwrap(),
            Arc::new(AtomicUsize::new(0)),
        );
        let count = dialled.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let body = request(&mut stream).await;
                answer(stream, body).await;
            }
        });
        Self { at, dialled }
    }

    fn dialled(&self) -> usize {
        self.dialled.load(Ordering::SeqCst)
    }
}

/// The body of a request whose length its head tells.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let length = text.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok());
        if let (Some(end), Some(length)) = (text.find("\r\n\r\n"), length)
            && bytes.len() >= end + 4 + length
        {
            return String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
        }
        if read == 0 {
            return String::new();
        }
    }
}

async fn send(mut stream: TcpStream, head: &str, body: &str) {
    let length = body.len();
    let text =
        format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn signature(body: &str) -> String {
    let signed = key().sign(&[CONTEXT, body.as_bytes()].concat());
    hex::encode(signed.to_bytes())
}

/// A good answer.
pub async fn admit(stream: TcpStream, question: String, admit: bool) {
    let question: serde_json::Value = serde_json::from_str(&question).unwrap();
    let body = json!({"nonce": question["nonce"], "wallet": question["wallet"], "admit": admit});
    let body = body.to_string();
    let head = format!("200 OK\r\n{SIGNATURE}: {}", signature(&body));
    send(stream, &head, &body).await;
}

/// Names that mean what the test says, one meaning after another.
struct Scripted(Mutex<VecDeque<Vec<SocketAddr>>>);

impl Scripted {
    fn new(meanings: &[&[&str]]) -> Arc<Self> {
        let address = |text: &&str| SocketAddr::new(text.parse().unwrap(), 0);
        let meanings = meanings.iter().map(|m| m.iter().map(address).collect());
        Arc::new(Self(Mutex::new(meanings.collect())))
    }
}

impl Names for Scripted {
    fn addresses(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        let mut left = self.0.lock().unwrap();
        let now = left.pop_front().unwrap_or_default();
        Box::pin(async move { Ok(now) })
    }
}

fn hooks(host: &str, networks: &[&str], names: Arc<dyn Names>) -> HttpHooks {
    HttpHooks::with_names(&settings(&[host], networks), "https://gate.example", names).unwrap()
}

async fn asked(host: &str, networks: &[&str], names: Arc<dyn Names>) -> Result<bool, HookError> {
    let url = format!("http://{host}/admit");
    hooks(host, networks, names)
        .admits(WALLET, &rule(&url))
        .await
}

fn is_refused(outcome: &Result<bool, HookError>) -> bool {
    matches!(outcome, Err(HookError::NotAllowed(_)))
}

#[tokio::test]
async fn a_listed_service_says_yes_or_no() {
    for says in [true, false] {
        let service =
            Service::new(move |stream, body| async move { admit(stream, body, says).await }).await;
        let host = format!("hook.example:{}", service.at.port());
        let names = Scripted::new(&[&["127.0.0.1"]]);
        let outcome = asked(&host, &["127.0.0.0/8"], names).await;
        assert_eq!(outcome.unwrap(), says);
    }
}

/// What a service may answer that proves nothing.
#[tokio::test]
async fn an_answer_that_is_not_signed_over_our_question_does_not_count() {
    type Change = fn(String, &mut serde_json::Value) -> String;
    let cases: [(&str, Change); 6] = [
        ("unsigned", |_, _| String::new()),
        ("signed by another", |body, _| {
            let other = SigningKey::from_bytes(&[6; 32]);
            hex::encode(other.sign(&[CONTEXT, body.as_bytes()].concat()).to_bytes())
        }),
        ("signed for something else", |body, _| {
            hex::encode(key().sign(body.as_bytes()).to_bytes())
        }),
        ("another nonce", |_, reply| {
            reply["nonce"] = "0".repeat(32).into();
            signature(&reply.to_string())
        }),
        ("another wallet", |_, reply| {
            reply["wallet"] = "0x00".into();
            signature(&reply.to_string())
        }),
        ("no word", |_, reply| {
            reply["admit"] = "yes".into();
            signature(&reply.to_string())
        }),
    ];
    for (what, change) in cases {
        let service = Service::new(move |stream, question: String| async move {
            let question: serde_json::Value = serde_json::from_str(&question).unwrap();
            let mut reply =
                json!({"nonce": question["nonce"], "wallet": question["wallet"], "admit": true});
            let signed = change(reply.to_string(), &mut reply);
            let head = format!("200 OK\r\n{SIGNATURE}: {signed}");
            send(stream, &head, &reply.to_string()).await;
        })
        .await;
        let host = format!("hook.example:{}", service.at.port());
        let outcome = asked(&host, &["127.0.0.0/8"], Scripted::new(&[&["127.0.0.1"]])).await;
        assert!(
            matches!(outcome, Err(HookError::InvalidAnswer(_))),
            "{what}: {outcome:?}"
        );
    }
}

/// Every address nobody outside may have us dial, as a name means it and as a URL writes it.
const INSIDE: [(&str, &str); 24] = [
    ("loopback", "127.0.0.1"),
    ("loopback", "127.255.255.254"),
    ("this host", "0.0.0.0"),
    ("private", "10.0.0.1"),
    ("private", "172.16.0.1"),
    ("private", "192.168.1.1"),
    ("cluster", "10.96.0.1"),
    ("cluster", "100.64.0.1"),
    ("metadata", "169.254.169.254"),
    ("metadata", "100.100.100.200"),
    ("metadata", "168.63.129.16"),
    ("multicast", "224.0.0.1"),
    ("broadcast", "255.255.255.255"),
    ("loopback", "::1"),
    ("unspecified", "::"),
    ("v4-mapped", "::ffff:127.0.0.1"),
    ("v4-mapped", "::ffff:169.254.169.254"),
    ("NAT64", "64:ff9b::7f00:1"),
    ("NAT64", "64:ff9b::a9fe:a9fe"),
    ("NAT64", "64:ff9b:1::1"),
    ("6to4", "2002:7f00:1::1"),
    ("unique local", "fd00::1"),
    ("metadata", "fd00:ec2::254"),
    ("link local", "fe80::1"),
];

#[tokio::test]
async fn gate_12_addresses_inside_are_refused_and_not_dialled() {
    let canary = Service::new(|stream, body| async move { admit(stream, body, true).await }).await;
    let port = canary.at.port();
    let mut rows = 0;
    for (kind, address) in INSIDE {
        let host = format!("hook.example:{port}");
        let named = asked(&host, &[], Scripted::new(&[&[address]])).await;
        let url = format!("https://hook.example:{port}/admit");
        let names = Scripted::new(&[&[address]]);
        let secure = hooks(&host, &[], names).admits(WALLET, &rule(&url)).await;
        let literal = if address.contains(':') {
            format!("[{address}]")
        } else {
            address.into()
        };
        let host = format!("{literal}:{port}");
        let url = format!("https://{host}/admit");
        let written = hooks(&host, &[], Arc::new(SystemNames))
            .admits(WALLET, &rule(&url))
            .await;
        for outcome in [&named, &secure, &written] {
            assert!(is_refused(outcome), "{kind} {address}: {outcome:?}");
        }
        rows += 1;
        println!("gate-12 {kind} {address}: by name and as written refused");
    }
    assert_eq!(canary.dialled(), 0, "something was dialled");
    println!(
        "gate-12 addresses: {rows} of {} refused, 0 connections",
        INSIDE.len()
    );
}

#[tokio::test]
async fn gate_12_a_name_that_changes_its_mind_leads_nowhere() {
    let yes = |stream, body| async move { admit(stream, body, true).await };
    let service = Service::at("127.0.0.2:0".parse().unwrap(), yes).await;
    let inside = SocketAddr::new("127.0.0.1".parse().unwrap(), service.at.port());
    let canary = Service::at(inside, yes).await;
    let host = format!("hook.example:{}", service.at.port());
    let url = rule(&format!("http://{host}/admit"));
    // Where it may lead when it is first looked up, inside when it is asked again.
    let names = Scripted::new(&[&["127.0.0.2"], &["127.0.0.1"], &["127.0.0.1"]]);
    let hooks = hooks(&host, &["127.0.0.2/32"], names);
    assert!(hooks.admits(WALLET, &url).await.unwrap());
    assert_eq!(
        (service.dialled(), canary.dialled()),
        (1, 0),
        "what was checked"
    );
    for _ in 0..2 {
        let outcome = hooks.admits(WALLET, &url).await;
        assert!(is_refused(&outcome), "{outcome:?}");
    }
    let mixed = asked_secure(&host, Scripted::new(&[&["8.8.8.8", "127.0.0.1"]])).await;
    assert!(is_refused(&mixed), "{mixed:?}");
    assert_eq!((service.dialled(), canary.dialled()), (1, 0));
    println!("gate-12 rebinding: 3 of 3 refused, 0 connections");
}

async fn asked_secure(host: &str, names: Arc<dyn Names>) -> Result<bool, HookError> {
    let url = format!("https://{host}/admit");
    hooks(host, &[], names).admits(WALLET, &rule(&url)).await
}

#[tokio::test]
async fn gate_12_hosts_that_are_not_listed_and_odd_urls_are_refused() {
    let canary = Service::new(|stream, body| async move { admit(stream, body, true).await }).await;
    let port = canary.at.port();
    let hooks = hooks(&format!("hook.example:{port}"), &[], Arc::new(SystemNames));
    let urls = [
        format!("https://other.example:{port}/"),
        format!("https://hook.example:{port}@127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://hook.example.:{port}/"),
        format!("https://hook.example:{}/", port.wrapping_add(1)),
        format!("http://hook.example:{port}/"),
        format!("ftp://hook.example:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://0x7f.1:{port}/"),
        format!("https:///hook.example:{port}"),
        "hook.example".into(),
        String::new(),
    ];
    for url in &urls {
        let outcome = hooks.admits(WALLET, &rule(url)).await;
        assert!(is_refused(&outcome), "{url}: {outcome:?}");
    }
    assert_eq!(canary.dialled(), 0);
    println!(
        "gate-12 URLs: {} of {} refused, 0 connections",
        urls.len(),
        urls.len()
    );
}

#[tokio::test]
async fn gate_12_metadata_is_refused_even_where_its_network_is_listed() {
    let everything = ["0.0.0.0/0", "::/0"];
    for address in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254"] {
        let outcome = asked("hook.example:80", &everything, Scripted::new(&[&[address]])).await;
        assert!(is_refused(&outcome), "{address}: {outcome:?}");
    }
    println!("gate-12 metadata in listed networks: 3 of 3 refused");
}

#[tokio::test]
async fn gate_12_redirects_lead_nowhere() {
    let canary = Service::new(|stream, body| async move { admit(stream, body, true).await }).await;
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let there = canary.at;
        let service = Service::new(move |stream, _| async move {
            let head = format!("{status}\r\nlocation: http://{there}/admit");
            send(stream, &head, "").await;
        })
        .await;
        let host = format!("hook.example:{}", service.at.port());
        let outcome = asked(&host, &["127.0.0.0/8"], Scripted::new(&[&["127.0.0.1"]])).await;
        assert!(
            matches!(outcome, Err(HookError::Unavailable(_))),
            "{status}: {outcome:?}"
        );
        assert_eq!(service.dialled(), 1);
    }
    assert_eq!(canary.dialled(), 0);
    println!("gate-12 redirects: 5 of 5 refused, 0 connections");
}

#[tokio::test]
async fn gate_12_slow_and_huge_answers_are_cut() {
    let slow = Service::new(|mut stream: TcpStream, _| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
            .await;
        for _ in 0..100 {
            let _ = stream.write_all(b"x").await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    let silent = Service::new(|stream: TcpStream, _| async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(stream);
    })
    .await;
    let huge = Service::new(|mut stream: TcpStream, _| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(1 << 16));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    })
    .await;
    for (what, service) in [("slow", slow), ("silent", silent), ("huge", huge)] {
        let host = format!("hook.example:{}", service.at.port());
        let begun = Instant::now();
        let outcome = asked(&host, &["127.0.0.0/8"], Scripted::new(&[&["127.0.0.1"]])).await;
        let long = matches!(outcome, Err(HookError::InvalidAnswer(_)));
        assert!(outcome.is_err() && long == (what == "huge"), "{what}");
        let took = begun.elapsed();
        assert!(took < TIMEOUT * 2, "{what}: {took:?}");
        println!(
            "gate-12 {what} answer: refused after {} ms",
            took.as_millis()
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_it_panic_or_admits(signature in "\\PC{0,140}", bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let outcome = read(&rule("https://hook.example/"), &signature, &bytes, "0x", "n");
        proptest::prop_assert!(outcome.is_err());
    }

    #[test]
    fn an_ipv4_address_is_judged_the_same_however_it_is_carried(bits in proptest::prelude::any::<u32>()) {
        let v4 = std::net::Ipv4Addr::from(bits);
        let [a, b, c, d] = v4.octets();
        let low = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
        let nat64 = std::net::Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, low[0], low[1]);
        let tunnel = std::net::Ipv6Addr::new(0x2002, low[0], low[1], 0, 0, 0, 0, 1);
        let public = address::is_public(v4.into());
        proptest::prop_assert_eq!(address::is_public(tunnel.into()), public);
        proptest::prop_assert_eq!(address::is_public(v4.to_ipv6_mapped().into()), public);
        proptest::prop_assert_eq!(address::is_public(nat64.into()), public);
    }
}
