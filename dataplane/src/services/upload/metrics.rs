//! What the upload role counts.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Handles bound once at start.
pub struct Metrics {
    /// Bytes of bodies received.
    pub bytes: IntCounter,
    /// Uploads begun.
    pub created: IntCounter,
    /// Uploads that became a content.
    pub completed: IntCounter,
    /// Uploads ended by their owner.
    pub terminated: IntCounter,
    /// Uploads not finished in time.
    pub expired: IntCounter,
    active: IntGauge,
}

impl Metrics {
    /// Registers the families.
    ///
    /// # Errors
    /// When one is registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let help = "Bytes of upload bodies received, stored or not";
        let bytes = IntCounter::new("streamgate_upload_received_bytes_total", help)?;
        let help = "Uploads by what became of them";
        let opts = Opts::new("streamgate_upload_uploads_total", help);
        let uploads = IntCounterVec::new(opts, &["outcome"])?;
        let help = "Requests that are sending bytes now";
        let active = IntGauge::new("streamgate_upload_active_requests", help)?;
        registry.register(Box::new(bytes.clone()))?;
        registry.register(Box::new(uploads.clone()))?;
        registry.register(Box::new(active.clone()))?;
        let outcome = |name| uploads.get_metric_with_label_values(&[name]);
        Ok(Self {
            bytes,
            created: outcome("created")?,
            completed: outcome("completed")?,
            terminated: outcome("terminated")?,
            expired: outcome("expired")?,
            active,
        })
    }

    /// Counts a request as active until the value is dropped.
    pub fn active(&self) -> Active {
        self.active.inc();
        Active(self.active.clone())
    }
}

/// A request that is counted as active.
pub struct Active(IntGauge);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.dec();
    }
}
