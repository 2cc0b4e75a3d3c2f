//! `billing_accounts` (chapter 05 E.2): what a balance check needs.

use trunkline_model::Timestamp;
use trunkline_model::billing::Account;
use trunkline_model::id::{AccountId, CustomerId};

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::value::Value;

table! { Account in "billing_accounts";
    "id" id id,
    "customer_id" customer_id id,
    "status" status word,
    "plan_type" plan_type word,
    "balance_credit" balance_credit int,
    "balance_token" balance_token int,
    "tm_delete" tm_delete time,
}

/// What lists may be filtered by.
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("status", Kind::Text),
        ("plan_type", Kind::Text),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

/// The account by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: AccountId) -> Result<Option<Account>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// A customer's account; one that is not deleted comes first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_customer(
    db: &dyn Database,
    customer: CustomerId,
) -> Result<Option<Account>, Error> {
    // SQLite and MySQL both sort NULL first.
    SELECT
        .one(
            db,
            "customer_id = ? ORDER BY tm_delete",
            vec![Value::uuid(customer)],
        )
        .await
}

/// At most `limit` accounts in the order of their ids: the table has no time of
/// creation to page by.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, limit: u32) -> Result<Vec<Account>, Error> {
    let (conditions, params) = filter.parts();
    let condition = format!("1 = 1{conditions} ORDER BY id LIMIT ?");
    let params = params.chain([Value::Int(limit.into())]).collect();
    SELECT.all(db, &condition, params).await
}

/// A new row, as given.
#[must_use]
pub fn insert(account: &Account) -> Statement {
    Statement::insert(TABLE, values(account))
}

/// Status, plan and balances, as given.
#[must_use]
pub fn update(account: &Account) -> Statement {
    Statement::one(
        "UPDATE billing_accounts SET status = ?, plan_type = ?, balance_credit = ?, balance_token = ? \
         WHERE id = ? AND tm_delete IS NULL",
        vec![
            account.status.as_str().into(),
            account.plan_type.as_str().into(),
            Value::Int(account.balance_credit),
            Value::Int(account.balance_token),
            Value::uuid(account.id),
        ],
    )
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: AccountId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE billing_accounts SET tm_delete = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), Value::uuid(id)],
    )
}
