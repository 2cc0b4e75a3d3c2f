//! A new activeflow, before its first action (chapter 05 D.5.1).

use trunkline_model::activeflow::{Activeflow, CreateRequest, Stack, Status, WebhookMethod};
use trunkline_model::flow::Flow;
use trunkline_model::id::{ActionId, ActiveflowId, StackId};
use trunkline_model::{Action, Timestamp};

use super::failure::Failure;

/// The row of a new activeflow. `flow` is the one that was asked for; without
/// one the main stack is empty. `id` is taken when the request has none.
///
/// # Errors
///
/// When the flow belongs to another customer.
pub fn create(
    asked: &CreateRequest,
    flow: Option<&Flow>,
    id: ActiveflowId,
    now: Timestamp,
) -> Result<Activeflow, Failure> {
    if flow.is_some_and(|flow| flow.customer_id != asked.customer_id) {
        return Err(Failure::ForeignFlow);
    }
    let actions = flow.map(|flow| flow.actions.clone()).unwrap_or_default();
    let main = Stack {
        id: StackId::MAIN,
        actions,
        ..Stack::default()
    };
    Ok(Activeflow {
        id: if asked.id.is_nil() { id } else { asked.id },
        customer_id: asked.customer_id,
        flow_id: asked.flow_id,
        status: Status::Running,
        reference_type: asked.reference_type.clone(),
        reference_id: asked.reference_id,
        reference_activeflow_id: asked.reference_activeflow_id,
        on_complete_flow_id: flow
            .map(|flow| flow.on_complete_flow_id)
            .unwrap_or_default(),
        webhook_uri: asked.webhook_uri.clone(),
        webhook_method: WebhookMethod::from(asked.webhook_method.as_str()),
        stack_map: [(StackId::MAIN, main)].into(),
        current_stack_id: StackId::MAIN,
        current_action: Action::reserved(ActionId::START),
        tm_create: Some(now),
        ..Activeflow::default()
    })
}
