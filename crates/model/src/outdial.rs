//! Outdial: a list of people to call (chapter 05 B.1.1).

use serde::{Deserialize, Serialize};

use crate::id::{CampaignId, CustomerId, OutdialId};
use crate::time::Timestamp;

/// A list of people to call. Every key is always present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Outdial {
    pub id: OutdialId,
    pub customer_id: CustomerId,
    /// The one campaign that uses the list; nil = free.
    pub campaign_id: CampaignId,
    pub name: String,
    pub detail: String,
    /// Free text of the customer.
    pub data: String,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

impl Outdial {
    /// What customers see of it: all.
    #[must_use]
    pub fn webhook(&self) -> &Self {
        self
    }
}
