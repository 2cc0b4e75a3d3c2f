//! `trunkline_idempotency`: requests with a key that must be carried out once,
//! and what they were answered.

use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;
use uuid::Uuid;

use crate::batch::Statement;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

/// A request with a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    pub customer_id: CustomerId,
    /// Hash of the route and the key.
    pub key_hash: String,
    /// Hash of what was asked.
    pub request_hash: String,
    /// The process that carries it out.
    pub holder: Uuid,
    /// HTTP status of the answer; 0 while nobody has written one.
    pub status: i64,
    /// The answer's body.
    pub answer: String,
    pub tm_create: Option<Timestamp>,
}

table! { Kept in "trunkline_idempotency";
    "customer_id" customer_id id,
    "key_hash" key_hash text,
    "request_hash" request_hash text,
    "holder" holder id,
    "status" status int,
    "answer" answer text,
    "tm_create" tm_create time,
}

/// The request with this key, if there is one.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(
    db: &dyn Database,
    customer: CustomerId,
    key_hash: &str,
) -> Result<Option<Kept>, Error> {
    let params = vec![Value::uuid(customer), key_hash.into()];
    SELECT
        .one(db, "customer_id = ? AND key_hash = ?", params)
        .await
}

/// How many keys each customer has.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn counts(db: &dyn Database) -> Result<Vec<(CustomerId, i64)>, Error> {
    let sql = "SELECT customer_id, count(*) AS n FROM trunkline_idempotency GROUP BY customer_id";
    let rows = db.query(sql, vec![]).await?;
    rows.map(|row| Ok((row.id("customer_id")?, row.int("n")?)))
}

/// A new row, as given: refused when the key is there.
#[must_use]
pub fn insert(kept: &Kept) -> Statement {
    Statement::insert(TABLE, values(kept))
}

/// Writes the answer; the first one stays.
#[must_use]
pub fn set_answer(customer: CustomerId, key_hash: &str, status: u16, answer: String) -> Statement {
    Statement::any(
        "UPDATE trunkline_idempotency SET status = ?, answer = ? \
         WHERE customer_id = ? AND key_hash = ? AND status = 0",
        vec![
            Value::Int(status.into()),
            answer.into(),
            Value::uuid(customer),
            key_hash.into(),
        ],
    )
}

/// Forgets a request that was not carried out.
#[must_use]
pub fn delete(customer: CustomerId, key_hash: &str) -> Statement {
    Statement::any(
        "DELETE FROM trunkline_idempotency WHERE customer_id = ? AND key_hash = ? AND status = 0",
        vec![Value::uuid(customer), key_hash.into()],
    )
}

/// Forgets some of the requests that began before `before`: as many as one
/// write may take.
#[must_use]
pub fn sweep(before: Timestamp, limit: u32) -> Statement {
    Statement::any(
        "DELETE FROM trunkline_idempotency WHERE tm_create < ? AND (customer_id, key_hash) IN \
         (SELECT customer_id, key_hash FROM \
           (SELECT customer_id, key_hash FROM trunkline_idempotency WHERE tm_create < ? LIMIT ?) AS old)",
        vec![before.into(), before.into(), Value::Int(limit.into())],
    )
}

/// Whether any request began before `before`.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn any_before(db: &dyn Database, before: Timestamp) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM trunkline_idempotency WHERE tm_create < ? LIMIT 1";
    Ok(!db.query(sql, vec![before.into()]).await?.is_empty())
}
