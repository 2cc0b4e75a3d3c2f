//! Activeflows: running instances of flows (chapter 05 D.3, D.5).

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod end;
pub(crate) mod fetch;
mod sending;
pub(crate) mod walk;

use trunkline_model::Timestamp;
use trunkline_model::activeflow::Activeflow;
use trunkline_model::id::ActiveflowId;
use trunkline_store::{Statement, activeflow as activeflows};

use crate::error::Failure;
use crate::manager::FlowManager;

impl FlowManager {
    /// The activeflow by its id, deleted or not.
    pub(crate) async fn activeflow(&self, id: ActiveflowId) -> Result<Activeflow, Failure> {
        activeflows::get(self.db(), id)
            .await?
            .ok_or(Failure::NoActiveflow)
    }

    /// The event `kind` about an activeflow as it is then.
    pub(crate) fn activeflow_event(
        &self,
        now: Timestamp,
        kind: &str,
        activeflow: &Activeflow,
    ) -> Statement {
        self.ledger.webhook_event(
            now,
            activeflow.customer_id,
            kind,
            activeflow,
            &activeflow.webhook(),
        )
    }
}
