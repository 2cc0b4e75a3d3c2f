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
    /// When it ends by itself; never, if absent.
    pub tm_expire: Option<Timestamp>,
    /// About when it was of use last: noted now and then.
    pub tm_last_used: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

table! { Token in "trunkline_tokens";
    "id" id id,
    "customer_id" customer_id id,
    "name" name text,
    "hash" hash text,
    "tm_create" tm_create time,
    "tm_expire" tm_expire time,
    "tm_last_used" tm_last_used time,
    "tm_delete" tm_delete time,
}

/// The token with this hash, revoked and expired ones included.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_hash(db: &dyn Database, hash: &str) -> Result<Option<Token>, Error> {
    SELECT.one(db, "hash = ?", vec![hash.into()]).await
}

/// The token with this id, revoked and expired ones included.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: Uuid) -> Result<Option<Token>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// A customer's tokens older than `before`, newest first, revoked ones left out.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(
    db: &dyn Database,
    customer: CustomerId,
    before: Option<Timestamp>,
    limit: u32,
) -> Result<Vec<Token>, Error> {
    let mut params = vec![Value::uuid(customer)];
    let older = before.map_or("", |before| {
        params.push(before.into());
        " AND tm_create < ?"
    });
    params.push(Value::Int(limit.into()));
    let condition = format!(
        "customer_id = ? AND tm_delete IS NULL{older} ORDER BY tm_create DESC, id DESC LIMIT ?"
    );
    SELECT.all(db, &condition, params).await
}

/// How many tokens a customer has, revoked ones left out.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn count(db: &dyn Database, customer: CustomerId) -> Result<i64, Error> {
    let sql =
        "SELECT count(*) AS n FROM trunkline_tokens WHERE customer_id = ? AND tm_delete IS NULL";
    let rows = db.query(sql, vec![Value::uuid(customer)]).await?;
    rows.first().map_or(Ok(0), |row| row.int("n"))
}

/// Whether there is any token that can be used at `now`.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn any(db: &dyn Database, now: Timestamp) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM trunkline_tokens \
         WHERE tm_delete IS NULL AND (tm_expire IS NULL OR tm_expire > ?) LIMIT 1";
    Ok(!db.query(sql, vec![now.into()]).await?.is_empty())
}

/// A new row, as given.
#[must_use]
pub fn insert(token: &Token) -> Statement {
    Statement::insert(TABLE, values(token))
}

/// Notes that a token was used.
#[must_use]
pub fn set_last_used(id: Uuid, at: Timestamp) -> Statement {
    Statement::any(
        "UPDATE trunkline_tokens SET tm_last_used = ? WHERE id = ?",
        vec![at.into(), Value::uuid(id)],
    )
}

/// Revokes a token of this customer; once.
#[must_use]
pub fn delete(id: Uuid, customer: CustomerId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE trunkline_tokens SET tm_delete = ? WHERE id = ? AND customer_id = ? AND tm_delete IS NULL",
        vec![now.into(), Value::uuid(id), Value::uuid(customer)],
    )
}
