//! Keys that are pressed in a call (chapter 02 §3.9).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{ActionId, CallId, CustomerId};
use crate::time::Timestamp;
use crate::wire::is_default;

/// Payload of the event `dtmf_received`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Dtmf {
    /// New for each key.
    pub id: Uuid,
    pub customer_id: CustomerId,
    pub call_id: CallId,
    #[serde(skip_serializing_if = "is_default")]
    pub digit: String,
    /// Milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub duration: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_create: Option<Timestamp>,
}

/// A key as it is kept with its call: Trunkline's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Key {
    pub call_id: CallId,
    /// When it was pressed, by Asterisk's clock.
    pub tm_digit: Option<Timestamp>,
    /// One of `0123456789*#ABCD`.
    pub digit: String,
    pub duration_ms: i64,
    /// The action that was the current one.
    pub action_id: ActionId,
    /// What the flow's variable became with it.
    pub value: String,
}

/// Body of `GET` and `POST /v1/calls/{id}/digits`: the flow's variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Digits {
    pub digits: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_has_the_keys_of_the_chapter() {
        let dtmf = Dtmf {
            id: Uuid::from_u128(1),
            digit: "5".to_owned(),
            duration: 120,
            tm_create: Some(Timestamp::from_micros(0)),
            ..Dtmf::default()
        };
        assert_eq!(
            serde_json::to_string(&dtmf).unwrap(),
            r#"{"id":"00000000-0000-0000-0000-000000000001","customer_id":"00000000-0000-0000-0000-000000000000","call_id":"00000000-0000-0000-0000-000000000000","digit":"5","duration":120,"tm_create":"1970-01-01T00:00:00Z"}"#
        );
    }
}
