//! Rows of either database as values, and failures in the catalog's words.

use sqlx::Row as _;

use super::{Db, Row};
use crate::ports::catalog::CatalogError;

pub fn failed<E: Into<crate::ports::Source>>(
    action: &'static str,
) -> impl FnOnce(E) -> CatalogError {
    move |source| CatalogError::Unavailable {
        action,
        source: source.into(),
    }
}

pub fn not_found(kind: &'static str, id: impl ToString) -> CatalogError {
    let id = id.to_string();
    CatalogError::NotFound { kind, id }
}

pub fn conflict(kind: &'static str, id: impl ToString, detail: &'static str) -> CatalogError {
    let id = id.to_string();
    CatalogError::Conflict { kind, id, detail }
}

pub fn column<'r, T>(row: &'r Row, name: &str) -> Result<T, CatalogError>
where
    T: sqlx::Decode<'r, Db> + sqlx::Type<Db>,
{
    row.try_get(name).map_err(failed("read a row"))
}

/// A column through the type's own parser, so that no invalid value leaves the database.
pub fn parsed<T>(row: &Row, name: &str) -> Result<T, CatalogError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    column::<&str>(row, name)?
        .parse()
        .map_err(failed("read a row"))
}

pub fn unsigned(row: &Row, name: &str) -> Result<u64, CatalogError> {
    u64::try_from(column::<i64>(row, name)?).map_err(failed("read a row"))
}

pub fn signed(number: u64) -> Result<i64, CatalogError> {
    i64::try_from(number).map_err(failed("write a number"))
}
