//! `trunkline_customer_limits`: what single customers may do, where it differs
//! from the configuration (architecture decision 17).

use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;
use trunkline_model::limits::CustomerLimits;

use crate::batch::Statement;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

table! { CustomerLimits in "trunkline_customer_limits";
    "customer_id" customer_id id,
    "calls_per_second" calls_per_second int,
    "concurrent_calls" concurrent_calls int,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
}

/// A customer's own limits, if he has any.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, customer: CustomerId) -> Result<Option<CustomerLimits>, Error> {
    SELECT
        .one(db, "customer_id = ?", vec![Value::uuid(customer)])
        .await
}

/// Everybody's own limits.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn all(db: &dyn Database) -> Result<Vec<CustomerLimits>, Error> {
    SELECT.all(db, "1 = 1", vec![]).await
}

/// Writes the limits; the time of creation stays.
#[must_use]
pub fn set(dialect: Dialect, limits: &CustomerLimits, now: Timestamp) -> [Statement; 2] {
    let first = CustomerLimits {
        tm_create: Some(now),
        tm_update: None,
        ..limits.clone()
    };
    [
        Statement::insert_new(dialect, TABLE, values(&first)),
        Statement::one(
            "UPDATE trunkline_customer_limits SET calls_per_second = ?, concurrent_calls = ?, tm_update = ? \
             WHERE customer_id = ?",
            vec![
                Value::Int(limits.calls_per_second),
                Value::Int(limits.concurrent_calls),
                now.into(),
                Value::uuid(limits.customer_id),
            ],
        ),
    ]
}
