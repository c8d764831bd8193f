//! Keys by which machines act for somebody.

use async_trait::async_trait;

use super::CatalogError;
use crate::ports::clock::UnixSeconds;

/// A key as it is kept: its secret is there as a hash alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineKey {
    /// Identifier; part of the key's text.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Wallet it acts for.
    pub wallet: String,
    /// What it may do, as words separated by spaces.
    pub scopes: String,
    /// Hash of its secret, with the salt.
    pub hash: String,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When it ends; never when absent.
    pub expires_at: Option<UnixSeconds>,
}

/// Keeps them.
#[async_trait]
pub trait MachineKeys: Send + Sync {
    /// Adds a key.
    async fn create_key(&self, key: &MachineKey) -> Result<(), CatalogError>;
    /// One key, if there is such a one.
    async fn key(&self, id: &str) -> Result<Option<MachineKey>, CatalogError>;
    /// Every key, newest first.
    async fn keys(&self) -> Result<Vec<MachineKey>, CatalogError>;
    /// Removes a key and begins a new epoch; false when there is no such key.
    async fn delete_key(&self, id: &str) -> Result<bool, CatalogError>;
}
