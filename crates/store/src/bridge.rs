//! `call_bridges` (chapter 02 §7.5, §7.9, §7.10).

use trunkline_model::Timestamp;
use trunkline_model::bridge::Bridge;
use trunkline_model::id::{AsteriskId, BridgeId, ChannelId};

use crate::batch::Statement;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

table! { Bridge in "call_bridges";
    "asterisk_id" asterisk_id word,
    "id" id word,
    "name" name text,
    "type" kind word,
    "tech" tech word,
    "class" class text,
    "creator" creator text,
    "video_mode" video_mode text,
    "video_source_id" video_source_id text,
    "channel_ids" channel_ids json,
    "reference_type" reference_type word,
    "reference_id" reference_id id,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
}

/// The bridge by its id, destroyed or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: &BridgeId) -> Result<Option<Bridge>, Error> {
    SELECT.one(db, "id = ?", vec![id.as_str().into()]).await
}

/// Bridges of an Asterisk that were not destroyed, oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live(
    db: &dyn Database,
    asterisk: &AsteriskId,
    limit: u32,
) -> Result<Vec<Bridge>, Error> {
    let condition = "asterisk_id = ? AND tm_delete IS NULL ORDER BY tm_create LIMIT ?";
    SELECT
        .all(
            db,
            condition,
            vec![asterisk.as_str().into(), Value::Int(limit.into())],
        )
        .await
}

/// The bridges with these ids, destroyed or not, in no order.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_ids(db: &dyn Database, ids: &[BridgeId]) -> Result<Vec<Bridge>, Error> {
    let keys = ids.iter().map(|id| id.as_str().into()).collect();
    SELECT.among(db, "id", keys, "").await
}

/// Bridges that were not destroyed, on whatever Asterisk, oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn existing(db: &dyn Database, limit: u32) -> Result<Vec<Bridge>, Error> {
    let condition = "tm_delete IS NULL ORDER BY tm_create LIMIT ?";
    SELECT
        .all(db, condition, vec![Value::Int(limit.into())])
        .await
}

/// A new row, as given.
#[must_use]
pub fn insert(bridge: &Bridge) -> Statement {
    Statement::insert(TABLE, values(bridge))
}

/// A channel has entered.
#[must_use]
pub fn add_channel(
    dialect: Dialect,
    id: &BridgeId,
    channel: &ChannelId,
    now: Timestamp,
) -> Statement {
    let appended = dialect.json_append("channel_ids");
    let sql =
        format!("UPDATE call_bridges SET channel_ids = {appended}, tm_update = ? WHERE id = ?");
    Statement::one(
        sql,
        vec![channel.as_str().into(), now.into(), id.as_str().into()],
    )
}

/// A channel has left.
#[must_use]
pub fn remove_channel(
    dialect: Dialect,
    id: &BridgeId,
    channel: &ChannelId,
    now: Timestamp,
) -> Statement {
    let removed = dialect.json_remove("channel_ids");
    let sql =
        format!("UPDATE call_bridges SET channel_ids = {removed}, tm_update = ? WHERE id = ?");
    let channel = Value::from(channel.as_str());
    Statement::one(
        sql,
        vec![channel.clone(), channel, now.into(), id.as_str().into()],
    )
}

/// It exists no longer; once.
#[must_use]
pub fn delete(id: &BridgeId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_bridges SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), id.as_str().into()],
    )
}
