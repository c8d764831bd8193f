//! Figures that are read when somebody asks for them, not counted as things happen.

/// Brings registered gauges and counters up to date.
pub trait Figures: Send + Sync {
    /// Reads now.
    fn refresh(&self);
}

/// Moves a counter to a total that somebody else counts; totals never go back.
pub fn set_total(counter: &prometheus::Counter, total: f64) {
    counter.inc_by((total - counter.get()).max(0.0));
}
