//! Asks a server for paths, one after the other over many connections, as fast as it answers or at a
//! rate, and prints what came of it as one line of JSON.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Client, Target, Wrong};

/// Asks a server.
#[derive(clap::Args)]
pub struct Ask {
    /// Address and port; or `@FILE`, a file that lists those of replicas which are ready, read
    /// anew for each connection.
    address: String,
    /// A file with a path and the bytes to expect on every line.
    paths: PathBuf,
    /// Connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Requests per second over all connections; 0 for as fast as it answers.
    #[arg(long, default_value_t = 0.0)]
    rate: f64,
    /// Certificate of the server: speaks TLS.
    #[arg(long)]
    certificate: Option<String>,
    /// Takes compressed answers.
    #[arg(long)]
    gzip: bool,
    /// Every connection asks for its own paths: every n-th of the file, for n connections, in turn;
    /// else each takes the next of all.
    #[arg(long)]
    own: bool,
    /// Asks for every path once and ends.
    #[arg(long)]
    once: bool,
    /// Seconds over which connections are opened.
    #[arg(long, default_value_t = 0.0)]
    ramp: f64,
    /// Seconds at the beginning in which nothing is counted.
    #[arg(long, default_value_t = 0.0)]
    skip: f64,
    /// Refusals that say when to come again are counted apart and are not wrong.
    #[arg(long)]
    shed: bool,
}

/// What is counted.
#[derive(Default)]
struct Tally {
    requests: Cell<u64>,
    bytes: Cell<u64>,
    wrong: RefCell<BTreeMap<String, u64>>,
    shed: Cell<u64>,
    /// Requests asked again since their connection had been closed while it was idle.
    again: Cell<u64>,
    /// Microseconds of each answer of a known length, and of each playlist.
    times: [RefCell<Vec<u32>>; 2],
}

struct Work {
    target: Target,
    requests: Vec<(Vec<u8>, usize)>,
    next: Cell<usize>,
    tally: Tally,
    begin: Instant,
    end: Instant,
    period: Duration,
    own: bool,
    once: bool,
    shed: bool,
    connections: usize,
}

fn request(path: &str, gzip: bool) -> Vec<u8> {
    let coding = if gzip {
        "Accept-Encoding: gzip\r\n"
    } else {
        ""
    };
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{coding}\r\n").into_bytes()
}

fn read(args: &Ask) -> Vec<(Vec<u8>, usize)> {
    let text = std::fs::read_to_string(&args.paths).unwrap();
    let line = |line: &str| {
        let (path, bytes) = line.split_once(' ').unwrap();
        (request(path, args.gzip), bytes.parse().unwrap())
    };
    text.lines().map(line).collect()
}

async fn viewer(work: Rc<Work>, number: usize, first: Instant) {
    tokio::time::sleep_until(first.into()).await;
    let mut client = None;
    let (mut due, mut own) = (first, number);
    while Instant::now() < work.end {
        let at = match work.own {
            true => {
                own += work.connections;
                own - work.connections
            }
            false => work.next.replace(work.next.get() + 1),
        };
        if work.once && at >= work.requests.len() {
            break;
        }
        let (request, expected) = &work.requests[at % work.requests.len()];
        if work.period > Duration::ZERO {
            tokio::time::sleep_until(due.into()).await;
            due = (due + work.period).max(Instant::now() - work.period);
        }
        let begin = Instant::now();
        let mut outcome = asked(&work, &mut client, number, request, *expected).await;
        let tally = &work.tally;
        if matches!(outcome, Err(Wrong::Closed)) {
            tally.again.set(tally.again.get() + 1);
            client = None;
            outcome = asked(&work, &mut client, number, request, *expected).await;
        }
        match outcome {
            Ok(_) | Err(Wrong::Shed) if begin < work.begin => {}
            Err(Wrong::Shed) if work.shed => tally.shed.set(tally.shed.get() + 1),
            Ok(bytes) => {
                tally.requests.set(tally.requests.get() + 1);
                tally.bytes.set(tally.bytes.get() + bytes as u64);
                let micros = begin.elapsed().as_micros();
                let micros = u32::try_from(micros).unwrap_or(u32::MAX);
                let times = &tally.times[usize::from(*expected == 0)];
                times.borrow_mut().push(micros);
            }
            Err(wrong) => {
                let wrong = match wrong {
                    Wrong::Closed => "closed twice".to_owned(),
                    Wrong::Shed => "refused for now".to_owned(),
                    Wrong::Other(wrong) => wrong,
                };
                *tally.wrong.borrow_mut().entry(wrong).or_default() += 1;
                client = None;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        client = client.filter(|client| !client.is_last());
    }
}

/// Asks on the open connection, or on a new one.
async fn asked(
    work: &Work,
    client: &mut Option<Client>,
    number: usize,
    request: &[u8],
    expected: usize,
) -> Result<usize, Wrong> {
    if client.is_none() {
        let opened = Client::connect(&work.target, number).await;
        let opened = opened.map_err(|error| Wrong::Other(format!("not connected: {error}")))?;
        *client = Some(opened);
    }
    match client {
        Some(client) => client.ask(request, expected).await,
        None => Err(Wrong::Closed),
    }
}

/// CPU seconds of this process.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

pub async fn run(args: Ask) {
    let opened = Instant::now();
    let begin = opened + Duration::from_secs_f64(args.skip);
    let period = match args.rate > 0.0 {
        true => Duration::from_secs_f64(args.connections as f64 / args.rate),
        false => Duration::ZERO,
    };
    let work = Rc::new(Work {
        target: Target::new(&args.address, args.certificate.as_deref()),
        requests: read(&args),
        next: Cell::new(0),
        tally: Tally::default(),
        begin,
        end: begin + Duration::from_secs_f64(args.seconds),
        period,
        own: args.own,
        once: args.once,
        shed: args.shed,
        connections: args.connections,
    });
    let before = cpu();
    let local = tokio::task::LocalSet::new();
    for number in 0..args.connections {
        let share = number as f64 / args.connections as f64;
        // Spread over the period, so that they do not ask all at once.
        let late = share * args.ramp.max(period.as_secs_f64());
        let first = opened + Duration::from_secs_f64(late);
        local.spawn_local(viewer(work.clone(), number, first));
    }
    local.await;
    let seconds = begin.elapsed().as_secs_f64();
    let tally = &work.tally;
    let shown = |times: &RefCell<Vec<u32>>| {
        let mut times = times.borrow_mut();
        times.sort_unstable();
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied();
        json!({"count": times.len(), "p50_us": at(0.5), "p99_us": at(0.99), "max_us": times.last()})
    };
    let told = json!({
        "requests": tally.requests.get(), "bytes": tally.bytes.get(), "seconds": seconds,
        "busy": (cpu() - before) / opened.elapsed().as_secs_f64(), "shed": tally.shed.get(), "wrong": *tally.wrong.borrow(), "again": tally.again.get(),
        "files": shown(&tally.times[0]), "pages": shown(&tally.times[1]),
    });
    println!("{told}");
}
