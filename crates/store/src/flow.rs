//! `flow_flows` (chapter 05 D.1), and the flows that are not persisted.

use std::time::Duration;

use trunkline_model::Action;
use trunkline_model::Timestamp;
use trunkline_model::flow::Flow;
use trunkline_model::id::{CustomerId, FlowId};
use trunkline_model::page::Page;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Flow in "flow_flows";
    "id" id id,
    "customer_id" customer_id id,
    "type" kind word,
    "name" name text,
    "detail" detail text,
    "actions" actions json,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
    "on_complete_flow_id" on_complete_flow_id id,
    "direct_id" direct_id id,
    "direct_hash" direct_hash text,
}

/// What lists may be filtered by.
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("type", Kind::Text),
        ("name", Kind::Text),
        ("on_complete_flow_id", Kind::Id),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

/// How long a flow that is not persisted is kept (chapter 05 D.1).
pub const TEMPORARY_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The flow by its id, deleted or not; one that is not persisted only until it
/// expires.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: FlowId, now: Timestamp) -> Result<Option<Flow>, Error> {
    match SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await? {
        Some(flow) => Ok(Some(persisted(flow))),
        None => get_temporary(db, id, now).await,
    }
}

async fn get_temporary(
    db: &dyn Database,
    id: FlowId,
    now: Timestamp,
) -> Result<Option<Flow>, Error> {
    let sql = "SELECT body FROM trunkline_temporary_flows WHERE id = ? AND expires > ?";
    let rows = db.query(sql, vec![Value::uuid(id), now.into()]).await?;
    rows.first().map(|row| row.json("body")).transpose()
}

/// One page of the persisted flows, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<Flow>, Error> {
    let flows = SELECT.page(db, filter, page, Order::Newest).await?;
    Ok(flows.into_iter().map(persisted).collect())
}

/// How many persisted flows a customer has, deleted ones left out.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn count(db: &dyn Database, customer: CustomerId) -> Result<i64, Error> {
    let sql = "SELECT count(*) AS n FROM flow_flows WHERE customer_id = ? AND tm_delete IS NULL";
    let rows = db.query(sql, vec![Value::uuid(customer)]).await?;
    rows.first().map_or(Ok(0), |row| row.int("n"))
}

/// A new row, as given.
#[must_use]
pub fn insert(flow: &Flow) -> Statement {
    Statement::insert(TABLE, values(flow))
}

/// A flow that is not persisted. VoIPbin keeps these in Redis only.
#[must_use]
pub fn insert_temporary(flow: &Flow, expires: Timestamp) -> Statement {
    Statement::insert(
        "trunkline_temporary_flows",
        vec![
            ("id", Value::uuid(flow.id)),
            ("body", Value::json(flow)),
            ("expires", expires.into()),
        ],
    )
}

/// Forgets expired flows.
#[must_use]
pub fn purge_temporary(now: Timestamp) -> Statement {
    Statement::any(
        "DELETE FROM trunkline_temporary_flows WHERE expires <= ?",
        vec![now.into()],
    )
}

/// Name, detail, actions and the flow that follows, as given.
#[must_use]
pub fn update(flow: &Flow, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE flow_flows SET name = ?, detail = ?, actions = ?, on_complete_flow_id = ?, tm_update = ? \
         WHERE id = ?",
        vec![
            flow.name.as_str().into(),
            flow.detail.as_str().into(),
            Value::json(&flow.actions),
            Value::uuid(flow.on_complete_flow_id),
            now.into(),
            Value::uuid(flow.id),
        ],
    )
}

/// The actions.
#[must_use]
pub fn set_actions(id: FlowId, actions: &[Action], now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE flow_flows SET actions = ?, tm_update = ? WHERE id = ?",
        vec![Value::json(actions), now.into(), Value::uuid(id)],
    )
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: FlowId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE flow_flows SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}

fn persisted(flow: Flow) -> Flow {
    Flow {
        persist: true,
        ..flow
    }
}
