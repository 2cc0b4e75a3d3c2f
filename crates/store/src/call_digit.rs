//! `trunkline_call_digits`: every key that was pressed in a call, once, in the
//! order of Asterisk's clock.

use trunkline_model::dtmf::Key;
use trunkline_model::id::CallId;

use crate::batch::Statement;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

table! { Key in "trunkline_call_digits";
    "call_id" call_id id,
    "tm_digit" tm_digit time,
    "digit" digit text,
    "duration_ms" duration_ms int,
    "action_id" action_id id,
    "value" value text,
}

/// The last key of a call.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn last(db: &dyn Database, call: CallId) -> Result<Option<Key>, Error> {
    let condition = "call_id = ? ORDER BY tm_digit DESC, digit DESC";
    SELECT.one(db, condition, vec![Value::uuid(call)]).await
}

/// The keys of these calls, those of one call in their order.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn of_calls(db: &dyn Database, calls: &[CallId]) -> Result<Vec<Key>, Error> {
    let keys = calls.iter().copied().map(Value::uuid).collect();
    let order = " ORDER BY call_id, tm_digit, digit";
    SELECT.among(db, "call_id", keys, order).await
}

/// A key. The batch is refused when it is there already, and when the call has
/// `most` of them.
#[must_use]
pub fn insert(key: &Key, most: u32) -> Statement {
    let columns = values(key);
    let marks = vec!["?"; columns.len()].join(", ");
    let sql = format!(
        "INSERT INTO {TABLE} ({COLUMNS}) SELECT {marks} FROM (SELECT 1 AS n) AS one \
         WHERE (SELECT count(*) FROM {TABLE} AS had WHERE had.call_id = ?) < ?"
    );
    let mut params: Vec<Value> = columns.into_iter().map(|(_, value)| value).collect();
    params.extend([Value::uuid(key.call_id), Value::Int(most.into())]);
    Statement::one(sql, params)
}
