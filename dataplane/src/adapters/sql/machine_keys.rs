//! Keys of machines in either database.

use async_trait::async_trait;

use super::rows::{column, failed};
use super::sessions::next_epoch;
use super::{Catalog, Row};
use crate::ports::catalog::{CatalogError, MachineKey, MachineKeys};

fn read(row: &Row) -> Result<MachineKey, CatalogError> {
    Ok(MachineKey {
        id: column(row, "id")?,
        name: column(row, "name")?,
        wallet: column(row, "wallet")?,
        scopes: column(row, "scopes")?,
        hash: column(row, "hash")?,
        created_at: column(row, "created_at")?,
        expires_at: column(row, "expires_at")?,
    })
}

#[async_trait]
impl MachineKeys for Catalog {
    async fn create_key(&self, key: &MachineKey) -> Result<(), CatalogError> {
        let query = sqlx::query(
            "INSERT INTO machine_keys (id, name, wallet, scopes, hash, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        );
        let query = query.bind(&key.id).bind(&key.name).bind(&key.wallet);
        let query = query.bind(&key.scopes).bind(&key.hash);
        let query = query.bind(key.created_at).bind(key.expires_at);
        let done = query.execute(&self.pool).await;
        done.map(|_| ()).map_err(failed("add a machine's key"))
    }

    async fn key(&self, id: &str) -> Result<Option<MachineKey>, CatalogError> {
        let query = sqlx::query("SELECT * FROM machine_keys WHERE id = $1").bind(id);
        let row = query.fetch_optional(&self.pool).await;
        let row = row.map_err(failed("look up a machine's key"))?;
        row.as_ref().map(read).transpose()
    }

    async fn keys(&self) -> Result<Vec<MachineKey>, CatalogError> {
        let query = sqlx::query("SELECT * FROM machine_keys ORDER BY created_at DESC, id");
        let rows = query.fetch_all(&self.pool).await;
        let rows = rows.map_err(failed("list the machines' keys"))?;
        rows.iter().map(read).collect()
    }

    async fn delete_key(&self, id: &str) -> Result<bool, CatalogError> {
        const ACTION: &str = "remove a machine's key";
        let mut tx = self.write(ACTION).await?;
        let query = sqlx::query("DELETE FROM machine_keys WHERE id = $1").bind(id);
        let done = query.execute(&mut *tx).await.map_err(failed(ACTION))?;
        next_epoch(&mut tx).await?;
        tx.commit().await.map_err(failed(ACTION))?;
        Ok(done.rows_affected() == 1)
    }
}
