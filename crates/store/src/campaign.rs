//! `campaign_campaigns` (chapter 05 A.2, A.6).

use trunkline_model::Action;
use trunkline_model::Timestamp;
use trunkline_model::campaign::{Campaign, EndHandle, Execute, Status, Type};
use trunkline_model::id::{CampaignId, CustomerId, OutdialId, OutplanId, QueueId};
use trunkline_model::page::Page;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Campaign in "campaign_campaigns";
    "id" id id,
    "customer_id" customer_id id,
    "type" kind word,
    "execute" execute word,
    "name" name text,
    "detail" detail text,
    "status" status word,
    "service_level" service_level int,
    "end_handle" end_handle word,
    "flow_id" flow_id id,
    "actions" actions nullable,
    "outplan_id" outplan_id id,
    "outdial_id" outdial_id id,
    "queue_id" queue_id id,
    "next_campaign_id" next_campaign_id id,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
}

/// What lists may be filtered by (chapter 05 A.4).
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("type", Kind::Text),
        ("execute", Kind::Text),
        ("name", Kind::Text),
        ("detail", Kind::Text),
        ("status", Kind::Text),
        ("service_level", Kind::Int),
        ("end_handle", Kind::Text),
        ("flow_id", Kind::Id),
        ("outplan_id", Kind::Id),
        ("outdial_id", Kind::Id),
        ("queue_id", Kind::Id),
        ("next_campaign_id", Kind::Id),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Strict,
};

/// The campaign by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: CampaignId) -> Result<Option<Campaign>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// One page, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<Campaign>, Error> {
    SELECT.page(db, filter, page, Order::NewestThenId).await
}

/// The campaigns of a customer that need a runner.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn active_of(
    db: &dyn Database,
    customer: CustomerId,
    limit: u32,
) -> Result<Vec<Campaign>, Error> {
    let condition = "customer_id = ? AND status IN ('run', 'stopping') ORDER BY tm_create LIMIT ?";
    SELECT
        .all(
            db,
            condition,
            vec![Value::uuid(customer), Value::Int(limit.into())],
        )
        .await
}

/// A new row, as given. An absent list of actions is SQL NULL.
#[must_use]
pub fn insert(campaign: &Campaign) -> Statement {
    Statement::insert(TABLE, values(campaign))
}

/// Name, detail, type, service level and end handling: always all five.
#[must_use]
pub fn set_basic_info(
    id: CampaignId,
    name: &str,
    detail: &str,
    kind: &Type,
    service_level: i64,
    end_handle: &EndHandle,
    now: Timestamp,
) -> Statement {
    let params = vec![
        name.into(),
        detail.into(),
        kind.as_str().into(),
        Value::Int(service_level),
        end_handle.as_str().into(),
    ];
    update(
        id,
        "name = ?, detail = ?, type = ?, service_level = ?, end_handle = ?",
        params,
        now,
    )
}

/// Percent of the available agents used as dialing slots.
#[must_use]
pub fn set_service_level(id: CampaignId, service_level: i64, now: Timestamp) -> Statement {
    update(
        id,
        "service_level = ?",
        vec![Value::Int(service_level)],
        now,
    )
}

/// The actions. An absent list is the JSON literal `null` here.
#[must_use]
pub fn set_actions(id: CampaignId, actions: Option<&[Action]>, now: Timestamp) -> Statement {
    update(id, "actions = ?", vec![Value::json(&actions)], now)
}

/// The four resources: always all four.
#[must_use]
pub fn set_resources(
    id: CampaignId,
    outplan: OutplanId,
    outdial: OutdialId,
    queue: QueueId,
    next: CampaignId,
    now: Timestamp,
) -> Statement {
    let params = vec![
        Value::uuid(outplan),
        Value::uuid(outdial),
        Value::uuid(queue),
        Value::uuid(next),
    ];
    update(
        id,
        "outplan_id = ?, outdial_id = ?, queue_id = ?, next_campaign_id = ?",
        params,
        now,
    )
}

/// The campaign that starts when this one has ended.
#[must_use]
pub fn set_next(id: CampaignId, next: CampaignId, now: Timestamp) -> Statement {
    update(id, "next_campaign_id = ?", vec![Value::uuid(next)], now)
}

/// `stop`, `stopping` → `run`; not a deleted one.
#[must_use]
pub fn set_run(id: CampaignId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE campaign_campaigns SET status = 'run', execute = 'run', tm_update = ? \
         WHERE id = ? AND status IN ('stop', 'stopping') AND tm_delete IS NULL",
        vec![now.into(), Value::uuid(id)],
    )
}

/// From one status to another.
#[must_use]
pub fn set_status(id: CampaignId, from: &Status, to: &Status, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE campaign_campaigns SET status = ?, tm_update = ? WHERE id = ? AND status = ?",
        vec![
            to.as_str().into(),
            now.into(),
            Value::uuid(id),
            from.as_str().into(),
        ],
    )
}

/// `run`, `stopping` → `stop`, with nothing left to execute: only while no
/// attempt is unfinished.
#[must_use]
pub fn set_stopped(id: CampaignId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE campaign_campaigns SET status = 'stop', execute = 'stop', tm_update = ? \
         WHERE id = ? AND status IN ('run', 'stopping') AND NOT EXISTS \
         (SELECT 1 FROM campaign_campaigncalls WHERE campaign_id = ? AND status IN ('dialing', 'progressing'))",
        vec![now.into(), Value::uuid(id), Value::uuid(id)],
    )
}

/// Whether an execute chain exists.
#[must_use]
pub fn set_execute(id: CampaignId, execute: &Execute, now: Timestamp) -> Statement {
    update(id, "execute = ?", vec![execute.as_str().into()], now)
}

/// Soft delete; only of a stopped one, once.
#[must_use]
pub fn delete(id: CampaignId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE campaign_campaigns SET tm_delete = ?, tm_update = ? \
         WHERE id = ? AND status = 'stop' AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}

fn update(id: CampaignId, set: &'static str, mut params: Vec<Value>, now: Timestamp) -> Statement {
    params.extend([now.into(), Value::uuid(id)]);
    Statement::one(
        format!("UPDATE campaign_campaigns SET {set}, tm_update = ? WHERE id = ?"),
        params,
    )
}
