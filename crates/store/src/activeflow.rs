//! `flow_activeflows` (chapter 05 D.3, D.5).

use trunkline_model::Timestamp;
use trunkline_model::activeflow::Activeflow;
use trunkline_model::id::{ActiveflowId, ReferenceId};
use trunkline_model::page::Page;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Activeflow in "flow_activeflows";
    "id" id id,
    "customer_id" customer_id id,
    "status" status word,
    "flow_id" flow_id id,
    "reference_type" reference_type word,
    "reference_id" reference_id id,
    "reference_activeflow_id" reference_activeflow_id id,
    "stack_map" stack_map json,
    "current_stack_id" current_stack_id id,
    "current_action" current_action json,
    "execute_count" execute_count int,
    "forward_stack_id" forward_stack_id id,
    "forward_action_id" forward_action_id id,
    "executed_actions" executed_actions json,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
    "on_complete_flow_id" on_complete_flow_id id,
    "webhook_uri" webhook_uri text,
    "webhook_method" webhook_method word,
}

/// What lists may be filtered by.
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("flow_id", Kind::Id),
        ("status", Kind::Text),
        ("reference_type", Kind::Text),
        ("reference_id", Kind::Id),
        ("reference_activeflow_id", Kind::Id),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

/// The activeflow by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: ActiveflowId) -> Result<Option<Activeflow>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// The newest activeflow of a call, campaigncall, …
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_reference(
    db: &dyn Database,
    reference: ReferenceId,
) -> Result<Option<Activeflow>, Error> {
    SELECT
        .one(
            db,
            "reference_id = ? ORDER BY tm_create DESC",
            vec![Value::uuid(reference)],
        )
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
) -> Result<Vec<Activeflow>, Error> {
    SELECT.page(db, filter, page, Order::Newest).await
}

/// Activeflows that have not ended, oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn running(db: &dyn Database, limit: u32) -> Result<Vec<Activeflow>, Error> {
    let condition = "status = 'running' ORDER BY tm_create LIMIT ?";
    SELECT
        .all(db, condition, vec![Value::Int(limit.into())])
        .await
}

/// Activeflows of calls that have not begun to walk since `before`, oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn not_begun(
    db: &dyn Database,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Activeflow>, Error> {
    let condition = "status = 'running' AND reference_type = 'call' AND execute_count = 0 \
        AND tm_create < ? ORDER BY tm_create LIMIT ?";
    SELECT
        .all(db, condition, vec![before.into(), Value::Int(limit.into())])
        .await
}

/// A new row, as given.
#[must_use]
pub fn insert(activeflow: &Activeflow) -> Statement {
    Statement::insert(TABLE, values(activeflow))
}

/// Where execution stands, as given, and `tm_update` with it. Only while the
/// row is as `from` was read: its time of update is its version, so the new one
/// must be another (see [`next_version`]). Not after the end.
#[must_use]
pub fn save(activeflow: &Activeflow, from: &Activeflow) -> Statement {
    let seen = from.tm_update.map(Timestamp::column).unwrap_or_default();
    Statement::one(
        "UPDATE flow_activeflows SET stack_map = ?, current_stack_id = ?, current_action = ?, \
         execute_count = ?, forward_stack_id = ?, forward_action_id = ?, executed_actions = ?, \
         tm_update = ? WHERE id = ? AND status <> 'ended' AND execute_count = ? \
         AND coalesce(tm_update, '') = ?",
        vec![
            Value::json(&activeflow.stack_map),
            Value::uuid(activeflow.current_stack_id),
            Value::json(&activeflow.current_action),
            Value::Int(activeflow.execute_count),
            Value::uuid(activeflow.forward_stack_id),
            Value::uuid(activeflow.forward_action_id),
            Value::json(&activeflow.executed_actions),
            Value::time_or_null(activeflow.tm_update),
            Value::uuid(activeflow.id),
            Value::Int(from.execute_count),
            seen.into(),
        ],
    )
}

/// The `tm_update` of a [`save`]: `now`, or just after the former one when the
/// clock has not moved.
#[must_use]
pub fn next_version(from: &Activeflow, now: Timestamp) -> Timestamp {
    from.tm_update.map_or(now, |last| {
        now.max(Timestamp::from_micros(last.as_micros() + 1))
    })
}

/// `running` → `ended`; once.
#[must_use]
pub fn set_ended(id: ActiveflowId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE flow_activeflows SET status = 'ended', tm_update = ? WHERE id = ? AND status <> 'ended'",
        vec![now.into(), Value::uuid(id)],
    )
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: ActiveflowId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE flow_activeflows SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}
