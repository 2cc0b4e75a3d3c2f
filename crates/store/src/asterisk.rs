//! `trunkline_asterisks`: which Asterisks there were, and when each was last there.
//!
//! A process that has just started knows the Asterisks that have reported to it,
//! and must not take these for all.

use trunkline_model::Timestamp;
use trunkline_model::id::AsteriskId;

use crate::batch::Statement;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::port::Database;

/// All that were ever there, by id, with the time when each was last seen.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn all(db: &dyn Database) -> Result<Vec<(AsteriskId, Option<Timestamp>)>, Error> {
    let sql = "SELECT id, tm_seen FROM trunkline_asterisks ORDER BY id";
    db.query(sql, Vec::new())
        .await?
        .map(|row| Ok((row.word("id")?, row.time("tm_seen")?)))
}

/// Notes that an Asterisk is there.
#[must_use]
pub fn see(dialect: Dialect, id: &AsteriskId, now: Timestamp) -> Statement {
    let sql = format!(
        "{} trunkline_asterisks (id, tm_seen) VALUES (?, ?)",
        dialect.replace()
    );
    Statement::any(sql, vec![id.as_str().into(), now.into()])
}
