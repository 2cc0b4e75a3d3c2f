//! Customer: the tenant that owns rows (chapter 05 E.1).

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{AccountId, CustomerId};
use crate::time::Timestamp;
use crate::wire::is_default;

/// Internal customers (chapter 05 E.0).
impl CustomerId {
    /// Owner of the routes that everybody may use.
    pub const BASIC_ROUTE: Self = Self(Uuid::from_u128(1));
    /// The platform itself.
    pub const SYSTEM: Self = Self(Uuid::from_u128(2));
}

wire_enum! {
    /// Whether a customer may act.
    pub enum Status {
        None = "",
        Initial = "initial",
        Active = "active",
        Frozen = "frozen",
        Deleted = "deleted",
        Expired = "expired",
    }
    default None
}

wire_enum! {
    /// How far the check of a customer's identity is.
    pub enum IdentityVerificationStatus {
        Unset = "",
        None = "none",
        Pending = "pending",
        Verified = "verified",
        Rejected = "rejected",
    }
    default Unset
}

/// Switches of a customer or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Metadata {
    /// Capture RTP of its calls.
    pub rtp_debug: bool,
}

/// A text that must not reach a log: its `Debug` form hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "Secret(none)"
        } else {
            "Secret(…)"
        })
    }
}

/// The tenant that owns rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Customer {
    pub id: CustomerId,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub detail: String,
    #[serde(skip_serializing_if = "is_default")]
    pub email: String,
    #[serde(skip_serializing_if = "is_default")]
    pub phone_number: String,
    /// Postal address.
    #[serde(skip_serializing_if = "is_default")]
    pub address: String,
    #[serde(skip_serializing_if = "is_default")]
    pub webhook_method: String,
    #[serde(skip_serializing_if = "is_default")]
    pub webhook_uri: String,
    /// Key that signs webhooks.
    #[serde(skip_serializing_if = "is_default")]
    pub webhook_secret: Secret,
    pub billing_account_id: AccountId,
    pub email_verified: bool,
    pub status: Status,
    pub identity_verification_status: IdentityVerificationStatus,
    #[serde(skip_serializing_if = "is_default")]
    pub terms_agreed_version: String,
    #[serde(skip_serializing_if = "is_default")]
    pub terms_agreed_ip: String,
    pub metadata: Metadata,
    pub tm_deletion_scheduled: Option<Timestamp>,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}
