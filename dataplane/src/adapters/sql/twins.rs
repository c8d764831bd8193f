//! Outputs of the same source and plan in either database.

use async_trait::async_trait;
use streamgate_contract::OutputId;

use super::Catalog;
use super::outputs::output;
use super::rows::{column, failed, not_found};
use crate::ports::catalog::{CatalogError, Output, Twins};

#[async_trait]
impl Twins for Catalog {
    async fn note_source(&self, output: &OutputId, sha256: &str) -> Result<(), CatalogError> {
        let query = sqlx::query("UPDATE outputs SET source_sha256 = $2 WHERE id = $1");
        let query = query.bind(output.as_str()).bind(sha256);
        let done = query.execute(&self.pool).await;
        done.map(|_| ()).map_err(failed("note a source"))
    }

    async fn twin(&self, id: &OutputId) -> Result<Option<Output>, CatalogError> {
        let sql = "SELECT twin.id, twin.content, twin.job, twin.plan, twin.complete
                   FROM outputs AS mine
                   JOIN contents AS my_content ON my_content.id = mine.content
                   JOIN outputs AS twin ON twin.source_sha256 = mine.source_sha256
                       AND twin.plan = mine.plan AND twin.id != mine.id AND twin.complete
                   JOIN contents ON contents.id = twin.content
                       AND contents.owner = my_content.owner
                   LEFT JOIN content_namespaces AS my_maker ON my_maker.content = mine.content
                   LEFT JOIN content_namespaces AS maker ON maker.content = twin.content
                   WHERE mine.id = $1
                       AND coalesce(maker.namespace, '') = coalesce(my_maker.namespace, '')
                   LIMIT 1";
        let row = sqlx::query(sql)
            .bind(id.as_str())
            .fetch_optional(&self.pool);
        let row = row
            .await
            .map_err(failed("find an output of the same source"))?;
        row.as_ref().map(output).transpose()
    }

    async fn note_taken(&self, output: &OutputId, from: &OutputId) -> Result<(), CatalogError> {
        let query = sqlx::query("UPDATE outputs SET taken_from = $2 WHERE id = $1");
        let query = query.bind(output.as_str()).bind(from.as_str());
        let done = query.execute(&self.pool).await;
        done.map(|_| ())
            .map_err(failed("note where an output is from"))
    }

    async fn taken_from(&self, output: &OutputId) -> Result<Option<OutputId>, CatalogError> {
        const ACTION: &str = "read where an output is from";
        let query = sqlx::query("SELECT taken_from FROM outputs WHERE id = $1");
        let row = query.bind(output.as_str()).fetch_optional(&self.pool).await;
        let row = row.map_err(failed(ACTION))?;
        let row = row.ok_or_else(|| not_found("output", output))?;
        let from: Option<String> = column(&row, "taken_from")?;
        from.map(|from| from.parse())
            .transpose()
            .map_err(failed(ACTION))
    }
}
