//! CustomerLimits: how many calls a customer may make. Trunkline's own resource,
//! beside the customer (architecture decisions 16 and 17).

use serde::{Deserialize, Serialize};

use crate::id::CustomerId;
use crate::time::Timestamp;

/// What a customer may do at most. Every key is always present; 0 is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct CustomerLimits {
    pub customer_id: CustomerId,
    /// Outgoing calls begun per second.
    pub calls_per_second: i64,
    /// Outgoing calls that have not ended.
    pub concurrent_calls: i64,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
}

/// Reason of a refusal: the customer begins calls too fast.
pub const CALL_RATE_EXCEEDED: &str = "CALL_RATE_EXCEEDED";
/// Reason of a refusal: as many of the customer's calls live as may.
pub const TOO_MANY_CALLS: &str = "TOO_MANY_CALLS";
