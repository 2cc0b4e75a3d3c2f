//! How a campaign stands, in numbers: Trunkline's own resource, for people who
//! watch it. Nothing decides by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::campaign::Status;
use crate::id::{CampaignId, CustomerId, FlowId};

/// The attempts of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Attempts {
    pub dialing: i64,
    pub progressing: i64,
    pub done: i64,
    /// Of the done ones.
    pub success: i64,
    /// Of the done ones.
    pub fail: i64,
    /// Begun within the last minute.
    pub last_minute: i64,
}

/// The calls of a flow. A campaign has a flow of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Calls {
    pub dialing: i64,
    pub ringing: i64,
    pub progressing: i64,
    /// Being hung up.
    pub ending: i64,
    /// Ended ones, by the reason of their hangup.
    pub ended: BTreeMap<String, i64>,
}

/// Whose calls: the body of `GET /v1/calls/counts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct CallsOf {
    pub flow_id: FlowId,
}

/// The targets of an outdial under the rules of an outplan, deleted ones left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Targets {
    /// Idle with tries left, waiting or not.
    pub callable: i64,
    /// Idle without tries left.
    pub exhausted: i64,
    pub progressing: i64,
    pub done: i64,
}

/// How a campaign stands. A part that another service did not tell is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Progress {
    pub campaign_id: CampaignId,
    pub customer_id: CustomerId,
    pub name: String,
    pub status: Status,
    pub attempts: Attempts,
    pub calls: Option<Calls>,
    pub targets: Option<Targets>,
    /// Why a part is null; usually empty.
    pub trouble: String,
}
