//! `call_recordings` (chapter 02 §7.7).
//!
//! A status only moves forward: `initiating` → `recording` → `stopping` → `ended`,
//! and each write says from where. An ended recording takes no further write but
//! its deletion.

use trunkline_model::Timestamp;
use trunkline_model::id::{AsteriskId, RecordingId, ReferenceId};
use trunkline_model::page::Page;
use trunkline_model::recording::Recording;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Recording in "call_recordings";
    "id" id id,
    "customer_id" customer_id id,
    "owner_type" owner_type word,
    "owner_id" owner_id id,
    "activeflow_id" activeflow_id id,
    "reference_type" reference_type word,
    "reference_id" reference_id id,
    "status" status word,
    "format" format text,
    "on_end_flow_id" on_end_flow_id id,
    "recording_name" recording_name text,
    "filenames" filenames json,
    "asterisk_id" asterisk_id word,
    "channel_ids" channel_ids json,
    "tm_start" tm_start time,
    "tm_end" tm_end time,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
}

/// What lists may be filtered by (chapter 02 §5.9).
pub const FILTERS: Keys = Keys {
    keys: &[
        ("customer_id", Kind::Id),
        ("owner_id", Kind::Id),
        ("activeflow_id", Kind::Id),
        ("reference_id", Kind::Id),
        ("on_end_flow_id", Kind::Id),
        ("reference_type", Kind::Text),
        ("status", Kind::Text),
        ("format", Kind::Text),
        ("asterisk_id", Kind::Text),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

// The index of live recordings has this condition word for word.
const LIVE: &str = "status IN ('initiating', 'recording', 'stopping')";

/// The recording by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: RecordingId) -> Result<Option<Recording>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// The recording with this name.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_name(db: &dyn Database, name: &str) -> Result<Option<Recording>, Error> {
    SELECT
        .one(db, "recording_name = ?", vec![name.into()])
        .await
}

/// One page, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(
    db: &dyn Database,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<Recording>, Error> {
    SELECT.page(db, filter, page, Order::Newest).await
}

/// Recordings of an Asterisk that have not ended, oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live_on(
    db: &dyn Database,
    asterisk: &AsteriskId,
    limit: u32,
) -> Result<Vec<Recording>, Error> {
    let condition = format!("{LIVE} AND asterisk_id = ? ORDER BY tm_create LIMIT ?");
    let params = vec![asterisk.as_str().into(), Value::Int(limit.into())];
    SELECT.all(db, &condition, params).await
}

/// Recordings of one call that have not ended, oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live_of(db: &dyn Database, reference: ReferenceId) -> Result<Vec<Recording>, Error> {
    let condition = format!("{LIVE} AND reference_id = ? ORDER BY tm_create");
    SELECT
        .all(db, &condition, vec![Value::uuid(reference)])
        .await
}

/// Recordings that have not ended, on whatever Asterisk, oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live(db: &dyn Database, limit: u32) -> Result<Vec<Recording>, Error> {
    let condition = format!("{LIVE} ORDER BY tm_create LIMIT ?");
    let params = vec![Value::Int(limit.into())];
    SELECT.all(db, &condition, params).await
}

/// The Asterisks that recordings which have not ended are on.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live_asterisks(db: &dyn Database) -> Result<Vec<AsteriskId>, Error> {
    let sql = format!(
        "SELECT DISTINCT asterisk_id FROM call_recordings WHERE {LIVE} AND asterisk_id <> ''"
    );
    db.query(&sql, Vec::new())
        .await?
        .map(|row| row.word("asterisk_id"))
}

/// A new row, as given. The batch is refused when one has its name: a name has
/// seconds only, and is that of a file.
#[must_use]
pub fn insert(recording: &Recording) -> Statement {
    let columns = values(recording);
    let marks = vec!["?"; columns.len()].join(", ");
    let sql = format!(
        "INSERT INTO {TABLE} ({COLUMNS}) SELECT {marks} FROM (SELECT 1 AS n) AS one \
         WHERE NOT EXISTS (SELECT 1 FROM {TABLE} AS had WHERE had.recording_name = ?)"
    );
    let mut params: Vec<Value> = columns.into_iter().map(|(_, value)| value).collect();
    params.push(recording.recording_name.as_str().into());
    Statement::one(sql, params)
}

/// `initiating` → `recording`.
#[must_use]
pub fn set_recording(id: RecordingId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_recordings SET status = 'recording', tm_start = ?, tm_update = ? \
         WHERE id = ? AND status = 'initiating'",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}

/// `initiating`, `recording` → `stopping`.
#[must_use]
pub fn set_stopping(id: RecordingId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_recordings SET status = 'stopping', tm_update = ? \
         WHERE id = ? AND status IN ('initiating', 'recording')",
        vec![now.into(), Value::uuid(id)],
    )
}

/// Any status but `ended` → `ended`.
#[must_use]
pub fn set_ended(id: RecordingId, now: Timestamp) -> Statement {
    Statement::one(
        format!(
            "UPDATE call_recordings SET status = 'ended', tm_end = ?, tm_update = ? \
             WHERE id = ? AND {LIVE}"
        ),
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: RecordingId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_recordings SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}
