//! `route_routes` (chapter 05 E.3).

use trunkline_model::Timestamp;
use trunkline_model::id::{CustomerId, RouteId};
use trunkline_model::page::Page;
use trunkline_model::route::Route;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Route in "route_routes";
    "id" id id,
    "customer_id" customer_id id,
    "name" name text,
    "detail" detail text,
    "provider_id" provider_id id,
    "priority" priority int,
    "target" target text,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
}

/// What lists may be filtered by.
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("provider_id", Kind::Id),
        ("name", Kind::Text),
        ("target", Kind::Text),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

/// The route by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: RouteId) -> Result<Option<Route>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// The routes of some customers for some targets, deleted ones left out, in the
/// order of the selection: newest first, at most 4000.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn for_targets(
    db: &dyn Database,
    customers: [CustomerId; 2],
    targets: &[&str],
) -> Result<Vec<Route>, Error> {
    let marks = vec!["?"; targets.len()].join(", ");
    let condition = format!(
        "customer_id IN (?, ?) AND target IN ({marks}) AND tm_delete IS NULL \
         ORDER BY tm_create DESC, id DESC LIMIT 4000"
    );
    let params = customers
        .map(Value::uuid)
        .into_iter()
        .chain(targets.iter().map(|target| Value::from(*target)))
        .collect();
    SELECT.all(db, &condition, params).await
}

/// One page, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<Route>, Error> {
    SELECT.page(db, filter, page, Order::NewestThenId).await
}

/// A new row, as given.
#[must_use]
pub fn insert(route: &Route) -> Statement {
    Statement::insert(TABLE, values(route))
}

/// Everything but the owner, as given.
#[must_use]
pub fn update(route: &Route, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE route_routes SET name = ?, detail = ?, provider_id = ?, priority = ?, target = ?, \
         tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![
            route.name.as_str().into(),
            route.detail.as_str().into(),
            Value::uuid(route.provider_id),
            Value::Int(route.priority),
            route.target.as_str().into(),
            now.into(),
            Value::uuid(route.id),
        ],
    )
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: RouteId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE route_routes SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}
