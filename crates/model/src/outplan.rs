//! Outplan: retry rules and caller id of a campaign (chapter 05 A.1.3).

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{CustomerId, OutplanId};
use crate::outdial_target::DESTINATION_COUNT;
use crate::time::Timestamp;

/// Retry rules and caller id of a campaign. Every key is always present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Outplan {
    pub id: OutplanId,
    pub customer_id: CustomerId,
    pub name: String,
    pub detail: String,
    /// Caller id.
    pub source: Option<Address>,
    /// Milliseconds; stored, used nowhere in the reference.
    pub dial_timeout: i64,
    /// Milliseconds between a target's last update and its next attempt.
    pub try_interval: i64,
    /// Attempts allowed at destination 0; 0 = not used. The others alike.
    pub max_try_count_0: i64,
    pub max_try_count_1: i64,
    pub max_try_count_2: i64,
    pub max_try_count_3: i64,
    pub max_try_count_4: i64,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

impl Outplan {
    /// Attempts allowed, by destination index.
    #[must_use]
    pub fn max_try_counts(&self) -> [i64; DESTINATION_COUNT] {
        [
            self.max_try_count_0,
            self.max_try_count_1,
            self.max_try_count_2,
            self.max_try_count_3,
            self.max_try_count_4,
        ]
    }

    /// What customers see of it: all.
    #[must_use]
    pub fn webhook(&self) -> &Self {
        self
    }
}
