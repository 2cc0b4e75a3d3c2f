//! `trunkline_void_calls`: ids under which no call may be created any more.
//!
//! Whoever chose an id and does not know what became of its create asks for it;
//! when there is no call, the id is made void. A create that is still on its
//! way, in a queue or in a process that stands still, then comes to nothing,
//! however late it arrives: nobody is dialed twice (architecture decision 8).

use std::time::Duration;

use trunkline_model::Timestamp;
use trunkline_model::id::CallId;

use crate::batch::{Batch, Statement};
use crate::dialect::Dialect;
use crate::value::Value;

/// How long a void id is kept: much longer than any request is on its way.
const KEEP: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Makes an id void; a conflict when the call exists.
#[must_use]
pub fn declare(dialect: Dialect, id: CallId, now: Timestamp) -> Batch {
    let old = i64::try_from(KEEP.as_millis()).unwrap_or(i64::MAX);
    let columns = vec![("id", Value::uuid(id)), ("tm_create", now.into())];
    let note = Statement::insert_new(dialect, "trunkline_void_calls", columns);
    Batch::new()
        .with(note)
        .with(Statement::one(
            "UPDATE trunkline_void_calls SET tm_create = ? \
             WHERE id = ? AND NOT EXISTS (SELECT 1 FROM call_calls WHERE id = ?)",
            vec![now.into(), Value::uuid(id), Value::uuid(id)],
        ))
        .with(Statement::any(
            "DELETE FROM trunkline_void_calls WHERE tm_create < ?",
            vec![now.plus_millis(-old).into()],
        ))
}

/// Changes nothing and refuses the batch that inserts this call when its id is
/// void. Behind the insert.
#[must_use]
pub fn refuse(id: CallId) -> Statement {
    Statement::one(
        "UPDATE call_calls SET tm_delete = tm_delete \
         WHERE id = ? AND NOT EXISTS (SELECT 1 FROM trunkline_void_calls WHERE id = ?)",
        vec![Value::uuid(id), Value::uuid(id)],
    )
}
