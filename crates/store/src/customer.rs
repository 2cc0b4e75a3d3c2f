//! `customer_customers` (chapter 05 E.1).

use trunkline_model::Timestamp;
use trunkline_model::customer::{Customer, Status};
use trunkline_model::id::CustomerId;
use trunkline_model::page::Page;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { Customer in "customer_customers";
    "id" id id,
    "name" name text,
    "detail" detail text,
    "email" email text,
    "phone_number" phone_number text,
    "address" address text,
    "webhook_method" webhook_method text,
    "webhook_uri" webhook_uri text,
    "webhook_secret" webhook_secret secret,
    "billing_account_id" billing_account_id id,
    "email_verified" email_verified flag,
    "status" status word,
    "terms_agreed_version" terms_agreed_version text,
    "terms_agreed_ip" terms_agreed_ip text,
    "tm_deletion_scheduled" tm_deletion_scheduled time,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
    "metadata" metadata json,
    "identity_verification_status" identity_verification_status word,
}

/// What lists may be filtered by.
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("name", Kind::Text),
        ("email", Kind::Text),
        ("status", Kind::Text),
        ("billing_account_id", Kind::Id),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

/// The customer by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: CustomerId) -> Result<Option<Customer>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// One page, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<Customer>, Error> {
    SELECT.page(db, filter, page, Order::Newest).await
}

/// A new row, as given.
#[must_use]
pub fn insert(customer: &Customer) -> Statement {
    Statement::insert(TABLE, values(customer))
}

/// What the customer can change of itself, as given.
#[must_use]
pub fn update(customer: &Customer, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE customer_customers SET name = ?, detail = ?, email = ?, phone_number = ?, address = ?, \
         webhook_method = ?, webhook_uri = ?, webhook_secret = ?, metadata = ?, tm_update = ? \
         WHERE id = ? AND tm_delete IS NULL",
        vec![
            customer.name.as_str().into(),
            customer.detail.as_str().into(),
            customer.email.as_str().into(),
            customer.phone_number.as_str().into(),
            customer.address.as_str().into(),
            customer.webhook_method.as_str().into(),
            customer.webhook_uri.as_str().into(),
            customer.webhook_secret.0.as_str().into(),
            Value::json(&customer.metadata),
            now.into(),
            Value::uuid(customer.id),
        ],
    )
}

/// From one status to another, such as `active` → `frozen`.
#[must_use]
pub fn set_status(id: CustomerId, from: &Status, to: &Status, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE customer_customers SET status = ?, tm_update = ? \
         WHERE id = ? AND status = ? AND tm_delete IS NULL",
        vec![
            to.as_str().into(),
            now.into(),
            Value::uuid(id),
            from.as_str().into(),
        ],
    )
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: CustomerId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE customer_customers SET status = 'deleted', tm_delete = ?, tm_update = ? \
         WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}
