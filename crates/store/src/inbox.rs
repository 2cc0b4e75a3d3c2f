//! `trunkline_inbox`: events that were handled (architecture decision 12).
//!
//! Ids are written in bulk, a moment after the event was handled, and kept for
//! as long as a repetition may come.

use trunkline_model::Timestamp;
use trunkline_model::service::Service;
use uuid::Uuid;

use crate::batch::{Batch, Statement};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

/// Notes that a service has handled events. Ids that are noted already stay as
/// they are.
#[must_use]
pub fn insert(
    dialect: Dialect,
    service: Service,
    ids: impl IntoIterator<Item = Uuid>,
    now: Timestamp,
) -> Batch {
    let sql = format!(
        "{} trunkline_inbox (service, message_id, tm_create) VALUES (?, ?, ?)",
        dialect.insert_ignore()
    );
    ids.into_iter()
        .map(|id| {
            Statement::any(
                sql.clone(),
                vec![service.name().into(), Value::uuid(id), now.into()],
            )
        })
        .collect()
}

/// The latest ids of a service, oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn latest(db: &dyn Database, service: Service, limit: u32) -> Result<Vec<Uuid>, Error> {
    let sql =
        "SELECT message_id FROM trunkline_inbox WHERE service = ? ORDER BY tm_create DESC LIMIT ?";
    let params = vec![service.name().into(), Value::Int(limit.into())];
    let rows = db.query(sql, params).await?;
    let mut ids = rows.map(|row| row.id::<Uuid>("message_id"))?;
    ids.reverse();
    Ok(ids)
}

/// Whether a service has handled this event.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn contains(db: &dyn Database, service: Service, id: Uuid) -> Result<bool, Error> {
    let sql = "SELECT 1 AS found FROM trunkline_inbox WHERE service = ? AND message_id = ? LIMIT 1";
    let rows = db
        .query(sql, vec![service.name().into(), Value::uuid(id)])
        .await?;
    Ok(rows.first().is_some())
}

/// How many ids of a service are kept.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn count(db: &dyn Database, service: Service) -> Result<i64, Error> {
    let sql = "SELECT count(*) AS n FROM trunkline_inbox WHERE service = ?";
    let rows = db.query(sql, vec![service.name().into()]).await?;
    rows.first().map_or(Ok(0), |row| row.int("n"))
}

/// Forgets what was handled before a time.
#[must_use]
pub fn prune(service: Service, before: Timestamp) -> Statement {
    Statement::any(
        "DELETE FROM trunkline_inbox WHERE service = ? AND tm_create < ?",
        vec![service.name().into(), before.into()],
    )
}
