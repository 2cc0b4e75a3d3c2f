//! Variables of an activeflow (chapter 05 D.6).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::ActiveflowId;

/// Every variable of one activeflow: `{"id":…,"variables":{…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Variable {
    /// The activeflow's id.
    pub id: ActiveflowId,
    pub variables: BTreeMap<String, String>,
}
