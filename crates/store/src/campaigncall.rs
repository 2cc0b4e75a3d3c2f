//! `campaign_campaigncalls` (chapter 05 A.2, A.8.7, A.9): the attempts.

use trunkline_model::Timestamp;
use trunkline_model::campaigncall::{Campaigncall, Outcome};
use trunkline_model::id::{ActiveflowId, CampaignId, CampaigncallId, OutdialTargetId, ReferenceId};
use trunkline_model::page::Page;
use trunkline_model::progress::Attempts;
use uuid::Uuid;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Campaigncall in "campaign_campaigncalls";
    "id" id id,
    "customer_id" customer_id id,
    "campaign_id" campaign_id id,
    "outplan_id" outplan_id id,
    "outdial_id" outdial_id id,
    "outdial_target_id" outdial_target_id id,
    "queue_id" queue_id id,
    "activeflow_id" activeflow_id id,
    "flow_id" flow_id id,
    "reference_type" reference_type word,
    "reference_id" reference_id id,
    "status" status word,
    "result" result word,
    "source" source address,
    "destination" destination address,
    "destination_index" destination_index int,
    "try_count" try_count int,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
}

/// What lists may be filtered by (chapter 05 A.4).
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("campaign_id", Kind::Id),
        ("outplan_id", Kind::Id),
        ("outdial_id", Kind::Id),
        ("outdial_target_id", Kind::Id),
        ("queue_id", Kind::Id),
        ("activeflow_id", Kind::Id),
        ("flow_id", Kind::Id),
        ("reference_type", Kind::Text),
        ("reference_id", Kind::Id),
        ("status", Kind::Text),
        ("result", Kind::Text),
        ("destination_index", Kind::Int),
        ("try_count", Kind::Int),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Strict,
};

/// The attempts of a campaign by status, deleted ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub dialing: i64,
    pub progressing: i64,
    pub done: i64,
}

impl Counts {
    /// Attempts that have not ended.
    #[must_use]
    pub fn live(&self) -> i64 {
        self.dialing + self.progressing
    }
}

/// The attempt by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: CampaigncallId) -> Result<Option<Campaigncall>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// The attempt that started this call.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_reference(
    db: &dyn Database,
    reference: ReferenceId,
) -> Result<Option<Campaigncall>, Error> {
    if reference.is_nil() {
        return Ok(None);
    }
    SELECT
        .one(db, "reference_id = ?", vec![Value::uuid(reference)])
        .await
}

/// The attempt that started this activeflow.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_activeflow(
    db: &dyn Database,
    activeflow: ActiveflowId,
) -> Result<Option<Campaigncall>, Error> {
    if activeflow.is_nil() {
        return Ok(None);
    }
    SELECT
        .one(db, "activeflow_id = ?", vec![Value::uuid(activeflow)])
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
) -> Result<Vec<Campaigncall>, Error> {
    SELECT.page(db, filter, page, Order::NewestThenId).await
}

/// The attempts of a campaign that have not ended.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live(
    db: &dyn Database,
    campaign: CampaignId,
    limit: u32,
) -> Result<Vec<Campaigncall>, Error> {
    let condition = "campaign_id = ? AND status IN ('dialing', 'progressing') LIMIT ?";
    SELECT
        .all(
            db,
            condition,
            vec![Value::uuid(campaign), Value::Int(limit.into())],
        )
        .await
}

/// The attempt that holds a target, if any.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live_of_target(
    db: &dyn Database,
    target: OutdialTargetId,
) -> Result<Option<Campaigncall>, Error> {
    let condition = "outdial_target_id = ? AND status IN ('dialing', 'progressing')";
    SELECT.one(db, condition, vec![Value::uuid(target)]).await
}

/// How many attempts of a campaign have not ended. Cheap at every tick.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn live_count(db: &dyn Database, campaign: CampaignId) -> Result<i64, Error> {
    let sql = "SELECT count(*) AS n FROM campaign_campaigncalls \
        WHERE campaign_id = ? AND status IN ('dialing', 'progressing')";
    let rows = db.query(sql, vec![Value::uuid(campaign)]).await?;
    rows.first().map_or(Ok(0), |row| row.int("n"))
}

/// The attempts of a campaign by status; walks all of them.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn counts(db: &dyn Database, campaign: CampaignId) -> Result<Counts, Error> {
    let sql = "SELECT status, count(*) AS n FROM campaign_campaigncalls WHERE campaign_id = ? GROUP BY status";
    let mut counts = Counts::default();
    for row in db.query(sql, vec![Value::uuid(campaign)]).await?.iter() {
        let number = row.int("n")?;
        match row.text("status")?.as_str() {
            "dialing" => counts.dialing = number,
            "progressing" => counts.progressing = number,
            "done" => counts.done = number,
            _ => {}
        }
    }
    Ok(counts)
}

/// The attempts of a campaign for people: by status and result, and how many were
/// begun after `since`. Walks all of them.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn progress(
    db: &dyn Database,
    campaign: CampaignId,
    since: Timestamp,
) -> Result<Attempts, Error> {
    let sql = "SELECT status, result, count(*) AS n FROM campaign_campaigncalls \
        WHERE campaign_id = ? GROUP BY status, result";
    let mut attempts = Attempts::default();
    for row in db.query(sql, vec![Value::uuid(campaign)]).await?.iter() {
        let number = row.int("n")?;
        match (row.text("status")?.as_str(), row.text("result")?.as_str()) {
            ("dialing", _) => attempts.dialing += number,
            ("progressing", _) => attempts.progressing += number,
            ("done", result) => {
                attempts.done += number;
                match result {
                    "success" => attempts.success += number,
                    "fail" => attempts.fail += number,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    let sql =
        "SELECT count(*) AS n FROM campaign_campaigncalls WHERE campaign_id = ? AND tm_create > ?";
    let rows = db
        .query(sql, vec![Value::uuid(campaign), since.into()])
        .await?;
    attempts.last_minute = rows.first().map_or(Ok(0), |row| row.int("n"))?;
    Ok(attempts)
}

/// A new row, as given. An absent address is the JSON literal `null`.
#[must_use]
pub fn insert(campaigncall: &Campaigncall) -> Statement {
    Statement::insert(TABLE, values(campaigncall))
}

/// A new row, only if the campaign runs, its lease is `holder`'s with this
/// fencing number, and the target is in no unfinished attempt (invariants I1
/// and I3 of the architecture).
#[must_use]
pub fn insert_claimed(campaigncall: &Campaigncall, holder: Uuid, fence: i64) -> Statement {
    let (columns, mut params): (Vec<_>, Vec<_>) = values(campaigncall).into_iter().unzip();
    let marks = vec!["?"; columns.len()].join(", ");
    let sql = format!(
        "INSERT INTO campaign_campaigncalls ({}) SELECT {marks} \
         FROM campaign_campaigns AS campaign \
         JOIN trunkline_campaign_leases AS lease ON lease.campaign_id = campaign.id \
         WHERE campaign.id = ? AND campaign.status = 'run' AND campaign.tm_delete IS NULL \
         AND lease.holder = ? AND lease.fence = ? \
         AND NOT EXISTS (SELECT 1 FROM campaign_campaigncalls AS other \
         WHERE other.outdial_target_id = ? AND other.status IN ('dialing', 'progressing'))",
        columns.join(", ")
    );
    params.extend([
        Value::uuid(campaigncall.campaign_id),
        Value::uuid(holder),
        Value::Int(fence),
        Value::uuid(campaigncall.outdial_target_id),
    ]);
    Statement::one(sql, params)
}

/// `dialing` → `progressing`.
#[must_use]
pub fn set_progressing(id: CampaigncallId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE campaign_campaigncalls SET status = 'progressing', tm_update = ? \
         WHERE id = ? AND status = 'dialing'",
        vec![now.into(), Value::uuid(id)],
    )
}

/// Any status but `done` → `done` with its result: exactly one is terminal
/// (invariant I4).
#[must_use]
pub fn set_done(id: CampaigncallId, result: &Outcome, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE campaign_campaigncalls SET status = 'done', result = ?, tm_update = ? \
         WHERE id = ? AND status <> 'done'",
        vec![result.as_str().into(), now.into(), Value::uuid(id)],
    )
}

/// Soft delete; only of a finished one, once.
#[must_use]
pub fn delete(id: CampaigncallId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE campaign_campaigncalls SET tm_delete = ?, tm_update = ? \
         WHERE id = ? AND status = 'done' AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}
