//! Asterisk: an instance that call-manager knows. Trunkline's own resource.

use serde::{Deserialize, Serialize};

use crate::id::AsteriskId;
use crate::time::Timestamp;

/// An Asterisk and whether its proxy is connected to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Asterisk {
    pub id: AsteriskId,
    /// Whether its events arrive and requests reach it.
    pub connected: bool,
    /// Since when it is in this state.
    pub tm_update: Option<Timestamp>,
}
