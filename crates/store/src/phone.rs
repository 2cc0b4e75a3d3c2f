//! `trunkline_phones`: SIP telephones as data.

use trunkline_model::Timestamp;
use trunkline_model::id::{CustomerId, PhoneId};
use trunkline_model::page::Page;
use trunkline_model::phone::Phone;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Phone in "trunkline_phones";
    "id" id id,
    "customer_id" customer_id id,
    "extension" extension text,
    "name" name text,
    "detail" detail text,
    "username" username text,
    "password" password secret,
    "codecs" codecs text,
    "max_contacts" max_contacts int,
    "country" country text,
    "enabled" enabled flag,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
}

/// What lists may be filtered by.
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("extension", Kind::Text),
        ("username", Kind::Text),
        ("name", Kind::Text),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

/// The phone by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: PhoneId) -> Result<Option<Phone>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// The phone that has this name in every Asterisk.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_username(db: &dyn Database, username: &str) -> Result<Option<Phone>, Error> {
    let condition = "taken_username = ?";
    SELECT.one(db, condition, vec![username.into()]).await
}

/// The customer's phone with this extension.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_extension(
    db: &dyn Database,
    customer: CustomerId,
    extension: &str,
) -> Result<Option<Phone>, Error> {
    let condition = "taken_extension = ?";
    SELECT
        .one(db, condition, vec![taken(customer, extension).into()])
        .await
}

/// One page, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<Phone>, Error> {
    SELECT.page(db, filter, page, Order::NewestThenId).await
}

/// Every phone that Asterisk is to have, at most `limit`.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn enabled(db: &dyn Database, limit: u32) -> Result<Vec<Phone>, Error> {
    SELECT.enabled(db, limit).await
}

/// A new row, as given; refused as a duplicate when its username or extension is
/// taken.
#[must_use]
pub fn insert(phone: &Phone) -> Statement {
    let mut columns = values(phone);
    columns.push(("taken_username", phone.username.as_str().into()));
    columns.push((
        "taken_extension",
        taken(phone.customer_id, &phone.extension).into(),
    ));
    Statement::insert(TABLE, columns)
}

/// Everything that may change, as given.
#[must_use]
pub fn update(phone: &Phone, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE trunkline_phones SET name = ?, detail = ?, password = ?, codecs = ?, max_contacts = ?, \
         country = ?, enabled = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![
            phone.name.as_str().into(),
            phone.detail.as_str().into(),
            phone.password.0.as_str().into(),
            phone.codecs.as_str().into(),
            Value::Int(phone.max_contacts),
            phone.country.as_str().into(),
            phone.enabled.into(),
            now.into(),
            Value::uuid(phone.id),
        ],
    )
}

/// Soft delete, once; the password goes, and its names are free.
#[must_use]
pub fn delete(id: PhoneId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE trunkline_phones SET tm_delete = ?, tm_update = ?, password = '', taken_username = NULL, \
         taken_extension = NULL WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}

fn taken(customer: CustomerId, extension: &str) -> String {
    format!("{customer}:{extension}")
}
