//! Limits of a customer: Trunkline's own resource.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_model::id::CustomerId;
use trunkline_model::limits::CustomerLimits;
use trunkline_store::customer_limits;

use crate::Role;
use crate::error::Error;

/// What holds for a customer; without times, it is what holds for everybody.
pub(crate) async fn get(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let id: CustomerId = routed.id(0);
    let found = customer_limits::get(role.ledger.db(), id).await;
    let found = found.map_err(Error::from)?;
    Ok(Reply::json(&found.unwrap_or(CustomerLimits {
        customer_id: id,
        calls_per_second: role.config.customer_calls_per_second.into(),
        concurrent_calls: role.config.customer_concurrent_calls.into(),
        ..CustomerLimits::default()
    })))
}

/// Gives a customer limits of his own.
pub(crate) async fn set(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    #[derive(Deserialize)]
    struct Body {
        calls_per_second: u32,
        concurrent_calls: u32,
    }
    let Body {
        calls_per_second,
        concurrent_calls,
    } = routed.body()?;
    let id: CustomerId = routed.id(0);
    let limits = CustomerLimits {
        customer_id: id,
        calls_per_second: calls_per_second.into(),
        concurrent_calls: concurrent_calls.into(),
        ..CustomerLimits::default()
    };
    let db = role.ledger.db();
    let now = role.ledger.now().await.map_err(Error::from)?;
    let batch = customer_limits::set(db.dialect(), &limits, now);
    let written = role.ledger.apply(batch.into_iter().collect()).await;
    written.map_err(Error::from)?;
    role.limits.changed(&limits);
    tracing::info!(customer_id = %id, calls_per_second, concurrent_calls, "a customer's limits were set");
    get(role, routed).await
}
