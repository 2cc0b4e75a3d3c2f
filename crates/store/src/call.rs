//! `call_calls` (chapter 02 §7.2, §7.9).
//!
//! A status only moves forward, as the table of chapter 02 §4.2 allows; each
//! write says from where. A hung-up call takes no further write.

use trunkline_model::Action;
use trunkline_model::Timestamp;
use trunkline_model::call::{Call, HangupBy, HangupReason, MuteDirection, Status};
use trunkline_model::id::{
    ActionId, ActiveflowId, AsteriskId, BridgeId, CallId, ChannelId, ConfbridgeId, CustomerId,
    ExternalMediaId, FlowId, GroupcallId, RecordingId, RouteId,
};
use trunkline_model::page::Page;
use trunkline_model::progress::Calls;

use crate::batch::Statement;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Call in "call_calls";
    "id" id id,
    "customer_id" customer_id id,
    "owner_type" owner_type word,
    "owner_id" owner_id id,
    "channel_id" channel_id word,
    "bridge_id" bridge_id word,
    "flow_id" flow_id id,
    "activeflow_id" activeflow_id id,
    "confbridge_id" confbridge_id id,
    "type" kind word,
    "master_call_id" master_call_id id,
    "chained_call_ids" chained_call_ids json,
    "recording_id" recording_id id,
    "recording_ids" recording_ids json,
    "external_media_ids" external_media_ids json,
    "groupcall_id" groupcall_id id,
    "source" source json,
    "destination" destination json,
    "status" status word,
    "data" data json,
    "metadata" metadata json,
    "action" action json,
    "action_next_hold" action_next_hold flag,
    "direction" direction word,
    "mute_direction" mute_direction word,
    "hangup_by" hangup_by word,
    "hangup_reason" hangup_reason word,
    "dialroute_id" dialroute_id id,
    "dialroutes" dialroutes json,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
    "tm_progressing" tm_progressing time,
    "tm_ringing" tm_ringing time,
    "tm_hangup" tm_hangup time,
}

/// What lists may be filtered by (chapter 02 §5.9).
pub const FILTERS: Keys = Keys {
    keys: &[
        ("customer_id", Kind::Id),
        ("owner_id", Kind::Id),
        ("flow_id", Kind::Id),
        ("activeflow_id", Kind::Id),
        ("confbridge_id", Kind::Id),
        ("recording_id", Kind::Id),
        ("groupcall_id", Kind::Id),
        ("channel_id", Kind::Text),
        ("bridge_id", Kind::Text),
        ("type", Kind::Text),
        ("status", Kind::Text),
        ("direction", Kind::Text),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

// The index of live calls has this condition word for word.
const LIVE: &str = "status IN ('dialing', 'ringing', 'progressing', 'terminating', 'canceling')";

/// The call by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: CallId) -> Result<Option<Call>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// How far a call is, and no more of it.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn status(db: &dyn Database, id: CallId) -> Result<Option<Status>, Error> {
    let sql = "SELECT status FROM call_calls WHERE id = ? LIMIT 1";
    let rows = db.query(sql, vec![Value::uuid(id)]).await?;
    rows.first().map(|row| row.word("status")).transpose()
}

/// The call whose channel this is.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_channel(db: &dyn Database, channel: &ChannelId) -> Result<Option<Call>, Error> {
    if channel.is_empty() {
        return Ok(None);
    }
    SELECT
        .one(db, "channel_id = ?", vec![Value::from(channel.as_str())])
        .await
}

/// The calls with these ids, in no order.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_ids(db: &dyn Database, ids: &[CallId]) -> Result<Vec<Call>, Error> {
    let keys = ids.iter().copied().map(Value::uuid).collect();
    SELECT.among(db, "id", keys, "").await
}

/// The calls whose channel is one of these, in no order.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_channels(db: &dyn Database, channels: &[ChannelId]) -> Result<Vec<Call>, Error> {
    let keys = channels.iter().map(|id| id.as_str().into()).collect();
    SELECT.among(db, "channel_id", keys, "").await
}

/// The newest call of an activeflow.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_activeflow(
    db: &dyn Database,
    activeflow: ActiveflowId,
) -> Result<Option<Call>, Error> {
    SELECT
        .one(
            db,
            "activeflow_id = ? ORDER BY tm_create DESC",
            vec![Value::uuid(activeflow)],
        )
        .await
}

/// The calls of a group call that have not ended.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live_of_groupcall(
    db: &dyn Database,
    groupcall: GroupcallId,
    limit: u32,
) -> Result<Vec<Call>, Error> {
    if groupcall.is_nil() {
        return Ok(Vec::new());
    }
    let condition = format!("groupcall_id = ? AND {LIVE} ORDER BY tm_create LIMIT ?");
    SELECT
        .all(
            db,
            &condition,
            vec![Value::uuid(groupcall), Value::Int(limit.into())],
        )
        .await
}

/// One page, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<Call>, Error> {
    SELECT.page(db, filter, page, Order::Newest).await
}

/// The calls of a flow in numbers; none of the nil flow.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn counts(db: &dyn Database, flow: FlowId) -> Result<Calls, Error> {
    let mut calls = Calls::default();
    if flow.is_nil() {
        return Ok(calls);
    }
    let sql = "SELECT status, hangup_reason, count(*) AS n FROM call_calls \
        WHERE flow_id = ? GROUP BY status, hangup_reason";
    for row in db.query(sql, vec![Value::uuid(flow)]).await?.iter() {
        let number = row.int("n")?;
        match row.text("status")?.as_str() {
            "dialing" => calls.dialing += number,
            "ringing" => calls.ringing += number,
            "progressing" => calls.progressing += number,
            "terminating" | "canceling" => calls.ending += number,
            "hangup" => *calls.ended.entry(row.text("hangup_reason")?).or_default() += number,
            _ => {}
        }
    }
    Ok(calls)
}

/// Calls that have not ended, oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live(db: &dyn Database, limit: u32) -> Result<Vec<Call>, Error> {
    let condition = format!("{LIVE} ORDER BY tm_create LIMIT ?");
    SELECT
        .all(db, &condition, vec![Value::Int(limit.into())])
        .await
}

/// The calls that have not ended and whose channel is on this Asterisk.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live_on(
    db: &dyn Database,
    asterisk: &AsteriskId,
    limit: u32,
) -> Result<Vec<Call>, Error> {
    let condition = format!(
        "{LIVE} AND EXISTS (SELECT 1 FROM call_channels AS c WHERE c.id = call_calls.channel_id \
         AND c.asterisk_id = ?) ORDER BY tm_create LIMIT ?"
    );
    let params = vec![asterisk.as_str().into(), Value::Int(limit.into())];
    SELECT.all(db, &condition, params).await
}

/// The calls that have not ended and whose channel no Asterisk has reported.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live_unplaced(db: &dyn Database, limit: u32) -> Result<Vec<Call>, Error> {
    let condition = format!(
        "{LIVE} AND NOT EXISTS (SELECT 1 FROM call_channels AS c WHERE c.id = call_calls.channel_id \
         AND c.asterisk_id <> '') ORDER BY tm_create LIMIT ?"
    );
    SELECT
        .all(db, &condition, vec![Value::Int(limit.into())])
        .await
}

/// The Asterisks that calls which have not ended are on.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live_asterisks(db: &dyn Database) -> Result<Vec<AsteriskId>, Error> {
    let sql = format!(
        "SELECT DISTINCT asterisk_id FROM call_channels WHERE asterisk_id <> '' \
         AND id IN (SELECT channel_id FROM call_calls WHERE {LIVE})"
    );
    db.query(&sql, Vec::new())
        .await?
        .map(|row| row.word("asterisk_id"))
}

/// How many calls have not ended.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live_count(db: &dyn Database) -> Result<i64, Error> {
    let rows = db
        .query(
            &format!("SELECT count(*) AS n FROM call_calls WHERE {LIVE}"),
            vec![],
        )
        .await?;
    rows.first().map_or(Ok(0), |row| row.int("n"))
}

/// How many outgoing calls of each customer have not ended.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live_outgoing(db: &dyn Database) -> Result<Vec<(CustomerId, i64)>, Error> {
    let sql = format!(
        "SELECT customer_id, count(*) AS n FROM call_calls \
         WHERE {LIVE} AND direction = 'outgoing' GROUP BY customer_id"
    );
    let rows = db.query(&sql, vec![]).await?;
    rows.map(|row| Ok((row.id("customer_id")?, row.int("n")?)))
}

/// A new row, as given.
#[must_use]
pub fn insert(call: &Call) -> Statement {
    let mut columns = values(call);
    columns.push(("source_target", Value::from(call.source.target.as_str())));
    columns.push((
        "destination_target",
        Value::from(call.destination.target.as_str()),
    ));
    Statement::insert(TABLE, columns)
}

/// `dialing` → `ringing`.
#[must_use]
pub fn set_ringing(id: CallId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_calls SET status = 'ringing', tm_ringing = ?, tm_update = ? \
         WHERE id = ? AND status = 'dialing'",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}

/// `dialing`, `ringing` → `progressing`.
#[must_use]
pub fn set_progressing(id: CallId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_calls SET status = 'progressing', tm_progressing = ?, tm_update = ? \
         WHERE id = ? AND status IN ('dialing', 'ringing')",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}

/// `dialing`, `ringing` → `canceling`.
#[must_use]
pub fn set_canceling(id: CallId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_calls SET status = 'canceling', tm_update = ? \
         WHERE id = ? AND status IN ('dialing', 'ringing')",
        vec![now.into(), Value::uuid(id)],
    )
}

/// `dialing`, `ringing`, `progressing` → `terminating`.
#[must_use]
pub fn set_terminating(id: CallId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_calls SET status = 'terminating', tm_update = ? \
         WHERE id = ? AND status IN ('dialing', 'ringing', 'progressing')",
        vec![now.into(), Value::uuid(id)],
    )
}

/// Any status but `hangup` → `hangup`: only while the call has the status and the
/// channel that it was `seen` with. What the end means, and what is told of it,
/// depends on them: an answer in between must not be lost.
#[must_use]
pub fn set_hangup(seen: &Call, by: &HangupBy, reason: &HangupReason, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_calls SET status = 'hangup', hangup_by = ?, hangup_reason = ?, \
         tm_hangup = ?, tm_update = ? WHERE id = ? AND status <> 'hangup' \
         AND status = ? AND coalesce(channel_id, '') = ?",
        vec![
            by.as_str().into(),
            reason.as_str().into(),
            now.into(),
            now.into(),
            Value::uuid(seen.id),
            seen.status.as_str().into(),
            seen.channel_id.as_str().into(),
        ],
    )
}

/// The next action; clears the hold flag. Only while `from` is the current one
/// and the flag is `held`.
#[must_use]
pub fn set_action(
    id: CallId,
    action: &Action,
    from: ActionId,
    held: bool,
    now: Timestamp,
) -> Statement {
    let [plain, quoted] = json_text(&from.to_string());
    Statement::one(
        "UPDATE call_calls SET action = ?, action_next_hold = 0, tm_update = ? \
         WHERE id = ? AND status <> 'hangup' AND action_next_hold = ? \
         AND (json_extract(action, '$.id') = ? OR json_extract(action, '$.id') = ?)",
        vec![
            Value::json(action),
            now.into(),
            Value::uuid(id),
            held.into(),
            plain,
            quoted,
        ],
    )
}

/// The hold flag, from one value to another.
#[must_use]
pub fn set_hold(id: CallId, from: bool, to: bool, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_calls SET action_next_hold = ?, tm_update = ? \
         WHERE id = ? AND action_next_hold = ? AND status <> 'hangup'",
        vec![to.into(), now.into(), Value::uuid(id), from.into()],
    )
}

/// Takes the walk to the next action: nobody else may walk until
/// [`set_action`] or [`set_hold`] gives it back. Only from action `current`, so
/// that a late trigger of an earlier action takes nothing.
#[must_use]
pub fn hold_at(id: CallId, current: ActionId, now: Timestamp) -> Statement {
    let [plain, quoted] = json_text(&current.to_string());
    Statement::one(
        "UPDATE call_calls SET action_next_hold = 1, tm_update = ? \
         WHERE id = ? AND action_next_hold = 0 AND status <> 'hangup' \
         AND (json_extract(action, '$.id') = ? OR json_extract(action, '$.id') = ?)",
        vec![now.into(), Value::uuid(id), plain, quoted],
    )
}

/// Changes nothing but `tm_update`, and only while the call is at this very execution of
/// the action and nobody walks on: what is written with it is of that execution.
#[must_use]
pub fn still_at(id: CallId, action: &Action, now: Timestamp) -> Statement {
    let [plain, quoted] = json_text(&action.id.to_string());
    let executed = action
        .tm_execute
        .map(|at| at.to_string())
        .unwrap_or_default();
    let [at_plain, at_quoted] = json_text(&executed);
    Statement::one(
        "UPDATE call_calls SET tm_update = ? \
         WHERE id = ? AND action_next_hold = 0 AND status <> 'hangup' \
         AND (json_extract(action, '$.id') = ? OR json_extract(action, '$.id') = ?) \
         AND (json_extract(action, '$.tm_execute') = ? OR json_extract(action, '$.tm_execute') = ?)",
        vec![
            now.into(),
            Value::uuid(id),
            plain,
            quoted,
            at_plain,
            at_quoted,
        ],
    )
}

/// The call's own bridge.
#[must_use]
pub fn set_bridge(id: CallId, bridge: &BridgeId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_calls SET bridge_id = ?, tm_update = ? WHERE id = ? AND status <> 'hangup'",
        vec![bridge.as_str().into(), now.into(), Value::uuid(id)],
    )
}

/// The bridge of a call that is to be dialed: only while it waits for that with
/// this channel, and has none.
#[must_use]
pub fn set_bridge_of(
    id: CallId,
    channel: &ChannelId,
    bridge: &BridgeId,
    now: Timestamp,
) -> Statement {
    Statement::one(
        "UPDATE call_calls SET bridge_id = ?, tm_update = ? \
         WHERE id = ? AND channel_id = ? AND bridge_id = '' AND status IN ('dialing', 'ringing')",
        vec![
            bridge.as_str().into(),
            now.into(),
            Value::uuid(id),
            channel.as_str().into(),
        ],
    )
}

/// A new channel over the next route (chapter 02 §4.6): only while nobody has
/// answered and `from` is still the call's channel.
#[must_use]
pub fn set_failover(
    id: CallId,
    from: &ChannelId,
    to: &ChannelId,
    dialroute: RouteId,
    now: Timestamp,
) -> Statement {
    Statement::one(
        "UPDATE call_calls SET bridge_id = '', channel_id = ?, dialroute_id = ?, tm_update = ? \
         WHERE id = ? AND channel_id = ? AND status IN ('dialing', 'ringing')",
        vec![
            to.as_str().into(),
            Value::uuid(dialroute),
            now.into(),
            Value::uuid(id),
            from.as_str().into(),
        ],
    )
}

/// A new channel and bridge after an Asterisk was lost.
#[must_use]
pub fn set_recovery(
    id: CallId,
    from: &ChannelId,
    to: &ChannelId,
    bridge: &BridgeId,
    now: Timestamp,
) -> Statement {
    Statement::one(
        "UPDATE call_calls SET channel_id = ?, bridge_id = ?, tm_update = ? \
         WHERE id = ? AND channel_id = ? AND status <> 'hangup'",
        vec![
            to.as_str().into(),
            bridge.as_str().into(),
            now.into(),
            Value::uuid(id),
            from.as_str().into(),
        ],
    )
}

/// The confbridge that the call is in, from one to another (nil = none).
#[must_use]
pub fn set_confbridge(
    id: CallId,
    from: ConfbridgeId,
    to: ConfbridgeId,
    now: Timestamp,
) -> Statement {
    Statement::one(
        "UPDATE call_calls SET confbridge_id = ?, tm_update = ? WHERE id = ? AND confbridge_id = ?",
        vec![
            Value::uuid(to),
            now.into(),
            Value::uuid(id),
            Value::uuid(from),
        ],
    )
}

/// The call that owns this one, from one to another (nil = none).
#[must_use]
pub fn set_master(id: CallId, from: CallId, to: CallId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_calls SET master_call_id = ?, tm_update = ? WHERE id = ? AND master_call_id = ?",
        vec![
            Value::uuid(to),
            now.into(),
            Value::uuid(id),
            Value::uuid(from),
        ],
    )
}

/// The running recording, from one to another (nil = none).
#[must_use]
pub fn set_recording(id: CallId, from: RecordingId, to: RecordingId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_calls SET recording_id = ?, tm_update = ? WHERE id = ? AND recording_id = ?",
        vec![
            Value::uuid(to),
            now.into(),
            Value::uuid(id),
            Value::uuid(from),
        ],
    )
}

/// Which way is silenced.
#[must_use]
pub fn set_mute(id: CallId, direction: &MuteDirection, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_calls SET mute_direction = ?, tm_update = ? WHERE id = ? AND status <> 'hangup'",
        vec![direction.as_str().into(), now.into(), Value::uuid(id)],
    )
}

/// One more call that is hung up with this one; only while it lives itself.
#[must_use]
pub fn add_chained(dialect: Dialect, id: CallId, chained: CallId, now: Timestamp) -> Statement {
    append(
        dialect,
        "chained_call_ids",
        id,
        &chained.to_string(),
        " AND status <> 'hangup'",
        now,
    )
}

/// One call less that is hung up with this one.
#[must_use]
pub fn remove_chained(dialect: Dialect, id: CallId, chained: CallId, now: Timestamp) -> Statement {
    remove(dialect, "chained_call_ids", id, &chained.to_string(), now)
}

/// One more recording in the history.
#[must_use]
pub fn add_recording(
    dialect: Dialect,
    id: CallId,
    recording: RecordingId,
    now: Timestamp,
) -> Statement {
    append(
        dialect,
        "recording_ids",
        id,
        &recording.to_string(),
        "",
        now,
    )
}

/// One more external media.
#[must_use]
pub fn add_external_media(
    dialect: Dialect,
    id: CallId,
    media: ExternalMediaId,
    now: Timestamp,
) -> Statement {
    append(
        dialect,
        "external_media_ids",
        id,
        &media.to_string(),
        " AND status <> 'hangup'",
        now,
    )
}

/// One external media less.
#[must_use]
pub fn remove_external_media(
    dialect: Dialect,
    id: CallId,
    media: ExternalMediaId,
    now: Timestamp,
) -> Statement {
    remove(dialect, "external_media_ids", id, &media.to_string(), now)
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: CallId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_calls SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}

fn append(
    dialect: Dialect,
    column: &str,
    id: CallId,
    text: &str,
    condition: &str,
    now: Timestamp,
) -> Statement {
    let appended = dialect.json_append(column);
    let sql = format!(
        "UPDATE call_calls SET {column} = {appended}, tm_update = ? WHERE id = ?{condition}"
    );
    Statement::one(sql, vec![text.into(), now.into(), Value::uuid(id)])
}

fn remove(dialect: Dialect, column: &str, id: CallId, text: &str, now: Timestamp) -> Statement {
    let removed = dialect.json_remove(column);
    let sql = format!("UPDATE call_calls SET {column} = {removed}, tm_update = ? WHERE id = ?");
    Statement::one(
        sql,
        vec![text.into(), text.into(), now.into(), Value::uuid(id)],
    )
}

/// What `json_extract` gives for a text: SQLite the text itself, MariaDB the
/// text in its quotes, MySQL a JSON value that equals either.
fn json_text(text: &str) -> [Value; 2] {
    [text.into(), format!("\"{text}\"").into()]
}
