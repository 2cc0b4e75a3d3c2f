//! `call_outbound_configs` (chapter 02 §7.8, §7.9): one row per customer.

use trunkline_model::Timestamp;
use trunkline_model::id::{CustomerId, OutboundConfigId};
use trunkline_model::outbound_config::OutboundConfig;
use trunkline_model::page::Page;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::Filter;
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { OutboundConfig in "call_outbound_configs";
    "id" id id,
    "customer_id" customer_id id,
    "name" name text,
    "detail" detail text,
    "destination_whitelist" destination_whitelist literal,
    "codecs" codecs text,
    "default_outgoing_source_number_id" default_outgoing_source_number_id id,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
}

/// The rules by their id, unless deleted.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: OutboundConfigId) -> Result<Option<OutboundConfig>, Error> {
    SELECT
        .one(db, "id = ? AND tm_delete IS NULL", vec![Value::uuid(id)])
        .await
}

/// The customer's rules, unless deleted.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_customer(
    db: &dyn Database,
    customer: CustomerId,
) -> Result<Option<OutboundConfig>, Error> {
    SELECT
        .one(
            db,
            "customer_id = ? AND tm_delete IS NULL",
            vec![Value::uuid(customer)],
        )
        .await
}

/// One page of the customer's rules, deleted ones left out.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(
    db: &dyn Database,
    customer: CustomerId,
    page: &Page,
) -> Result<Vec<OutboundConfig>, Error> {
    let filter = Filter::none().id("customer_id", customer).not_deleted();
    SELECT.page(db, &filter, page, Order::Newest).await
}

/// A new row, as given; a list of countries that is absent is written empty.
/// A second row of the same customer, even of a deleted one, is a duplicate.
#[must_use]
pub fn insert(config: &OutboundConfig) -> Statement {
    let whitelist = config.destination_whitelist.clone().unwrap_or_default();
    let config = OutboundConfig {
        destination_whitelist: Some(whitelist),
        ..config.clone()
    };
    Statement::insert(TABLE, values(&config))
}

/// Everything that can be changed, as given.
#[must_use]
pub fn update(config: &OutboundConfig, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_outbound_configs SET name = ?, detail = ?, destination_whitelist = ?, codecs = ?, \
         default_outgoing_source_number_id = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![
            config.name.as_str().into(),
            config.detail.as_str().into(),
            Value::json(&config.destination_whitelist),
            config.codecs.as_str().into(),
            Value::uuid(config.default_outgoing_source_number_id),
            now.into(),
            Value::uuid(config.id),
        ],
    )
}

/// Soft delete; once. Leaves `tm_update` as it is.
#[must_use]
pub fn delete(id: OutboundConfigId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE call_outbound_configs SET tm_delete = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), Value::uuid(id)],
    )
}
