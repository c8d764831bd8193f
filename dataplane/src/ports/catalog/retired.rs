//! Outputs that play no more: another took their place, or the job that made them ended without
//! closing them. They are noted first and removed later, so that nobody who watches one loses it.

use async_trait::async_trait;
use streamgate_contract::{ContentId, OutputId};

use super::CatalogError;
use crate::ports::clock::UnixSeconds;

/// An output that is not its content's current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spare {
    /// Which one.
    pub output: OutputId,
    /// UID of the TranscodeJob and attempt that make or made it.
    pub job: String,
    /// Since when it is noted as retired, if it is.
    pub retired_at: Option<UnixSeconds>,
}

/// Retirement of outputs.
#[async_trait]
pub trait Retirement: Send + Sync {
    /// Every output that is not its content's current one. Notes on those that are current again are
    /// forgotten.
    async fn spare_outputs(&self) -> Result<Vec<Spare>, CatalogError>;
    /// Notes that an output is retired; the first note stays.
    async fn retire(&self, output: &OutputId, now: UnixSeconds) -> Result<(), CatalogError>;
    /// Removes an output that is noted as retired and still not current, and notes that its objects
    /// may go; false when it is not so.
    async fn remove_output(&self, output: &OutputId) -> Result<bool, CatalogError>;
    /// Some outputs that are gone and whose objects are still there.
    async fn removed_outputs(&self) -> Result<Vec<(ContentId, OutputId)>, CatalogError>;
    /// The objects of an output are gone.
    async fn forget_output(&self, output: &OutputId) -> Result<(), CatalogError>;
}
