//! A worker that keeps everything in memory, records what happens and fails on command.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use streamgate_contract::job_api::{Assignment, Object, ProgressReport, SourceAccess, SourcePart};
use streamgate_contract::job_files::{Order, SegmentName, Usage};
use streamgate_contract::plan::{Plan, PlanRequest, SourceLimits};
use streamgate_contract::quality::TrackQuality;
use streamgate_contract::renditions::{AudioSettings, GridSettings, Rendition, standard};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::routes;

/// What the worker knows and what it has seen.
pub struct State {
    pub request: PlanRequest,
    pub source: Vec<u8>,
    pub mounted: Option<String>,
    /// Paths of files with subtitles in the claim.
    pub subtitles: Vec<String>,
    pub plan: Option<Plan>,
    pub objects: BTreeMap<String, Vec<u8>>,
    pub committed: BTreeMap<SegmentName, String>,
    pub inits: BTreeMap<String, String>,
    /// Every commit in order, and whether it was the first of its object.
    pub commits: Vec<(Object, bool)>,
    pub puts: Vec<String>,
    pub tickets: usize,
    pub progress: Vec<(Instant, ProgressReport)>,
    /// What pods said they took.
    pub usage: Vec<Usage>,
    /// How near their pictures came.
    pub quality: Vec<TrackQuality>,
    /// Bytes of the source that were given away.
    pub served: u64,
    /// Bytes of the source that have arrived, while it is being uploaded.
    pub arrived: Option<usize>,
    /// A bearer token came where none belongs.
    pub leaked: bool,
    /// The signature that is valid now; those before are expired.
    pub signature: u32,
    /// Objects of the source are said to be there instead.
    pub redirect: Option<String>,
    pub store_down_until: Option<Instant>,
    pub refusal: Option<(u16, &'static str)>,
    pub on_ticket: Option<Box<dyn FnMut() + Send>>,
    /// Makes each PUT take this long.
    pub slow: Duration,
    /// A finished output of the same source is there.
    pub has_it_all: bool,
    /// What the courier said of the source.
    pub source_sha256: Option<String>,
}

/// Sizes of the objects that make the source: the last takes the rest.
pub const PARTS: [usize; 2] = [1_000_003, 500_000];

/// The grid of the worked example.
pub fn small_grid() -> GridSettings {
    GridSettings {
        segments_per_chunk: 1,
        chunks_per_span: 2,
        ..GridSettings::default()
    }
}

impl State {
    /// A worker with a source and nothing done yet.
    pub fn new(source: Vec<u8>, grid: GridSettings, renditions: Vec<Rendition>) -> Self {
        Self {
            request: PlanRequest {
                grid,
                renditions,
                ladder: Default::default(),
                audio: AudioSettings::default(),
                subtitles: Vec::new(),
                limits: SourceLimits::default(),
            },
            source,
            mounted: None,
            subtitles: Vec::new(),
            plan: None,
            objects: BTreeMap::new(),
            committed: BTreeMap::new(),
            inits: BTreeMap::new(),
            commits: Vec::new(),
            puts: Vec::new(),
            tickets: 0,
            progress: Vec::new(),
            usage: Vec::new(),
            quality: Vec::new(),
            served: 0,
            arrived: None,
            leaked: false,
            signature: 0,
            redirect: None,
            store_down_until: None,
            refusal: None,
            on_ticket: None,
            slow: Duration::ZERO,
            has_it_all: false,
            source_sha256: None,
        }
    }

    /// Commits every segment of a plan, as if copied from another output.
    pub fn take_over(&mut self, plan: &Plan) {
        for track in &plan.tracks {
            for number in 0..track.starts.len() as u32 - 1 {
                let track = track.id.clone();
                let name = SegmentName { track, number };
                self.committed.insert(name, "taken".to_owned());
            }
        }
    }

    /// A worker whose output is planned.
    pub fn planned(source: Vec<u8>, plan: Plan) -> Self {
        let mut state = Self::new(source, small_grid(), standard());
        state.plan = Some(plan);
        state
    }

    /// The assignment of the pod with this token: `plan` or `encode-N`.
    pub fn assignment(&self, pod: &str) -> Option<Assignment> {
        let committed = self.committed.keys().cloned().collect();
        let order = match pod.strip_prefix("encode-") {
            None if pod == "plan" => Order::Plan {
                request: self.request.clone(),
                committed,
                arriving: self.arrived.map(|_| self.source.len() as u64),
            },
            None => return None,
            Some(index) => self.span(index.parse().ok()?, committed)?,
        };
        let source = self.access();
        Some(Assignment {
            order,
            source,
            subtitles: self.subtitles.clone(),
            protection: None,
        })
    }

    /// What the answer to a plan says: the stored plan.
    pub fn span(&self, index: usize, committed: Vec<SegmentName>) -> Option<Order> {
        let plan = self.plan.clone()?;
        let span = plan.spans.get(index)?.clone();
        Some(Order::Encode {
            plan: Box::new(plan),
            work: span.work,
            bytes: span.bytes,
            committed,
        })
    }

    fn access(&self) -> SourceAccess {
        if let Some(path) = self.mounted.clone() {
            return SourceAccess::Mounted { path };
        }
        let parts = self.parts().into_iter().enumerate();
        let parts = parts
            .filter(|(_, (start, end))| start < end || self.arrived.is_none())
            .map(|(n, (start, end))| SourcePart {
                url: format!(
                    "/internal/v1/objects/source/{n}?signature={}",
                    self.signature
                ),
                bytes: (end - start) as u64,
            })
            .collect();
        SourceAccess::Parts { parts }
    }

    /// Begin and end of each object of the source.
    pub fn parts(&self) -> Vec<(usize, usize)> {
        let (mut begin, here) = (0, self.arrived.unwrap_or(self.source.len()));
        let mut parts = Vec::new();
        for length in PARTS {
            let end = (begin + length).min(here);
            parts.push((begin, end));
            begin = end;
        }
        parts.push((begin, here));
        parts
    }

    /// Bytes of a committed segment.
    pub fn segment(&self, name: &SegmentName) -> &[u8] {
        &self.objects[&self.committed[name]]
    }

    /// No object was committed first twice, and every committed object is there.
    pub fn check(&self) {
        let mut seen = std::collections::BTreeSet::new();
        for (object, first) in &self.commits {
            let name = format!("{object:?}");
            assert_eq!(seen.insert(name), *first, "{object:?}");
        }
        let keys = self.committed.values().chain(self.inits.values());
        assert!(keys.clone().all(|key| self.objects.contains_key(key)));
        assert!(!self.leaked, "the token went to an object's address");
    }
}

/// The running worker.
pub struct Worker {
    state: Arc<Mutex<State>>,
    pub address: SocketAddr,
    serving: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a worker.
    pub async fn start(state: State) -> Self {
        let mut worker = Self::absent(state).await;
        worker.rise().await;
        worker
    }

    /// A worker with an address where nobody answers yet.
    pub async fn absent(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            state: Arc::new(Mutex::new(state)),
            address: listener.local_addr().unwrap(),
            serving: None,
        }
    }

    /// Begins to answer.
    pub async fn rise(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let app = routes::app(self.state.clone());
        self.serving = Some(tokio::spawn(async move {
            axum::serve(listener, app).await.unwrap();
        }));
    }

    /// Stops answering.
    pub async fn fall(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            drop(serving.await);
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until `reached` holds.
    pub async fn until(&self, reached: impl Fn(&State) -> bool) {
        let began = Instant::now();
        while !reached(&self.state()) {
            assert!(began.elapsed() < Duration::from_secs(180), "never reached");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
