//! `/v1/campaigncalls` (chapter 05 A.4): the attempts, to look at.

use std::sync::Arc;

use trunkline_bus::{Reply, Routed};
use trunkline_model::campaigncall::{Campaigncall, Status};
use trunkline_store::{Batch, campaigncall};

use super::{Answer, filter};
use crate::error::{Failure, Missing};
use crate::manager::CampaignManager;

pub(super) async fn list(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let filter = filter(&routed, &campaigncall::FILTERS)?;
    let page = manager.page(&routed, manager.now().await?);
    let found = campaigncall::list(manager.db(), &filter, &page)
        .await
        .map_err(Failure::from)?;
    Ok(Reply::json(&found))
}

pub(super) async fn get(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let found = campaigncall::get(manager.db(), routed.id(0))
        .await
        .map_err(Failure::from)?;
    Ok(Reply::json(
        &found.ok_or(Failure::NotFound(Missing::Campaigncall))?,
    ))
}

/// Deletes a finished attempt. The reference answers `200 null` for another one; here
/// it is an error with a reason.
pub(super) async fn delete(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let found = campaigncall::get(manager.db(), routed.id(0))
        .await
        .map_err(Failure::from)?;
    let call = found.ok_or(Failure::BareNotFound(Missing::Campaigncall))?;
    if call.status != Status::Done {
        return Err(Failure::NotDone.into());
    }
    if call.tm_delete.is_some() {
        return Ok(Reply::json(&call));
    }
    let now = manager.now().await?;
    let call = Campaigncall {
        tm_update: Some(now),
        tm_delete: Some(now),
        ..call
    };
    let event = manager.ledger.webhook_event(
        now,
        call.customer_id,
        "campaigncall_deleted",
        &call,
        call.webhook(),
    );
    let batch = Batch::new()
        .with(campaigncall::delete(call.id, now))
        .with(event);
    match manager.ledger.apply(batch).await {
        Ok(()) => Ok(Reply::json(&call)),
        // Deleted by another request at the same time.
        Err(error) if error.is_conflict() => {
            let found = campaigncall::get(manager.db(), call.id)
                .await
                .map_err(Failure::from)?;
            Ok(Reply::json(&found.unwrap_or(call)))
        }
        Err(error) => Err(Failure::from(error).into()),
    }
}
