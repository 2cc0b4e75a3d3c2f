//! `outdial_outdials` (chapter 05 B.2).

use trunkline_model::Timestamp;
use trunkline_model::id::{CampaignId, OutdialId};
use trunkline_model::outdial::Outdial;
use trunkline_model::page::Page;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Outdial in "outdial_outdials";
    "id" id id,
    "customer_id" customer_id id,
    "campaign_id" campaign_id id,
    "name" name text,
    "detail" detail text,
    "data" data text,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
}

/// What lists may be filtered by (chapter 05 B.4).
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("campaign_id", Kind::Id),
        ("name", Kind::Text),
        ("detail", Kind::Text),
        ("data", Kind::Text),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Strict,
};

/// The outdial by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: OutdialId) -> Result<Option<Outdial>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// One page, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<Outdial>, Error> {
    SELECT.page(db, filter, page, Order::Newest).await
}

/// A new row, as given.
#[must_use]
pub fn insert(outdial: &Outdial) -> Statement {
    Statement::insert(TABLE, values(outdial))
}

/// Name and detail.
#[must_use]
pub fn set_basic_info(id: OutdialId, name: &str, detail: &str, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE outdial_outdials SET name = ?, detail = ?, tm_update = ? WHERE id = ?",
        vec![name.into(), detail.into(), now.into(), Value::uuid(id)],
    )
}

/// The campaign that uses the list; nil releases it. No check of ownership.
#[must_use]
pub fn set_campaign(id: OutdialId, campaign: CampaignId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE outdial_outdials SET campaign_id = ?, tm_update = ? WHERE id = ?",
        vec![Value::uuid(campaign), now.into(), Value::uuid(id)],
    )
}

/// Free text of the customer.
#[must_use]
pub fn set_data(id: OutdialId, data: &str, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE outdial_outdials SET data = ?, tm_update = ? WHERE id = ?",
        vec![data.into(), now.into(), Value::uuid(id)],
    )
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: OutdialId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE outdial_outdials SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}
