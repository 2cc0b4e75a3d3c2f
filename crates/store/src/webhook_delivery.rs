//! `trunkline_webhook_deliveries`: webhooks that a customer's server has not
//! taken yet.

use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;
use uuid::Uuid;

use crate::batch::Statement;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

/// A webhook on its way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    pub id: Uuid,
    pub customer_id: CustomerId,
    pub uri: String,
    pub method: String,
    pub body: String,
    /// The body's media type; empty is JSON.
    pub data_type: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
    pub tm_create: Option<Timestamp>,
}

table! { Delivery in "trunkline_webhook_deliveries";
    "id" id id,
    "customer_id" customer_id id,
    "uri" uri text,
    "method" method text,
    "body" body text,
    "data_type" data_type text,
    "attempts" attempts int,
    "due_at" due_at time,
    "tm_create" tm_create time,
}

/// Deliveries that are due, oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn due(db: &dyn Database, now: Timestamp, limit: u32) -> Result<Vec<Delivery>, Error> {
    let condition = "due_at <= ? ORDER BY due_at LIMIT ?";
    SELECT
        .all(db, condition, vec![now.into(), Value::Int(limit.into())])
        .await
}

/// As [`due`], without the deliveries of some customers.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn due_except(
    db: &dyn Database,
    now: Timestamp,
    except: &[CustomerId],
    limit: u32,
) -> Result<Vec<Delivery>, Error> {
    if except.is_empty() {
        return due(db, now, limit).await;
    }
    let marks = vec!["?"; except.len()].join(", ");
    let condition = format!("due_at <= ? AND customer_id NOT IN ({marks}) ORDER BY due_at LIMIT ?");
    let mut params = vec![now.into()];
    params.extend(except.iter().map(|customer| Value::uuid(*customer)));
    params.push(Value::Int(limit.into()));
    SELECT.all(db, &condition, params).await
}

/// How many deliveries of a customer wait, or are on their way.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn waiting_of(db: &dyn Database, customer: CustomerId) -> Result<u64, Error> {
    let sql = "SELECT count(*) AS n FROM trunkline_webhook_deliveries WHERE customer_id = ?";
    let rows = db.query(sql, vec![Value::uuid(customer)]).await?;
    let number = rows.first().map_or(Ok(0), |row| row.int("n"))?;
    Ok(number.unsigned_abs())
}

/// When the next delivery is due. None when there is none.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn next_due(db: &dyn Database) -> Result<Option<Timestamp>, Error> {
    let rows = db
        .query(
            "SELECT min(due_at) AS at FROM trunkline_webhook_deliveries",
            vec![],
        )
        .await?;
    rows.first().map_or(Ok(None), |row| row.time("at"))
}

/// A new row, as given.
#[must_use]
pub fn insert(delivery: &Delivery) -> Statement {
    Statement::insert(TABLE, values(delivery))
}

/// Counts a try and sets the time of the next one. Before sending, it is the
/// claim: of several senders that saw `delivery` one wins.
#[must_use]
pub fn retry(delivery: &Delivery, due_at: Timestamp) -> Statement {
    Statement::one(
        "UPDATE trunkline_webhook_deliveries SET attempts = attempts + 1, due_at = ? \
         WHERE id = ? AND attempts = ?",
        vec![
            due_at.into(),
            Value::uuid(delivery.id),
            Value::Int(delivery.attempts),
        ],
    )
}

/// Sets the time of the next try without counting one.
#[must_use]
pub fn postpone(id: Uuid, due_at: Timestamp) -> Statement {
    Statement::any(
        "UPDATE trunkline_webhook_deliveries SET due_at = ? WHERE id = ?",
        vec![due_at.into(), Value::uuid(id)],
    )
}

/// It was taken, or is given up.
#[must_use]
pub fn delete(id: Uuid) -> Statement {
    Statement::any(
        "DELETE FROM trunkline_webhook_deliveries WHERE id = ?",
        vec![Value::uuid(id)],
    )
}
