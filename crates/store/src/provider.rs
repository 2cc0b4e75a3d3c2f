//! `route_providers` (chapter 05 E.3).

use trunkline_model::Timestamp;
use trunkline_model::id::ProviderId;
use trunkline_model::page::Page;
use trunkline_model::route::Provider;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Provider in "route_providers";
    "id" id id,
    "type" kind word,
    "hostname" hostname text,
    "tech_prefix" tech_prefix text,
    "tech_postfix" tech_postfix text,
    "tech_headers" tech_headers json,
    "name" name text,
    "detail" detail text,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
    "health_status" health_status text,
    "health_checked_at" health_checked_at time,
    "metadata" metadata nullable,
    "codecs" codecs text,
}

/// What lists may be filtered by.
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("type", Kind::Text),
        ("hostname", Kind::Text),
        ("name", Kind::Text),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

/// The provider by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: ProviderId) -> Result<Option<Provider>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// One page, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<Provider>, Error> {
    SELECT.page(db, filter, page, Order::NewestThenId).await
}

/// A new row, as given.
#[must_use]
pub fn insert(provider: &Provider) -> Statement {
    Statement::insert(TABLE, values(provider))
}

/// Everything but its health, as given.
#[must_use]
pub fn update(provider: &Provider, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE route_providers SET type = ?, hostname = ?, tech_prefix = ?, tech_postfix = ?, \
         tech_headers = ?, name = ?, detail = ?, metadata = ?, codecs = ?, tm_update = ? \
         WHERE id = ? AND tm_delete IS NULL",
        vec![
            provider.kind.as_str().into(),
            provider.hostname.as_str().into(),
            provider.tech_prefix.as_str().into(),
            provider.tech_postfix.as_str().into(),
            Value::json(&provider.tech_headers),
            provider.name.as_str().into(),
            provider.detail.as_str().into(),
            provider.metadata.as_ref().map_or(Value::Null, Value::json),
            provider.codecs.as_str().into(),
            now.into(),
            Value::uuid(provider.id),
        ],
    )
}

/// How a look at it turned out. Leaves `tm_update` as it is.
#[must_use]
pub fn set_health(id: ProviderId, status: &str, at: Timestamp) -> Statement {
    Statement::one(
        "UPDATE route_providers SET health_status = ?, health_checked_at = ? WHERE id = ?",
        vec![status.into(), at.into(), Value::uuid(id)],
    )
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: ProviderId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE route_providers SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}
