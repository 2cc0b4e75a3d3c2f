//! Which targets may be dialed, and what is left to do (chapter 05 B.5).

use std::sync::Arc;

use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_model::outdial_target::{AvailableRequest, Summary};
use trunkline_store::available::{self, Rules};

use crate::available::parameters;
use crate::error;
use crate::service::OutdialManager;

/// `GET /v1/outdials/<id>/available`
pub(super) async fn available(
    manager: Arc<OutdialManager>,
    routed: Routed,
) -> Result<Reply, Refusal> {
    let asked = parameters(&routed)?;
    let limit = u64::try_from(asked.limit)
        .unwrap_or(0)
        .min(manager.config.max_rows);
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let now = manager.now().await?;
    let found = available::available(manager.db(), &rules(&routed, &asked), now, limit).await;
    Ok(Reply::json(&found.map_err(|error| error::store(&error))?))
}

/// `GET /v1/outdials/<id>/summary`: Trunkline's own.
pub(super) async fn summary(
    manager: Arc<OutdialManager>,
    routed: Routed,
) -> Result<Reply, Refusal> {
    let asked = parameters(&routed)?;
    let now = manager.now().await?;
    let found = available::summary(manager.db(), &rules(&routed, &asked), now).await;
    let found = found.map_err(|error| error::store(&error))?;
    Ok(Reply::json(&Summary {
        available: found.available,
        waiting: found.waiting,
        tm_next_try: found.next_try,
        progressing: found.progressing,
    }))
}

fn rules(routed: &Routed, asked: &AvailableRequest) -> Rules {
    Rules {
        outdial: routed.id(0),
        maxima: asked.maxima(),
        try_interval_ms: asked.try_interval,
    }
}
