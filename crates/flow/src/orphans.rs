//! Activeflows whose call never came to be: call-manager makes the activeflow
//! first, and may die before it has written the call. Nobody stops them then.

use trunkline_model::activeflow::Activeflow;
use trunkline_model::call::Status;
use trunkline_model::id::CallId;
use trunkline_store::{Error as StoreError, activeflow as activeflows};

use crate::activeflow::end::Then;
use crate::manager::FlowManager;

/// Activeflows that one look asks about.
const MOST: u32 = 100;

/// Stops the activeflows that wait for the first action of a call which does not
/// exist or has ended. A call that cannot be asked for keeps its activeflow.
pub(crate) async fn stop(manager: &FlowManager) -> Result<(), StoreError> {
    let now = manager.ledger.now().await?;
    let before = now.minus(manager.config.unbegun_after());
    for activeflow in activeflows::not_begun(manager.db(), before, MOST).await? {
        if !is_orphan(manager, &activeflow).await {
            continue;
        }
        match manager.stop(activeflow.id, Then::Nothing).await {
            Ok(_) => {
                tracing::info!(activeflow_id = %activeflow.id, "an activeflow without a call is stopped");
            }
            Err(failure) => {
                tracing::warn!(activeflow_id = %activeflow.id, error = %failure, "an activeflow without a call stays until the next look");
            }
        }
    }
    Ok(())
}

async fn is_orphan(manager: &FlowManager, activeflow: &Activeflow) -> bool {
    match manager.call.get(CallId(activeflow.reference_id.0)).await {
        Ok(call) => call.status == Status::Hangup,
        Err(error) => error.is_not_found(),
    }
}
