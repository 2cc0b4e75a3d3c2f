//! The activeflow of a new call, with the call's variables.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trunkline_bus::RpcError;
use trunkline_domain::call::variables;
use trunkline_model::activeflow::{self, PreparedReply, PreparedRequest};
use trunkline_model::call::Call;
use trunkline_model::id::ActiveflowId;

use crate::Role;
use crate::error::Error;

/// Whether flow-manager may take an activeflow and its variables in one request:
/// until it has said that it does not know such a request.
pub(crate) struct Prepares(AtomicBool);

impl Default for Prepares {
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

/// Creates the activeflow that `asked` describes, for a call whose parties are
/// known.
pub(crate) async fn begin(
    role: &Arc<Role>,
    asked: activeflow::CreateRequest,
    call: &Call,
) -> Result<PreparedReply, Error> {
    let prepared = PreparedRequest {
        activeflow: asked,
        variables: variables::of_call(call),
    };
    if role.flow_prepares.0.load(Ordering::Relaxed) {
        match role.flow.create_prepared(&prepared).await {
            Err(RpcError::Status(404)) => {
                tracing::info!("flow-manager takes a call's variables in a request of their own");
                role.flow_prepares.0.store(false, Ordering::Relaxed);
            }
            outcome => return Ok(outcome?),
        }
    }
    let made = role.flow.create_activeflow(&prepared.activeflow).await?;
    if let Err(error) = role.flow.set_variables(made.id, &prepared.variables).await {
        stop(role, made.id).await;
        return Err(error.into());
    }
    Ok(PreparedReply {
        id: made.id,
        current_action: made.current_action,
    })
}

/// Stops the flow of a call that was not made.
pub(crate) async fn stop(role: &Role, id: ActiveflowId) {
    if let Err(error) = role.flow.stop(id).await {
        tracing::warn!(activeflow_id = %id, %error, "the flow of a call that was not made could not be stopped");
    }
}
