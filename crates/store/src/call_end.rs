//! `trunkline_call_ends`: what the end of a call's channel tells and a call has no
//! column for.

use std::collections::BTreeMap;

use trunkline_model::id::CallId;

use crate::batch::Statement;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

/// Calls that one query asks for.
const AT_ONCE: usize = 1_000;

/// The SIP statuses that these calls ended with, of those that have one.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn sip_codes(
    db: &dyn Database,
    calls: &[CallId],
) -> Result<BTreeMap<CallId, i64>, Error> {
    let mut found = BTreeMap::new();
    for part in calls.chunks(AT_ONCE) {
        let marks = vec!["?"; part.len()].join(", ");
        let sql =
            format!("SELECT call_id, sip_code FROM trunkline_call_ends WHERE call_id IN ({marks})");
        let keys = part.iter().copied().map(Value::uuid).collect();
        let rows = db.query(&sql, keys).await?;
        found.extend(rows.map(|row| Ok((row.id("call_id")?, row.int("sip_code")?)))?);
    }
    Ok(found)
}

/// The SIP status that a call ended with. It ends once, so this is in the batch of
/// its end.
#[must_use]
pub fn insert(call: CallId, sip_code: i64) -> Statement {
    Statement::one(
        "INSERT INTO trunkline_call_ends (call_id, sip_code) VALUES (?, ?)",
        vec![Value::uuid(call), Value::Int(sip_code)],
    )
}
