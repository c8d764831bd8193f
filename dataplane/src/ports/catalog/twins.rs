//! Outputs of the same source and plan: what one has another need not encode.

use async_trait::async_trait;
use streamgate_contract::OutputId;

use super::{CatalogError, Output};

/// Finds them.
#[async_trait]
pub trait Twins: Send + Sync {
    /// Notes the SHA-256 (hex) of the source of an output.
    async fn note_source(&self, output: &OutputId, sha256: &str) -> Result<(), CatalogError>;
    /// A finished output of the same source and the very same plan, of a content with the same owner
    /// from the same namespace: nobody learns what others have. Encrypted outputs have none, since each
    /// has a key of its own in its plan.
    async fn twin(&self, output: &OutputId) -> Result<Option<Output>, CatalogError>;
    /// Notes that everything of an output was taken over from another.
    async fn note_taken(&self, output: &OutputId, from: &OutputId) -> Result<(), CatalogError>;
    /// The output that one was taken over from, if it was.
    async fn taken_from(&self, output: &OutputId) -> Result<Option<OutputId>, CatalogError>;
}
