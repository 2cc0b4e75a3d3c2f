//! Groupcall: several destinations of which one shall answer (chapter 02 §3.7).

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::call::{Anonymous, OwnerType};
use crate::id::{CallId, CustomerId, FlowId, GroupcallId, OwnerId};
use crate::time::Timestamp;
use crate::wire::{is_default, is_default_ref};

wire_enum! {
    /// Where a group call is in its life.
    pub enum Status {
        None = "",
        Progressing = "progressing",
        Hangingup = "hangingup",
        Hangup = "hangup",
    }
    default None
}

wire_enum! {
    /// In which order the destinations are dialed.
    pub enum RingMethod {
        /// Means `ring_all`.
        None = "",
        RingAll = "ring_all",
        Linear = "linear",
    }
    default None
}

wire_enum! {
    /// What an answer does to the other legs.
    pub enum AnswerMethod {
        /// Nothing.
        None = "",
        HangupOthers = "hangup_others",
    }
    default None
}

/// Several destinations of which one shall answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Groupcall {
    pub id: GroupcallId,
    pub customer_id: CustomerId,
    pub owner_type: OwnerType,
    pub owner_id: OwnerId,
    #[serde(skip_serializing_if = "is_default")]
    pub status: Status,
    pub flow_id: FlowId,
    pub source: Address,
    #[serde(skip_serializing_if = "is_default")]
    pub destinations: Vec<Address>,
    pub master_call_id: CallId,
    pub master_groupcall_id: GroupcallId,
    #[serde(skip_serializing_if = "is_default")]
    pub ring_method: RingMethod,
    #[serde(skip_serializing_if = "is_default")]
    pub answer_method: AnswerMethod,
    /// Handed to each leg.
    #[serde(skip_serializing_if = "is_default")]
    pub anonymous: Anonymous,
    pub answer_call_id: CallId,
    #[serde(skip_serializing_if = "is_default")]
    pub call_ids: Vec<CallId>,
    pub answer_groupcall_id: GroupcallId,
    #[serde(skip_serializing_if = "is_default")]
    pub groupcall_ids: Vec<GroupcallId>,
    /// Calls still alive in the current dial; can become negative.
    #[serde(skip_serializing_if = "is_default")]
    pub call_count: i64,
    /// Group calls still alive in the current dial; can become negative.
    #[serde(skip_serializing_if = "is_default")]
    pub groupcall_count: i64,
    /// Position in `destinations` for `linear`.
    #[serde(skip_serializing_if = "is_default")]
    pub dial_index: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_create: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_update: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_delete: Option<Timestamp>,
}

impl Groupcall {
    /// What customers see of it.
    #[must_use]
    pub fn webhook(&self) -> Webhook<'_> {
        Webhook {
            id: self.id,
            customer_id: self.customer_id,
            owner_type: &self.owner_type,
            owner_id: self.owner_id,
            status: &self.status,
            flow_id: self.flow_id,
            source: &self.source,
            destinations: &self.destinations,
            master_call_id: self.master_call_id,
            master_groupcall_id: self.master_groupcall_id,
            ring_method: &self.ring_method,
            answer_method: &self.answer_method,
            answer_call_id: self.answer_call_id,
            call_ids: &self.call_ids,
            answer_groupcall_id: self.answer_groupcall_id,
            groupcall_ids: &self.groupcall_ids,
            call_count: self.call_count,
            groupcall_count: self.groupcall_count,
            dial_index: self.dial_index,
            tm_create: self.tm_create,
            tm_update: self.tm_update,
            tm_delete: self.tm_delete,
        }
    }
}

/// The group call without `anonymous`.
#[derive(Debug, Serialize)]
pub struct Webhook<'a> {
    id: GroupcallId,
    customer_id: CustomerId,
    owner_type: &'a OwnerType,
    owner_id: OwnerId,
    #[serde(skip_serializing_if = "is_default_ref")]
    status: &'a Status,
    flow_id: FlowId,
    source: &'a Address,
    #[serde(skip_serializing_if = "is_default")]
    destinations: &'a [Address],
    master_call_id: CallId,
    master_groupcall_id: GroupcallId,
    #[serde(skip_serializing_if = "is_default_ref")]
    ring_method: &'a RingMethod,
    #[serde(skip_serializing_if = "is_default_ref")]
    answer_method: &'a AnswerMethod,
    answer_call_id: CallId,
    #[serde(skip_serializing_if = "is_default")]
    call_ids: &'a [CallId],
    answer_groupcall_id: GroupcallId,
    #[serde(skip_serializing_if = "is_default")]
    groupcall_ids: &'a [GroupcallId],
    #[serde(skip_serializing_if = "is_default")]
    call_count: i64,
    #[serde(skip_serializing_if = "is_default")]
    groupcall_count: i64,
    #[serde(skip_serializing_if = "is_default")]
    dial_index: i64,
    #[serde(skip_serializing_if = "is_default")]
    tm_create: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    tm_update: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    tm_delete: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const EXAMPLE: &str = r#"{"id":"6c000000-0000-4000-8000-000000000001","customer_id":"5e4a0680-804e-11ec-8477-2fea5968d85b","owner_type":"agent","owner_id":"a9000000-0000-4000-8000-000000000009","status":"progressing","flow_id":"a1b2c3d4-0000-4000-8000-000000000004","source":{"type":"tel","target":"+15551230001"},"destinations":[{"type":"agent","target":"a9000000-0000-4000-8000-000000000009"}],"master_call_id":"00000000-0000-0000-0000-000000000000","master_groupcall_id":"00000000-0000-0000-0000-000000000000","ring_method":"ring_all","answer_method":"hangup_others","anonymous":"auto","answer_call_id":"00000000-0000-0000-0000-000000000000","call_ids":["0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0011"],"answer_groupcall_id":"00000000-0000-0000-0000-000000000000","call_count":1,"tm_create":"2026-03-01T10:00:00Z"}"#;

    #[test]
    fn example_round_trips_and_its_webhook_drops_anonymous() {
        let groupcall: Groupcall = crate::wire::decode(EXAMPLE).unwrap();
        let mut expected: Value = serde_json::from_str(EXAMPLE).unwrap();
        assert_eq!(serde_json::to_value(&groupcall).unwrap(), expected);
        assert!(
            expected
                .as_object_mut()
                .unwrap()
                .remove("anonymous")
                .is_some()
        );
        assert_eq!(serde_json::to_value(groupcall.webhook()).unwrap(), expected);
    }
}
