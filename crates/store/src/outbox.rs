//! `trunkline_outbox`: events that are committed and not yet published
//! (architecture decision 12).

use trunkline_model::Timestamp;
use trunkline_model::service::Service;
use uuid::Uuid;

use crate::batch::Statement;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

/// An event that is to be published.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// Order of publication; given by the database.
    pub seq: i64,
    /// The message id that consumers recognize a repetition by.
    pub id: Uuid,
    /// Publisher name of the service.
    pub service: String,
    pub exchange: String,
    /// The event's JSON.
    pub body: String,
    /// The webhook request's JSON, if customers hear of it.
    pub webhook: Option<String>,
    /// How often publishing failed.
    pub attempts: i64,
    pub tm_create: Option<Timestamp>,
}

table! { Entry in "trunkline_outbox";
    "seq" seq int,
    "id" id id,
    "service" service text,
    "exchange" exchange text,
    "body" body text,
    "webhook" webhook maybe_text,
    "attempts" attempts int,
    "tm_create" tm_create time,
}

/// Whether this statement appends an event.
#[must_use]
pub fn is_insert(statement: &Statement) -> bool {
    statement.sql.contains("INTO trunkline_outbox ")
}

/// Appends an event. Its `seq` is not looked at.
#[must_use]
pub fn insert(entry: &Entry) -> Statement {
    let mut columns = values(entry);
    columns.retain(|(name, _)| *name != "seq");
    Statement::insert(TABLE, columns)
}

/// Events of a service behind `after`, in order.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn pending(
    db: &dyn Database,
    service: Service,
    after: i64,
    limit: u32,
) -> Result<Vec<Entry>, Error> {
    let condition = "service = ? AND seq > ? ORDER BY seq LIMIT ?";
    SELECT
        .all(
            db,
            condition,
            vec![
                service.name().into(),
                Value::Int(after),
                Value::Int(limit.into()),
            ],
        )
        .await
}

/// How many events of a service wait.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn depth(db: &dyn Database, service: Service) -> Result<i64, Error> {
    let sql = "SELECT count(*) AS n FROM trunkline_outbox WHERE service = ?";
    let rows = db.query(sql, vec![service.name().into()]).await?;
    rows.first().map_or(Ok(0), |row| row.int("n"))
}

/// It is published. Another publisher may have been faster.
#[must_use]
pub fn delete(seq: i64) -> Statement {
    Statement::any(
        "DELETE FROM trunkline_outbox WHERE seq = ?",
        vec![Value::Int(seq)],
    )
}

/// Publishing failed once more.
#[must_use]
pub fn failed(seq: i64) -> Statement {
    Statement::any(
        "UPDATE trunkline_outbox SET attempts = attempts + 1 WHERE seq = ?",
        vec![Value::Int(seq)],
    )
}
