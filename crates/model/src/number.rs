//! Number: a telephone number of ours (chapter 05 E.4).

use serde::{Deserialize, Serialize};

use crate::customer::Metadata;
use crate::id::{CustomerId, FlowId, NumberId};
use crate::time::Timestamp;

wire_enum! {
    /// Whether the telephone network knows a number.
    pub enum Type {
        None = "",
        Normal = "normal",
        /// Begins with `+899` and has 13 characters.
        Virtual = "virtual",
    }
    default None
}

wire_enum! {
    /// Whether a number can be used.
    pub enum Status {
        None = "",
        Active = "active",
    }
    default None
}

/// A telephone number of ours. Every key is always present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Number {
    pub id: NumberId,
    pub customer_id: CustomerId,
    /// E.164 with its `+`.
    pub number: String,
    #[serde(rename = "type")]
    pub kind: Type,
    /// Flow of incoming calls.
    pub call_flow_id: FlowId,
    /// Flow of incoming messages.
    pub message_flow_id: FlowId,
    pub name: String,
    pub detail: String,
    pub provider_name: String,
    pub provider_reference_id: String,
    pub status: Status,
    pub t38_enabled: bool,
    pub emergency_enabled: bool,
    pub metadata: Metadata,
    pub tm_purchase: Option<Timestamp>,
    pub tm_renew: Option<Timestamp>,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}
