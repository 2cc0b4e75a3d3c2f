//! `campaign_outplans` (chapter 05 A.2).

use trunkline_model::Timestamp;
use trunkline_model::id::OutplanId;
use trunkline_model::outplan::Outplan;
use trunkline_model::page::Page;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Outplan in "campaign_outplans";
    "id" id id,
    "customer_id" customer_id id,
    "name" name text,
    "detail" detail text,
    "source" source address,
    "dial_timeout" dial_timeout int,
    "try_interval" try_interval int,
    "max_try_count_0" max_try_count_0 int,
    "max_try_count_1" max_try_count_1 int,
    "max_try_count_2" max_try_count_2 int,
    "max_try_count_3" max_try_count_3 int,
    "max_try_count_4" max_try_count_4 int,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
}

/// What lists may be filtered by (chapter 05 A.4).
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("name", Kind::Text),
        ("detail", Kind::Text),
        ("dial_timeout", Kind::Int),
        ("try_interval", Kind::Int),
        ("max_try_count_0", Kind::Int),
        ("max_try_count_1", Kind::Int),
        ("max_try_count_2", Kind::Int),
        ("max_try_count_3", Kind::Int),
        ("max_try_count_4", Kind::Int),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Strict,
};

/// The outplan by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: OutplanId) -> Result<Option<Outplan>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// One page, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<Outplan>, Error> {
    SELECT.page(db, filter, page, Order::NewestThenId).await
}

/// A new row, as given. An absent source is the JSON literal `null`.
#[must_use]
pub fn insert(outplan: &Outplan) -> Statement {
    Statement::insert(TABLE, values(outplan))
}

/// Name and detail.
#[must_use]
pub fn set_basic_info(id: OutplanId, name: &str, detail: &str, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE campaign_outplans SET name = ?, detail = ?, tm_update = ? WHERE id = ?",
        vec![name.into(), detail.into(), now.into(), Value::uuid(id)],
    )
}

/// Everything that dialing depends on, as given: always all. An absent source
/// is SQL NULL here.
#[must_use]
pub fn set_dials(outplan: &Outplan, now: Timestamp) -> Statement {
    let mut params = vec![
        outplan.source.as_ref().map_or(Value::Null, Value::json),
        Value::Int(outplan.dial_timeout),
        Value::Int(outplan.try_interval),
    ];
    params.extend(outplan.max_try_counts().map(Value::Int));
    params.extend([now.into(), Value::uuid(outplan.id)]);
    Statement::one(
        "UPDATE campaign_outplans SET source = ?, dial_timeout = ?, try_interval = ?, \
         max_try_count_0 = ?, max_try_count_1 = ?, max_try_count_2 = ?, max_try_count_3 = ?, \
         max_try_count_4 = ?, tm_update = ? WHERE id = ?",
        params,
    )
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: OutplanId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE campaign_outplans SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}
