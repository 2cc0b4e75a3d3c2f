//! Route and provider: who carries a call to the telephone network
//! (chapter 02 §2.4, 05 E.3).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{CustomerId, ProviderId, RouteId};
use crate::time::Timestamp;

/// Target of the routes that serve every country.
pub const TARGET_ALL: &str = "all";

/// Which provider serves a target. Every key is always present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Route {
    pub id: RouteId,
    pub customer_id: CustomerId,
    pub name: String,
    pub detail: String,
    pub provider_id: ProviderId,
    /// The smaller is tried first.
    pub priority: i64,
    /// `+<country code>`, or [`TARGET_ALL`].
    pub target: String,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

wire_enum! {
    /// How a provider is reached.
    pub enum ProviderType {
        None = "",
        Sip = "sip",
    }
    default None
}

/// A SIP provider. Every key is always present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Provider {
    pub id: ProviderId,
    #[serde(rename = "type")]
    pub kind: ProviderType,
    pub hostname: String,
    /// Put before the dialed number.
    pub tech_prefix: String,
    /// Put after the dialed number.
    pub tech_postfix: String,
    /// SIP headers of the INVITE.
    pub tech_headers: BTreeMap<String, String>,
    pub name: String,
    pub detail: String,
    pub metadata: Option<BTreeMap<String, Value>>,
    /// Comma separated, empty = the server's default.
    pub codecs: String,
    /// Such as `unknown`.
    pub health_status: String,
    pub health_checked_at: Option<Timestamp>,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}
