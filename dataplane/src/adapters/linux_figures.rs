//! What Linux says of this process, of its cgroup (v2) and of the volume: memory, processor, files,
//! pressure. A figure the system does not have stays 0.

use std::fs;
use std::path::{Path, PathBuf};

use prometheus::{Counter, CounterVec, Gauge, IntGauge, Opts, Registry};

use crate::ports::figures::{Figures, set_total};

/// Ticks per second in /proc; Linux has had this number on every architecture we run on.
const TICKS: f64 = 100.0;
/// Bytes of a page as statm counts.
const PAGE: i64 = 4_096;
/// Resources that have pressure figures.
const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];
/// Memory events of a cgroup.
const EVENTS: [&str; 4] = ["high", "max", "oom", "oom_kill"];

/// The families.
pub struct LinuxFigures {
    cgroup: PathBuf,
    volume: PathBuf,
    cpu_seconds: Counter,
    resident: IntGauge,
    virtual_memory: IntGauge,
    threads: IntGauge,
    open_files: IntGauge,
    max_files: IntGauge,
    memory: IntGauge,
    memory_limit: IntGauge,
    memory_ratio: Gauge,
    memory_events: Vec<Counter>,
    cpu_quota: Gauge,
    cpu_used: Counter,
    cpu_throttled: Counter,
    pressure: Vec<Counter>,
    volume_bytes: IntGauge,
    volume_free: IntGauge,
}

struct Families<'a>(&'a Registry);

impl Families<'_> {
    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let gauge = IntGauge::new(name, help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn ratio(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        let gauge = Gauge::new(name, help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<Counter> {
        let counter = Counter::new(name, help)?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> prometheus::Result<Vec<Counter>> {
        let family = CounterVec::new(Opts::new(name, help), &[label])?;
        self.0.register(Box::new(family.clone()))?;
        Ok(values
            .iter()
            .map(|value| family.with_label_values(&[*value]))
            .collect())
    }
}

impl LinuxFigures {
    /// Registers the families; `volume` is a folder of the data volume.
    ///
    /// # Errors
    /// When one is registered already.
    pub fn new(registry: &Registry, volume: &Path) -> prometheus::Result<Self> {
        let f = Families(registry);
        let figures = Self {
            cgroup: own_cgroup().unwrap_or_else(|| PathBuf::from("/sys/fs/cgroup")),
            volume: volume.to_owned(),
            cpu_seconds: f.counter(
                "process_cpu_seconds_total",
                "Processor time of the process.",
            )?,
            resident: f.gauge("process_resident_memory_bytes", "Memory of the process.")?,
            virtual_memory: f.gauge(
                "process_virtual_memory_bytes",
                "Address space of the process.",
            )?,
            threads: f.gauge("process_threads", "Threads of the process.")?,
            open_files: f.gauge("process_open_fds", "Open files of the process.")?,
            max_files: f.gauge("process_max_fds", "Files the process may open.")?,
            memory: f.gauge(
                "streamgate_cgroup_memory_bytes",
                "Memory of the container, page cache included.",
            )?,
            memory_limit: f.gauge(
                "streamgate_cgroup_memory_limit_bytes",
                "Memory the container may have; 0 when there is no limit.",
            )?,
            memory_ratio: f.ratio(
                "streamgate_cgroup_memory_ratio",
                "Memory of the container that cannot be given back, over its limit; 0 without one.",
            )?,
            memory_events: f.counters(
                "streamgate_cgroup_memory_events_total",
                "Times the container met a bound of its memory.",
                "event",
                &EVENTS,
            )?,
            cpu_quota: f.ratio(
                "streamgate_cgroup_cpu_limit_cores",
                "Processors the container may use; 0 when there is no limit.",
            )?,
            cpu_used: f.counter(
                "streamgate_cgroup_cpu_seconds_total",
                "Processor time of the container.",
            )?,
            cpu_throttled: f.counter(
                "streamgate_cgroup_cpu_throttled_seconds_total",
                "Time the container was held back by its limit.",
            )?,
            pressure: f.counters(
                "streamgate_cgroup_pressure_seconds_total",
                "Time in which some task of the container waited, by resource.",
                "resource",
                &RESOURCES,
            )?,
            volume_bytes: f.gauge("streamgate_volume_bytes", "Size of the data volume.")?,
            volume_free: f.gauge(
                "streamgate_volume_available_bytes",
                "Room left on the data volume.",
            )?,
        };
        let started = f.ratio("process_start_time_seconds", "When the process began.")?;
        started.set(jiff::Timestamp::now().as_millisecond() as f64 / 1_000.0);
        Ok(figures)
    }

    fn process(&self) {
        let stat = read("/proc/self/stat");
        // The name in the second field may hold spaces; what follows its bracket may not.
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let field = |n: usize| {
            fields
                .get(n - 3)
                .and_then(|f| f.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        set_total(&self.cpu_seconds, (field(14) + field(15)) / TICKS);
        self.threads.set(field(20) as i64);
        let statm = read("/proc/self/statm");
        let mut pages = statm
            .split_whitespace()
            .map(|n| n.parse::<i64>().unwrap_or(0));
        self.virtual_memory.set(pages.next().unwrap_or(0) * PAGE);
        self.resident.set(pages.next().unwrap_or(0) * PAGE);
        let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        self.open_files.set(i64::try_from(open).unwrap_or(i64::MAX));
        let limits = read("/proc/self/limits");
        let line = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"));
        let soft = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        self.max_files.set(soft.unwrap_or(0));
    }

    fn container(&self) {
        let file = |name: &str| fs::read_to_string(self.cgroup.join(name)).unwrap_or_default();
        let used = file("memory.current").trim().parse::<i64>().unwrap_or(0);
        let limit = file("memory.max").trim().parse::<i64>().unwrap_or(0);
        let cached = keyed(&file("memory.stat"), "inactive_file");
        self.memory.set(used);
        self.memory_limit.set(limit);
        let held = (used as f64 - cached).max(0.0);
        self.memory_ratio
            .set(if limit > 0 { held / limit as f64 } else { 0.0 });
        let events = file("memory.events");
        for (event, counter) in EVENTS.iter().zip(&self.memory_events) {
            set_total(counter, keyed(&events, event));
        }
        self.cpu_quota.set(cores(&file("cpu.max")));
        let stat = file("cpu.stat");
        set_total(&self.cpu_used, keyed(&stat, "usage_usec") / 1e6);
        set_total(&self.cpu_throttled, keyed(&stat, "throttled_usec") / 1e6);
        for (resource, counter) in RESOURCES.iter().zip(&self.pressure) {
            let text = file(&format!("{resource}.pressure"));
            set_total(counter, waited(&text) / 1e6);
        }
    }

    fn disk(&self) {
        let Ok(stat) = rustix::fs::statvfs(&self.volume) else {
            return;
        };
        let bytes =
            |blocks: u64| i64::try_from(blocks.saturating_mul(stat.f_frsize)).unwrap_or(i64::MAX);
        self.volume_bytes.set(bytes(stat.f_blocks));
        self.volume_free.set(bytes(stat.f_bavail));
    }
}

impl Figures for LinuxFigures {
    fn refresh(&self) {
        self.process();
        self.container();
        self.disk();
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Folder of our cgroup: in a container with a namespace of its own it is the root.
fn own_cgroup() -> Option<PathBuf> {
    let text = read("/proc/self/cgroup");
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    let folder = Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/'));
    folder.join("memory.current").exists().then_some(folder)
}

/// The number behind a word at the beginning of a line.
fn keyed(text: &str, word: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    line.and_then(|number| number.trim().parse().ok())
        .unwrap_or(0.0)
}

/// `cpu.max`: quota and period, or `max`.
fn cores(text: &str) -> f64 {
    let mut parts = text.split_whitespace().map(|n| n.parse::<f64>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(quota), Some(period)) if period > 0.0 => quota / period,
        _ => 0.0,
    }
}

/// Microseconds in the `some` line of a pressure file.
fn waited(text: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix("some "));
    let total = line.and_then(|line| line.split("total=").nth(1)?.trim().parse().ok());
    total.unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_linux_are_understood() {
        assert_eq!(keyed("oom 3\noom_kill 2\n", "oom"), 3.0);
        assert_eq!(keyed("oom 3\noom_kill 2\n", "oom_kill"), 2.0);
        assert_eq!(
            (cores("150000 100000\n"), cores("max 100000\n")),
            (1.5, 0.0)
        );
        let pressure = "some avg10=0.00 avg60=0.00 avg300=0.00 total=42\nfull avg10=0.0 total=7\n";
        assert_eq!(waited(pressure), 42.0);
    }

    #[test]
    fn this_process_has_figures() {
        let folder = tempfile::tempdir().unwrap();
        let figures = LinuxFigures::new(&Registry::new(), folder.path()).unwrap();
        let begin = std::time::Instant::now();
        while begin.elapsed().as_millis() < 60 {
            std::hint::black_box(vec![1_u8; 4_096]);
        }
        figures.refresh();
        assert!(figures.cpu_seconds.get() > 0.0 && figures.threads.get() > 0);
        assert!(figures.resident.get() > 1 << 20 && figures.open_files.get() > 2);
        assert!(figures.max_files.get() >= figures.open_files.get());
        assert!(figures.volume_bytes.get() > figures.volume_free.get());
    }
}
