//! Nonces, ended sessions and the epoch in either database.

use async_trait::async_trait;
use sqlx::Transaction;

use super::rows::{failed, unsigned};
use super::{Catalog, Db};
use crate::ports::catalog::{CatalogError, Sessions};
use crate::ports::clock::UnixSeconds;

/// Begins a new epoch inside a transaction, so that it comes with its cause or not at all.
pub(super) async fn next_epoch(tx: &mut Transaction<'_, Db>) -> Result<(), CatalogError> {
    let query = sqlx::query("UPDATE epoch SET number = number + 1");
    query
        .execute(&mut **tx)
        .await
        .map_err(failed("begin an epoch"))?;
    Ok(())
}

#[async_trait]
impl Sessions for Catalog {
    async fn put_nonce(
        &self,
        nonce: &str,
        now: UnixSeconds,
        expires: UnixSeconds,
    ) -> Result<(), CatalogError> {
        let mut tx = self.write("remember a nonce").await?;
        let expired = sqlx::query("DELETE FROM nonces WHERE expires <= $1").bind(now);
        expired
            .execute(&mut *tx)
            .await
            .map_err(failed("forget nonces"))?;
        let query = sqlx::query("INSERT INTO nonces (nonce, expires) VALUES ($1, $2)");
        let query = query.bind(nonce).bind(expires);
        query
            .execute(&mut *tx)
            .await
            .map_err(failed("remember a nonce"))?;
        tx.commit().await.map_err(failed("remember a nonce"))
    }

    async fn take_nonce(&self, nonce: &str, now: UnixSeconds) -> Result<bool, CatalogError> {
        let query = sqlx::query("DELETE FROM nonces WHERE nonce = $1 AND expires > $2");
        let done = query.bind(nonce).bind(now).execute(&self.pool).await;
        Ok(done.map_err(failed("take a nonce"))?.rows_affected() == 1)
    }

    async fn revoke_session(&self, session: &str) -> Result<(), CatalogError> {
        let mut tx = self.write("end a session").await?;
        let query = sqlx::query("INSERT INTO revoked_sessions VALUES ($1) ON CONFLICT DO NOTHING");
        query
            .bind(session)
            .execute(&mut *tx)
            .await
            .map_err(failed("end a session"))?;
        next_epoch(&mut tx).await?;
        tx.commit().await.map_err(failed("end a session"))
    }

    async fn session_revoked(&self, session: &str) -> Result<bool, CatalogError> {
        let query = sqlx::query("SELECT 1 FROM revoked_sessions WHERE session = $1").bind(session);
        let row = query
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("look up a session"))?;
        Ok(row.is_some())
    }

    async fn begin_epoch(&self) -> Result<(), CatalogError> {
        let mut tx = self.write("begin an epoch").await?;
        next_epoch(&mut tx).await?;
        tx.commit().await.map_err(failed("begin an epoch"))
    }

    async fn epoch(&self) -> Result<u64, CatalogError> {
        let row = sqlx::query("SELECT number FROM epoch")
            .fetch_one(&self.pool)
            .await;
        unsigned(&row.map_err(failed("read the epoch"))?, "number")
    }
}
