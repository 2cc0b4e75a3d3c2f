//! What the parts of the program say of themselves, for whoever looks for a fault:
//! a resource of Trunkline's own.

use serde::{Deserialize, Serialize};

wire_enum! {
    /// How a part is.
    pub enum State {
        /// It does what it is there for.
        Ok = "ok",
        /// It works, and somebody should look.
        Warning = "warning",
        /// It does not work.
        Failed = "failed",
        /// It does not tell.
        Unknown = "unknown",
    }
    default Unknown
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Part {
    /// Its name, such as `speech engine`.
    pub part: String,
    pub state: State,
    /// What was seen.
    pub detail: String,
    /// The next step; empty when there is none.
    pub what_to_do: String,
}

impl Part {
    /// A part that is well.
    #[must_use]
    pub fn ok(part: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            part: part.into(),
            state: State::Ok,
            detail: detail.into(),
            what_to_do: String::new(),
        }
    }

    /// One that is not.
    #[must_use]
    pub fn not_ok(
        part: impl Into<String>,
        state: State,
        detail: impl Into<String>,
        what_to_do: impl Into<String>,
    ) -> Self {
        Self {
            part: part.into(),
            state,
            detail: detail.into(),
            what_to_do: what_to_do.into(),
        }
    }
}
