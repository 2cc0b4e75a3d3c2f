//! `number_numbers` (chapter 05 E.4).

use trunkline_model::Timestamp;
use trunkline_model::id::NumberId;
use trunkline_model::number::Number;
use trunkline_model::page::Page;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Number in "number_numbers";
    "id" id id,
    "customer_id" customer_id id,
    "call_flow_id" call_flow_id id,
    "message_flow_id" message_flow_id id,
    "name" name text,
    "detail" detail text,
    "number" number text,
    "type" kind word,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
    "provider_name" provider_name text,
    "provider_reference_id" provider_reference_id text,
    "status" status word,
    "t38_enabled" t38_enabled flag,
    "emergency_enabled" emergency_enabled flag,
    "metadata" metadata json,
    "tm_purchase" tm_purchase time,
    "tm_renew" tm_renew time,
}

/// What lists may be filtered by.
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("call_flow_id", Kind::Id),
        ("message_flow_id", Kind::Id),
        ("name", Kind::Text),
        ("number", Kind::Text),
        ("type", Kind::Text),
        ("provider_name", Kind::Text),
        ("status", Kind::Text),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

/// The number by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: NumberId) -> Result<Option<Number>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// The number by its digits, deleted ones left out.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_number(db: &dyn Database, number: &str) -> Result<Option<Number>, Error> {
    let condition = "number = ? AND tm_delete IS NULL ORDER BY tm_create DESC";
    SELECT.one(db, condition, vec![number.into()]).await
}

/// One page, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<Number>, Error> {
    SELECT.page(db, filter, page, Order::Newest).await
}

/// A new row, as given.
#[must_use]
pub fn insert(number: &Number) -> Statement {
    Statement::insert(TABLE, values(number))
}

/// Flows, name, detail, status and switches, as given.
#[must_use]
pub fn update(number: &Number, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE number_numbers SET call_flow_id = ?, message_flow_id = ?, name = ?, detail = ?, \
         status = ?, metadata = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![
            Value::uuid(number.call_flow_id),
            Value::uuid(number.message_flow_id),
            number.name.as_str().into(),
            number.detail.as_str().into(),
            number.status.as_str().into(),
            Value::json(&number.metadata),
            now.into(),
            Value::uuid(number.id),
        ],
    )
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: NumberId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE number_numbers SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}
