//! Agent: a person or desk that answers calls (chapter 05 C.4.1).

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{AgentId, CustomerId, DirectId, TagId};
use crate::time::Timestamp;
use crate::wire::is_default;

wire_enum! {
    /// How an agent's addresses are dialed.
    pub enum RingMethod {
        None = "",
        RingAll = "ringall",
        Linear = "linear",
    }
    default None
}

wire_enum! {
    /// Whether an agent can take a call.
    pub enum Status {
        None = "",
        Available = "available",
        Away = "away",
        Busy = "busy",
        Offline = "offline",
        Ringing = "ringing",
    }
    default None
}

/// What an agent may do: a bit mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Permission(pub i64);

impl Permission {
    pub const PROJECT_SUPER_ADMIN: Self = Self(0x0001);
    pub const PROJECT_ALL: Self = Self(0x000F);
    pub const CUSTOMER_AGENT: Self = Self(0x0010);
    pub const CUSTOMER_ADMIN: Self = Self(0x0020);
    pub const CUSTOMER_MANAGER: Self = Self(0x0040);
    pub const CUSTOMER_ALL: Self = Self(0x00F0);
    pub const ALL: Self = Self(0xFFFF);

    /// Whether any of the bits of `other` is set.
    #[must_use]
    pub fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A person or desk that answers calls. The password hash never appears here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Agent {
    pub id: AgentId,
    pub customer_id: CustomerId,
    pub username: String,
    pub name: String,
    pub detail: String,
    pub ring_method: RingMethod,
    pub status: Status,
    pub permission: Permission,
    pub tag_ids: Option<Vec<TagId>>,
    /// Where the agent can be reached, in order of `idx` in the table.
    pub addresses: Vec<Address>,
    pub direct_id: DirectId,
    pub direct_hash: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_create: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_update: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_delete: Option<Timestamp>,
}
