//! `trunkline_tokens`: access to the HTTP API (architecture decision 16). Only
//! a hash is kept.

use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;
use uuid::Uuid;

use crate::batch::Statement;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Token {
    pub id: Uuid,
    /// The customer that it fixes.
    pub customer_id: CustomerId,
    /// For people.
    pub name: String,
    /// Hash of the secret, as text.
    pub hash: String,
    pub tm_create: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

table! { Token in "trunkline_tokens";
    "id" id id,
    "customer_id" customer_id id,
    "name" name text,
    "hash" hash text,
    "tm_create" tm_create time,
    "tm_delete" tm_delete time,
}

/// The token with this hash, unless it was revoked.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_hash(db: &dyn Database, hash: &str) -> Result<Option<Token>, Error> {
    SELECT
        .one(db, "hash = ? AND tm_delete IS NULL", vec![hash.into()])
        .await
}

/// A customer's tokens, newest first, revoked ones left out.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, customer: CustomerId) -> Result<Vec<Token>, Error> {
    let condition = "customer_id = ? AND tm_delete IS NULL ORDER BY tm_create DESC LIMIT 1000";
    SELECT.all(db, condition, vec![Value::uuid(customer)]).await
}

/// Whether there is any token at all.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn any(db: &dyn Database) -> Result<bool, Error> {
    let rows = db
        .query(
            "SELECT 1 FROM trunkline_tokens WHERE tm_delete IS NULL LIMIT 1",
            vec![],
        )
        .await?;
    Ok(!rows.is_empty())
}

/// A new row, as given.
#[must_use]
pub fn insert(token: &Token) -> Statement {
    Statement::insert(TABLE, values(token))
}

/// Revokes a token of this customer; once.
#[must_use]
pub fn delete(id: Uuid, customer: CustomerId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE trunkline_tokens SET tm_delete = ? WHERE id = ? AND customer_id = ? AND tm_delete IS NULL",
        vec![now.into(), Value::uuid(id), Value::uuid(customer)],
    )
}
