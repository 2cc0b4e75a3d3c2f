//! `call_channels` (chapter 02 §7.4, §7.9, §7.10).
//!
//! An ended channel takes no further write: late events change nothing.

use std::collections::BTreeMap;

use trunkline_model::Timestamp;
use trunkline_model::channel::{Channel, MuteDirection, State, Transport};
use trunkline_model::id::{AsteriskId, BridgeId, ChannelId, PlaybackId};

use crate::batch::Statement;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

table! { Channel in "call_channels";
    "id" id word,
    "asterisk_id" asterisk_id word,
    "name" name text,
    "type" kind word,
    "tech" tech word,
    "sip_call_id" sip_call_id text,
    "sip_transport" sip_transport word,
    "sip_data" sip_data literal,
    "src_name" source_name text,
    "src_number" source_number text,
    "dst_name" destination_name text,
    "dst_number" destination_number text,
    "state" state word,
    "data" data json,
    "stasis_name" stasis_name text,
    "stasis_data" stasis_data json,
    "bridge_id" bridge_id word,
    "playback_id" playback_id word,
    "dial_result" dial_result text,
    "hangup_cause" hangup_cause int,
    "direction" direction word,
    "mute_direction" mute_direction word,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
    "tm_answer" tm_answer time,
    "tm_ringing" tm_ringing time,
    "tm_end" tm_end time,
}

/// The channel by its id, ended or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: &ChannelId) -> Result<Option<Channel>, Error> {
    SELECT.one(db, "id = ?", vec![id.as_str().into()]).await
}

/// Channels of an Asterisk that have not ended, oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live(
    db: &dyn Database,
    asterisk: &AsteriskId,
    limit: u32,
) -> Result<Vec<Channel>, Error> {
    let condition = "asterisk_id = ? AND tm_end IS NULL ORDER BY tm_create LIMIT ?";
    SELECT
        .all(
            db,
            condition,
            vec![asterisk.as_str().into(), Value::Int(limit.into())],
        )
        .await
}

/// The channels with these ids, in no order.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_ids(db: &dyn Database, ids: &[ChannelId]) -> Result<Vec<Channel>, Error> {
    let keys = ids.iter().map(|id| id.as_str().into()).collect();
    SELECT.among(db, "id", keys, "").await
}

/// Channels that have not ended, on whatever Asterisk, oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn unended(db: &dyn Database, limit: u32) -> Result<Vec<Channel>, Error> {
    let condition = "tm_end IS NULL ORDER BY tm_create LIMIT ?";
    SELECT
        .all(db, condition, vec![Value::Int(limit.into())])
        .await
}

/// Channels of calls of an Asterisk, made after `since`, newest first: what
/// recovery looks at (chapter 02 §7.11).
///
/// # Errors
///
/// As [`Database::query`].
pub async fn for_recovery(
    db: &dyn Database,
    asterisk: &AsteriskId,
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<Channel>, Error> {
    let condition = "asterisk_id = ? AND type = 'call' AND tm_create > ? AND tm_create < ? \
        ORDER BY tm_create DESC LIMIT 10000";
    SELECT
        .all(
            db,
            condition,
            vec![asterisk.as_str().into(), since.into(), now.into()],
        )
        .await
}

/// A new row, as given.
#[must_use]
pub fn insert(channel: &Channel) -> Statement {
    Statement::insert(TABLE, values(channel))
}

/// The channel has entered the Stasis application: its role, arguments and
/// direction are known.
#[must_use]
pub fn set_stasis(channel: &Channel, now: Timestamp) -> Statement {
    let params = vec![
        channel.kind.as_str().into(),
        channel.stasis_name.as_str().into(),
        Value::json(&channel.stasis_data),
        channel.direction.as_str().into(),
    ];
    update(
        &channel.id,
        "type = ?, stasis_name = ?, stasis_data = ?, direction = ?",
        params,
        now,
    )
}

const ENTER: &str = "UPDATE call_channels SET asterisk_id = ?, name = ?, type = ?, tech = ?, \
    sip_call_id = ?, sip_transport = ?, src_name = ?, src_number = ?, dst_number = ?, data = ?, \
    stasis_name = ?, stasis_data = ?, direction = ?, bridge_id = ?, tm_update = ? \
    WHERE id = ? AND tm_end IS NULL AND asterisk_id IN ('', ?)";

/// What a channel's entry into Stasis tells: everything that a row which was
/// stored before the channel existed cannot know. Only while no other Asterisk has
/// reported it.
#[must_use]
pub fn enter_stasis(channel: &Channel, now: Timestamp) -> Statement {
    let mut params = vec![
        channel.asterisk_id.as_str().into(),
        channel.name.as_str().into(),
        channel.kind.as_str().into(),
        channel.tech.as_str().into(),
        channel.sip_call_id.as_str().into(),
        channel.sip_transport.as_str().into(),
        channel.source_name.as_str().into(),
        channel.source_number.as_str().into(),
        channel.destination_number.as_str().into(),
        Value::json(&channel.data),
        channel.stasis_name.as_str().into(),
        Value::json(&channel.stasis_data),
        channel.direction.as_str().into(),
        channel.bridge_id.as_str().into(),
    ];
    params.extend([
        now.into(),
        channel.id.as_str().into(),
        channel.asterisk_id.as_str().into(),
    ]);
    Statement::one(ENTER, params)
}

/// The channel has left the Stasis application.
#[must_use]
pub fn end_stasis(id: &ChannelId, now: Timestamp) -> Statement {
    update(id, "stasis_name = ''", vec![], now)
}

/// It rings; only before it was answered.
#[must_use]
pub fn set_ringing(id: &ChannelId, state: &State, at: Timestamp, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_channels SET state = ?, tm_ringing = ?, tm_update = ? \
         WHERE id = ? AND tm_ringing IS NULL AND tm_answer IS NULL AND tm_end IS NULL",
        vec![
            state.as_str().into(),
            at.into(),
            now.into(),
            id.as_str().into(),
        ],
    )
}

/// It is answered; once.
#[must_use]
pub fn set_answered(id: &ChannelId, state: &State, at: Timestamp, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_channels SET state = ?, tm_answer = ?, tm_update = ? \
         WHERE id = ? AND tm_answer IS NULL AND tm_end IS NULL",
        vec![
            state.as_str().into(),
            at.into(),
            now.into(),
            id.as_str().into(),
        ],
    )
}

/// Its state, where neither ringing nor an answer is meant.
#[must_use]
pub fn set_state(id: &ChannelId, state: &State, now: Timestamp) -> Statement {
    update(id, "state = ?", vec![state.as_str().into()], now)
}

/// SIP's name of the dialog.
#[must_use]
pub fn set_sip_call_id(id: &ChannelId, sip_call_id: &str, now: Timestamp) -> Statement {
    update(id, "sip_call_id = ?", vec![sip_call_id.into()], now)
}

/// Transport of the SIP leg.
#[must_use]
pub fn set_sip_transport(id: &ChannelId, transport: &Transport, now: Timestamp) -> Statement {
    update(
        id,
        "sip_transport = ?",
        vec![transport.as_str().into()],
        now,
    )
}

/// What Kamailio knows of the dialog.
#[must_use]
pub fn set_sip_data(id: &ChannelId, data: &BTreeMap<String, String>, now: Timestamp) -> Statement {
    update(id, "sip_data = ?", vec![Value::json(data)], now)
}

/// One channel variable. Two variables that arrive at once do not undo each
/// other: the database changes the one key.
#[must_use]
pub fn set_variable(id: &ChannelId, key: &str, value: &str, now: Timestamp) -> Statement {
    let path = format!("$.\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
    update(
        id,
        "data = json_set(coalesce(data, '{}'), ?, ?)",
        vec![path.into(), value.into()],
        now,
    )
}

/// The bridge that it is in, empty = none.
#[must_use]
pub fn set_bridge(id: &ChannelId, bridge: &BridgeId, now: Timestamp) -> Statement {
    update(id, "bridge_id = ?", vec![bridge.as_str().into()], now)
}

/// It has left this bridge; only while it is in no other one.
#[must_use]
pub fn leave_bridge(id: &ChannelId, bridge: &BridgeId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_channels SET bridge_id = '', tm_update = ? WHERE id = ? AND bridge_id = ?",
        vec![now.into(), id.as_str().into(), bridge.as_str().into()],
    )
}

/// The running playback, empty = none.
#[must_use]
pub fn set_playback(id: &ChannelId, playback: &PlaybackId, now: Timestamp) -> Statement {
    update(id, "playback_id = ?", vec![playback.as_str().into()], now)
}

/// Which way is silenced.
#[must_use]
pub fn set_mute(id: &ChannelId, direction: &MuteDirection, now: Timestamp) -> Statement {
    update(
        id,
        "mute_direction = ?",
        vec![direction.as_str().into()],
        now,
    )
}

/// It exists no longer; once. With it end its stay in Stasis, in a bridge and its
/// playback, which need no event of their own.
#[must_use]
pub fn set_ended(id: &ChannelId, hangup_cause: i64, at: Timestamp, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_channels SET hangup_cause = ?, tm_end = ?, tm_delete = ?, tm_update = ?, \
         stasis_name = '', bridge_id = '', playback_id = '' WHERE id = ? AND tm_end IS NULL",
        vec![
            Value::Int(hangup_cause),
            at.into(),
            now.into(),
            now.into(),
            id.as_str().into(),
        ],
    )
}

fn update(id: &ChannelId, set: &'static str, mut params: Vec<Value>, now: Timestamp) -> Statement {
    params.extend([now.into(), id.as_str().into()]);
    let sql =
        format!("UPDATE call_channels SET {set}, tm_update = ? WHERE id = ? AND tm_end IS NULL");
    Statement::one(sql, params)
}
