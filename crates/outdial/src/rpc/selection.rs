//! Which targets may be dialed, and what is left to do (chapter 05 B.5).

use std::sync::Arc;

use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_model::error::Status as Class;
use trunkline_model::id::OutdialId;
use trunkline_model::outdial_target::{AvailableRequest, Summary};
use trunkline_model::progress::Targets;
use trunkline_store::available::{self, Rules};
use trunkline_store::outdial;

use crate::available::parameters;
use crate::error;
use crate::service::OutdialManager;

/// `GET /v1/outdials/<id>/available`
pub(super) async fn available(
    manager: Arc<OutdialManager>,
    routed: Routed,
) -> Result<Reply, Refusal> {
    let asked = parameters(&routed)?;
    manager.refuse_deleted(routed.id(0)).await?;
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

impl OutdialManager {
    /// Nobody on a deleted list is dialed. Compat: one that never was is empty.
    async fn refuse_deleted(&self, id: OutdialId) -> Result<(), Refusal> {
        let found = outdial::get(self.db(), id)
            .await
            .map_err(|error| error::store(&error))?;
        match found.filter(|found| found.tm_delete.is_some()) {
            Some(_) => Err(error::typed(
                Class::NotFound,
                "OUTDIAL_NOT_FOUND",
                "The outdial was deleted.",
            )),
            None => Ok(()),
        }
    }
}

/// `GET /v1/outdials/<id>/counts`: Trunkline's own.
pub(super) async fn counts(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    let asked = parameters(&routed)?;
    let found = available::counts(manager.db(), &rules(&routed, &asked)).await;
    let found = found.map_err(|error| error::store(&error))?;
    Ok(Reply::json(&Targets {
        callable: found.callable,
        exhausted: found.exhausted,
        progressing: found.progressing,
        done: found.done,
    }))
}

fn rules(routed: &Routed, asked: &AvailableRequest) -> Rules {
    Rules {
        outdial: routed.id(0),
        maxima: asked.maxima(),
        try_interval_ms: asked.try_interval,
    }
}
