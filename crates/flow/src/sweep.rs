//! Forgets flows that were made for one use, and variables that nobody has
//! written for long (VoIPbin leaves both to Redis's expiry), and stops what nobody
//! else will stop.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use trunkline_store::{Batch, Error as StoreError, flow as flows, variable as variables};

use crate::manager::FlowManager;
use crate::orphans;

pub(crate) async fn run(manager: Arc<FlowManager>, stop: CancellationToken) {
    loop {
        if let Err(error) = once(&manager).await {
            tracing::warn!(%error, "expired flows and variables stay until the next look");
        }
        if let Err(error) = orphans::stop(&manager).await {
            tracing::warn!(%error, "activeflows without a call stay until the next look");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(manager.config.sweep_interval()) => {}
        }
    }
}

async fn once(manager: &FlowManager) -> Result<(), StoreError> {
    let now = manager.ledger.now().await?;
    let batch = Batch::new()
        .with(flows::purge_temporary(now))
        .with(variables::purge(now.minus(manager.config.keep_variables())));
    manager.ledger.apply(batch).await
}
