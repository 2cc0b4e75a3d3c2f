//! Flow: a list of actions (chapter 05 D.1).

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::id::{CustomerId, DirectId, FlowId};
use crate::time::Timestamp;
use crate::wire::{is_default, is_default_ref};

wire_enum! {
    /// What a flow was made for.
    pub enum Type {
        None = "",
        Flow = "flow",
        Conference = "conference",
        Queue = "queue",
        Campaign = "campaign",
        Transfer = "transfer",
    }
    default None
}

/// A list of actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Flow {
    pub id: FlowId,
    pub customer_id: CustomerId,
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: Type,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub detail: String,
    /// Whether the flow is in the table (true) or in the cache only. Not a
    /// column: what is read from the table has `true`.
    #[serde(skip_serializing_if = "is_default")]
    pub persist: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub actions: Vec<Action>,
    pub direct_id: DirectId,
    #[serde(skip_serializing_if = "is_default")]
    pub direct_hash: String,
    /// Flow to start when an activeflow of this one ends.
    pub on_complete_flow_id: FlowId,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

impl Flow {
    /// What customers see of it.
    #[must_use]
    pub fn webhook(&self) -> Webhook<'_> {
        Webhook {
            id: self.id,
            customer_id: self.customer_id,
            kind: &self.kind,
            name: &self.name,
            detail: &self.detail,
            persist: self.persist,
            actions: &self.actions,
            direct_hash: &self.direct_hash,
            on_complete_flow_id: self.on_complete_flow_id,
            tm_create: self.tm_create,
            tm_update: self.tm_update,
            tm_delete: self.tm_delete,
        }
    }
}

/// The flow without `direct_id`.
#[derive(Debug, Serialize)]
pub struct Webhook<'a> {
    id: FlowId,
    customer_id: CustomerId,
    #[serde(rename = "type", skip_serializing_if = "is_default_ref")]
    kind: &'a Type,
    #[serde(skip_serializing_if = "is_default")]
    name: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    detail: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    persist: bool,
    #[serde(skip_serializing_if = "is_default")]
    actions: &'a [Action],
    #[serde(skip_serializing_if = "is_default")]
    direct_hash: &'a str,
    on_complete_flow_id: FlowId,
    tm_create: Option<Timestamp>,
    tm_update: Option<Timestamp>,
    tm_delete: Option<Timestamp>,
}

/// Body of `POST /v1/flows` (chapter 05 D.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct CreateRequest {
    pub customer_id: CustomerId,
    #[serde(rename = "type")]
    pub kind: Type,
    pub name: String,
    pub detail: String,
    /// `null` and a missing list are an empty one.
    pub actions: Option<Vec<Action>>,
    pub on_complete_flow_id: FlowId,
    /// Whether the flow is kept in the table; others live for 24 hours.
    pub persist: bool,
}
