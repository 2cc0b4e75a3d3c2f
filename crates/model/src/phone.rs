//! Phone: a SIP telephone that registers with Asterisk, as data. Trunkline's own
//! resource (architecture decision 21).

use serde::{Deserialize, Serialize};

use crate::customer::Secret;
use crate::id::{CustomerId, PhoneId};
use crate::time::Timestamp;
use crate::trunk::Placement;

/// A phone, as it is stored. Its password leaves only towards Asterisk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Phone {
    pub id: PhoneId,
    pub customer_id: CustomerId,
    /// Digits by which it is called; unique among the customer's phones.
    pub extension: String,
    pub name: String,
    pub detail: String,
    /// What it registers as, and the name of its objects in every Asterisk: unique
    /// in the installation.
    pub username: String,
    /// Never on the wire.
    #[serde(skip)]
    pub password: Secret,
    /// Comma separated, in the order of preference.
    pub codecs: String,
    /// Devices that may be registered at the same time.
    pub max_contacts: i64,
    /// Country in which numbers without a country code are read, lower-case
    /// alpha-2; empty = none.
    pub country: String,
    pub enabled: bool,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

/// A phone as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct View {
    #[serde(flatten)]
    pub phone: Phone,
    /// `pushed`, `failed`, `waiting` or `disabled`: the worst of `asterisks`.
    pub state: String,
    pub asterisks: Vec<Placement>,
    /// Whether a device is registered: `yes`, `no` or `unknown`.
    pub registered: String,
    /// Shown once, by the answer to the request that had it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_password: Option<String>,
}
