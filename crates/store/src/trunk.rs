//! `trunkline_trunks`: SIP trunks as data.

use trunkline_model::Timestamp;
use trunkline_model::id::TrunkId;
use trunkline_model::page::Page;
use trunkline_model::trunk::Trunk;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Trunk in "trunkline_trunks";
    "id" id id,
    "customer_id" customer_id id,
    "name" name text,
    "detail" detail text,
    "host" host text,
    "port" port int,
    "transport" transport word,
    "mode" mode word,
    "username" username text,
    "auth_username" auth_username text,
    "password" password secret,
    "expiration" expiration int,
    "qualify" qualify int,
    "codecs" codecs text,
    "caller_id" caller_id text,
    "from_user" from_user text,
    "from_domain" from_domain text,
    "identity" identity word,
    "tech_prefix" tech_prefix text,
    "country" country text,
    "matches" matches json,
    "enabled" enabled flag,
    "provider_id" provider_id id,
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
        ("host", Kind::Text),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

/// The trunk by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: TrunkId) -> Result<Option<Trunk>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// One page, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<Trunk>, Error> {
    SELECT.page(db, filter, page, Order::NewestThenId).await
}

/// Every trunk that Asterisk is to have, at most `limit`.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn enabled(db: &dyn Database, limit: u32) -> Result<Vec<Trunk>, Error> {
    SELECT.enabled(db, limit).await
}

/// A new row, as given.
#[must_use]
pub fn insert(trunk: &Trunk) -> Statement {
    Statement::insert(TABLE, values(trunk))
}

/// Everything that may change, as given.
#[must_use]
pub fn update(trunk: &Trunk, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE trunkline_trunks SET name = ?, detail = ?, host = ?, port = ?, transport = ?, mode = ?, \
         username = ?, auth_username = ?, password = ?, expiration = ?, qualify = ?, codecs = ?, \
         caller_id = ?, from_user = ?, from_domain = ?, identity = ?, tech_prefix = ?, country = ?, \
         matches = ?, enabled = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![
            trunk.name.as_str().into(),
            trunk.detail.as_str().into(),
            trunk.host.as_str().into(),
            Value::Int(trunk.port),
            trunk.transport.as_str().into(),
            trunk.mode.as_str().into(),
            trunk.username.as_str().into(),
            trunk.auth_username.as_str().into(),
            trunk.password.0.as_str().into(),
            Value::Int(trunk.expiration),
            Value::Int(trunk.qualify),
            trunk.codecs.as_str().into(),
            trunk.caller_id.as_str().into(),
            trunk.from_user.as_str().into(),
            trunk.from_domain.as_str().into(),
            trunk.identity.as_str().into(),
            trunk.tech_prefix.as_str().into(),
            trunk.country.as_str().into(),
            Value::json(&trunk.matches),
            trunk.enabled.into(),
            now.into(),
            Value::uuid(trunk.id),
        ],
    )
}

/// Soft delete, once; the password goes.
#[must_use]
pub fn delete(id: TrunkId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE trunkline_trunks SET tm_delete = ?, tm_update = ?, password = '' \
         WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}
