//! Activeflow: a running instance of a flow (chapter 05 D.3).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::action::Action;
use crate::id::{ActionId, ActiveflowId, CustomerId, FlowId, ReferenceId, StackId};
use crate::time::Timestamp;
use crate::wire::{is_default, is_default_ref};

/// Reserved stack ids (chapter 05 D.3); nil is "empty".
impl StackId {
    /// The stack that holds the flow's own actions.
    pub const MAIN: Self = Self(Uuid::from_u128(1));
}

wire_enum! {
    /// Whether an activeflow still has actions to run.
    pub enum Status {
        None = "",
        Running = "running",
        Ended = "ended",
    }
    default None
}

wire_enum! {
    /// What kind of thing an activeflow belongs to.
    pub enum ReferenceType {
        None = "",
        Ai = "ai",
        Api = "api",
        Call = "call",
        Campaign = "campaign",
        Conversation = "conversation",
        Transcribe = "transcribe",
        Recording = "recording",
        Webchat = "webchat",
    }
    default None
}

wire_enum! {
    /// HTTP method of an activeflow's own webhook.
    pub enum WebhookMethod {
        None = "",
        Post = "POST",
        Get = "GET",
        Put = "PUT",
        Delete = "DELETE",
    }
    default None
}

/// A list of actions and where to go on when it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Stack {
    pub id: StackId,
    pub actions: Vec<Action>,
    pub return_stack_id: StackId,
    pub return_action_id: ActionId,
}

/// A running instance of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Activeflow {
    pub id: ActiveflowId,
    pub customer_id: CustomerId,
    pub flow_id: FlowId,
    #[serde(skip_serializing_if = "is_default")]
    pub status: Status,
    #[serde(skip_serializing_if = "is_default")]
    pub reference_type: ReferenceType,
    pub reference_id: ReferenceId,
    /// The activeflow whose completion (or call) started this one.
    pub reference_activeflow_id: ActiveflowId,
    /// Flow to start when this one ends; copied from the flow.
    pub on_complete_flow_id: FlowId,
    #[serde(skip_serializing_if = "is_default")]
    pub webhook_uri: String,
    #[serde(skip_serializing_if = "is_default")]
    pub webhook_method: WebhookMethod,
    #[serde(skip_serializing_if = "is_default")]
    pub stack_map: BTreeMap<StackId, Stack>,
    pub current_stack_id: StackId,
    pub current_action: Action,
    /// With `forward_action_id`: where a forward goes; nil = no forward waits.
    pub forward_stack_id: StackId,
    pub forward_action_id: ActionId,
    /// How many actions were executed so far.
    #[serde(skip_serializing_if = "is_default")]
    pub execute_count: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub executed_actions: Vec<Action>,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

impl Activeflow {
    /// What customers see of it: nothing of the stacks.
    #[must_use]
    pub fn webhook(&self) -> Webhook<'_> {
        Webhook {
            id: self.id,
            customer_id: self.customer_id,
            flow_id: self.flow_id,
            status: &self.status,
            reference_type: &self.reference_type,
            reference_id: self.reference_id,
            reference_activeflow_id: self.reference_activeflow_id,
            on_complete_flow_id: self.on_complete_flow_id,
            webhook_uri: &self.webhook_uri,
            webhook_method: &self.webhook_method,
            current_action: &self.current_action,
            forward_action_id: self.forward_action_id,
            executed_actions: &self.executed_actions,
            tm_create: self.tm_create,
            tm_update: self.tm_update,
            tm_delete: self.tm_delete,
        }
    }
}

/// The fields that chapter 05 D.3 marks "in webhook".
#[derive(Debug, Serialize)]
pub struct Webhook<'a> {
    id: ActiveflowId,
    customer_id: CustomerId,
    flow_id: FlowId,
    #[serde(skip_serializing_if = "is_default_ref")]
    status: &'a Status,
    #[serde(skip_serializing_if = "is_default_ref")]
    reference_type: &'a ReferenceType,
    reference_id: ReferenceId,
    reference_activeflow_id: ActiveflowId,
    on_complete_flow_id: FlowId,
    #[serde(skip_serializing_if = "is_default")]
    webhook_uri: &'a str,
    #[serde(skip_serializing_if = "is_default_ref")]
    webhook_method: &'a WebhookMethod,
    current_action: &'a Action,
    forward_action_id: ActionId,
    #[serde(skip_serializing_if = "is_default")]
    executed_actions: &'a [Action],
    tm_create: Option<Timestamp>,
    tm_update: Option<Timestamp>,
    tm_delete: Option<Timestamp>,
}

/// Body of `POST /v1/activeflows` (chapter 05 D.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct CreateRequest {
    /// Nil lets flow-manager choose.
    pub id: ActiveflowId,
    pub customer_id: CustomerId,
    pub flow_id: FlowId,
    pub reference_type: ReferenceType,
    pub reference_id: ReferenceId,
    pub reference_activeflow_id: ActiveflowId,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub webhook_uri: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub webhook_method: String,
    /// Initial variables, by name.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub variables: std::collections::BTreeMap<String, String>,
}

/// Body of `POST /v1/activeflows/prepared`, Trunkline's own: an activeflow with
/// the variables that its reference would otherwise set afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct PreparedRequest {
    pub activeflow: CreateRequest,
    /// By name; the platform's own names are allowed, as where variables are set.
    pub variables: std::collections::BTreeMap<String, String>,
}

/// Answer to a [`PreparedRequest`]: what its asker goes on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct PreparedReply {
    pub id: ActiveflowId,
    pub current_action: Action,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn stacks_are_keyed_by_their_id_and_kept_from_customers() {
        let mut activeflow = Activeflow {
            execute_count: 3,
            ..Activeflow::default()
        };
        let stack = Stack {
            id: StackId::MAIN,
            ..Stack::default()
        };
        activeflow.stack_map.insert(StackId::MAIN, stack);
        let encoded = serde_json::to_value(&activeflow).unwrap();
        let key = "00000000-0000-0000-0000-000000000001";
        assert_eq!(encoded["stack_map"][key]["id"], json!(key));
        let text = encoded.to_string();
        assert_eq!(
            serde_json::from_str::<Activeflow>(&text).unwrap(),
            activeflow
        );
        assert_eq!(
            serde_json::from_value::<Activeflow>(encoded.clone()).unwrap(),
            activeflow
        );

        let Value::Object(mut left) = encoded else {
            panic!("not an object")
        };
        let Value::Object(right) = serde_json::to_value(activeflow.webhook()).unwrap() else {
            panic!("not an object")
        };
        for key in [
            "stack_map",
            "current_stack_id",
            "forward_stack_id",
            "execute_count",
        ] {
            assert!(left.remove(key).is_some(), "{key}");
        }
        assert_eq!(left, right);
    }
}
