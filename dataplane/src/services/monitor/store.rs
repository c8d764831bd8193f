//! Samples of the last while, in memory and bounded: a ring per series. What is too much is
//! dropped oldest first and counted.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use streamgate_crds::alert_expression::Selector;

use crate::ports::scrape::{Exposition, Family, Labels, METRIC_NAME, Target};

/// How long a sample speaks for its series.
pub const LOOKBACK: i64 = 5 * 60 * 1_000;
/// A target's own timestamp may be this far ahead.
const AHEAD: i64 = 10 * 60 * 1_000;

/// Families that are described at most.
const MAX_FAMILIES: usize = 5_000;

/// Bounds of a store.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Series at most; further ones are not taken.
    pub series: usize,
    /// Samples at most over all series; 16 bytes each.
    pub samples: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            series: 50_000,
            samples: 4_000_000,
        }
    }
}

/// A value at a time in milliseconds; `None` says that the series ended there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The value.
    pub value: Option<f64>,
}

struct Series {
    labels: Arc<Labels>,
    points: VecDeque<Point>,
}

/// The samples.
pub struct Store {
    bounds: Bounds,
    series: Vec<Option<Series>>,
    free: Vec<usize>,
    by_labels: HashMap<Arc<Labels>, usize>,
    by_name: BTreeMap<String, HashSet<usize>>,
    /// Series each target showed last: those it shows no more have ended.
    shown: HashMap<Target, HashSet<usize>>,
    /// What targets said of their families last.
    families: BTreeMap<String, Family>,
    points: usize,
    dropped: u64,
}

impl Store {
    /// An empty store.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            series: Vec::new(),
            free: Vec::new(),
            by_labels: HashMap::new(),
            by_name: BTreeMap::new(),
            shown: HashMap::new(),
            families: BTreeMap::new(),
            points: 0,
            dropped: 0,
        }
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        self.by_labels.len()
    }

    /// What targets said of their families last.
    pub fn families(&self) -> &BTreeMap<String, Family> {
        &self.families
    }

    /// Samples dropped because of the bounds, since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes what a target showed at `now`; `None` when it could not be read. Adds the target's
    /// labels and the series `up`.
    pub fn take(&mut self, target: &Target, exposition: Option<Exposition>, now: i64) {
        let before = self.shown.remove(target).unwrap_or_default();
        let mut after = HashSet::new();
        let up = f64::from(u8::from(exposition.is_some()));
        let exposition = exposition.unwrap_or_default();
        for (name, family) in exposition.families {
            if self.families.len() < MAX_FAMILIES || self.families.contains_key(&name) {
                self.families.insert(name, family);
            }
        }
        for shown in exposition.samples {
            let labels = with_target(&shown.labels, target);
            let at = shown.timestamp.unwrap_or(now);
            let taken = (at <= now + AHEAD).then(|| self.push(labels, at, shown.value));
            // A series with its own timestamps may pause without having ended.
            after.extend(taken.flatten().filter(|_| shown.timestamp.is_none()));
        }
        let labels = with_target(&[(METRIC_NAME, "up")].into_iter().collect(), target);
        after.extend(self.push(labels, now, up));
        let ended: Vec<usize> = before.difference(&after).copied().collect();
        self.shown.insert(target.clone(), after);
        self.end_all(ended, now);
    }

    /// Ends the series of every target that is none of these.
    pub fn keep_targets(&mut self, targets: &[Target], now: i64) {
        let gone: Vec<Target> = self.shown.keys().cloned().collect();
        for target in gone.into_iter().filter(|t| !targets.contains(t)) {
            let ended = self.shown.remove(&target).unwrap_or_default();
            self.end_all(ended, now);
        }
    }

    /// Ends series, but not those of the gate that another target still shows.
    fn end_all(&mut self, ended: impl IntoIterator<Item = usize>, now: i64) {
        for id in ended {
            if !self.shown.values().any(|shown| shown.contains(&id)) {
                self.end(id, now);
            }
        }
    }

    /// Adds one sample; older ones than the newest of the series are not taken.
    fn push(&mut self, labels: Labels, at: i64, value: f64) -> Option<usize> {
        let id = match self.by_labels.get(&labels) {
            Some(id) => *id,
            None if self.by_labels.len() >= self.bounds.series => {
                self.dropped += 1;
                return None;
            }
            None => self.add(labels),
        };
        let value = Some(value);
        self.append(id, Point { at, value });
        Some(id)
    }

    fn end(&mut self, id: usize, at: i64) {
        self.append(id, Point { at, value: None });
    }

    fn append(&mut self, id: usize, point: Point) {
        let Some(Some(series)) = self.series.get_mut(id) else {
            return;
        };
        if series.points.back().is_some_and(|last| last.at >= point.at) {
            return;
        }
        series.points.push_back(point);
        self.points += 1;
    }

    fn add(&mut self, labels: Labels) -> usize {
        let labels = Arc::new(labels);
        let series = Series {
            labels: labels.clone(),
            points: VecDeque::new(),
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.series.push(None);
            self.series.len() - 1
        });
        if let Some(slot) = self.series.get_mut(id) {
            *slot = Some(series);
        }
        let name = labels.get(METRIC_NAME).to_owned();
        self.by_name.entry(name).or_default().insert(id);
        self.by_labels.insert(labels, id);
        id
    }

    /// Forgets what is older than `retention` milliseconds, and more if the samples are too many.
    pub fn prune(&mut self, retention: i64, now: i64) {
        let mut kept = retention;
        self.forget(now - kept);
        while self.points > self.bounds.samples && kept > 0 {
            kept -= (retention / 8).max(1);
            let before = self.points;
            self.forget(now - kept);
            self.dropped += (before - self.points) as u64;
        }
    }

    fn forget(&mut self, before: i64) {
        for id in 0..self.series.len() {
            let Some(Some(series)) = self.series.get_mut(id) else {
                continue;
            };
            let old = series.points.partition_point(|p| p.at < before);
            series.points.drain(..old);
            self.points -= old;
            if series.points.is_empty() {
                self.remove(id);
            }
        }
    }

    fn remove(&mut self, id: usize) {
        let Some(series) = self.series.get_mut(id).and_then(Option::take) else {
            return;
        };
        self.by_labels.remove(&series.labels);
        let name = series.labels.get(METRIC_NAME);
        if let Some(ids) = self.by_name.get_mut(name) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_name.remove(name);
            }
        }
        // The number is used again: no target may end the series that gets it next.
        for shown in self.shown.values_mut() {
            shown.remove(&id);
        }
        self.free.push(id);
    }

    /// The series that match, with their points.
    pub fn select<'a>(
        &'a self,
        selector: &'a Selector,
    ) -> impl Iterator<Item = (&'a Labels, &'a VecDeque<Point>)> {
        let name = selector.matchers.iter().find(|m| m.name() == METRIC_NAME);
        let exact = name.and_then(|m| m.exact());
        let ids = match exact {
            Some(name) => Some(self.by_name.get(name)),
            None => None,
        };
        let named = ids.map(|ids| ids.into_iter().flatten().copied());
        let all = named.is_none().then_some(0..self.series.len());
        let candidates = named.into_iter().flatten().chain(all.into_iter().flatten());
        candidates
            .filter_map(|id| self.series.get(id)?.as_ref())
            .filter(|series| {
                let mut matchers = selector.matchers.iter();
                matchers.all(|m| m.matches(series.labels.get(m.name())))
            })
            .map(|series| (&*series.labels, &series.points))
    }
}

/// Families that speak of the gate and not of the pod that shows them. They carry no pod's labels,
/// so that an alert on them goes on when another pod takes over.
const OF_THE_GATE: &str = "streamgate_transcode_job";

/// Adds `pod`, `job` and `instance`; labels of those names that the target shows get the prefix
/// `exported_`.
fn with_target(shown: &Labels, target: &Target) -> Labels {
    let mut labels = shown.clone();
    if shown.get(METRIC_NAME).starts_with(OF_THE_GATE) {
        return labels;
    }
    for (name, value) in [
        ("pod", &target.pod),
        ("job", &target.job),
        ("instance", &target.instance),
    ] {
        let own = shown.get(name);
        if !own.is_empty() {
            labels.set(&format!("exported_{name}"), own);
        }
        labels.set(name, value);
    }
    labels
}

#[cfg(test)]
mod tests;
