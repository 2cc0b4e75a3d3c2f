//! `/v1/campaigns` (chapter 05 A.4): from a request to the change it asks for.
//! The changes themselves are in [`crate::change`] and [`crate::status`].

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_model::Action;
use trunkline_model::campaign::{Campaign, EndHandle, Status, Type};
use trunkline_model::id::{CampaignId, CustomerId, OutdialId, OutplanId, QueueId};
use trunkline_store::campaign;

use super::{Answer, filter};
use crate::change::{BasicInfo, Resources};
use crate::error::{Failure, Missing, come_again};
use crate::manager::CampaignManager;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CreateBody {
    id: CampaignId,
    customer_id: CustomerId,
    #[serde(rename = "type")]
    kind: Type,
    name: String,
    detail: String,
    service_level: i64,
    end_handle: EndHandle,
    actions: Option<Vec<Action>>,
    outplan_id: OutplanId,
    outdial_id: OutdialId,
    queue_id: QueueId,
    next_campaign_id: CampaignId,
}

pub(super) async fn create(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let body: CreateBody = routed.body()?;
    let id = if body.id.is_nil() {
        CampaignId::random()
    } else {
        body.id
    };
    let asked = Campaign {
        id,
        customer_id: body.customer_id,
        kind: body.kind,
        name: body.name,
        detail: body.detail,
        service_level: body.service_level,
        end_handle: body.end_handle,
        actions: body.actions,
        outplan_id: body.outplan_id,
        outdial_id: body.outdial_id,
        queue_id: body.queue_id,
        next_campaign_id: body.next_campaign_id,
        ..Campaign::default()
    };
    Ok(Reply::json(&manager.create(asked).await?))
}

pub(super) async fn list(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let filter = filter(&routed, &campaign::FILTERS)?;
    let page = manager.page(&routed, manager.now().await?);
    let found = campaign::list(manager.db(), &filter, &page)
        .await
        .map_err(Failure::from)?;
    Ok(Reply::json(&found))
}

pub(super) async fn get(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    Ok(Reply::json(
        &manager.campaign(routed.id(0), Failure::NotFound).await?,
    ))
}

/// Deletes a stopped campaign.
pub(super) async fn delete(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    Ok(Reply::json(&manager.delete(routed.id(0)).await?))
}

pub(super) async fn update_basic_info(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Body {
        name: String,
        detail: String,
        #[serde(rename = "type")]
        kind: Type,
        service_level: i64,
        end_handle: EndHandle,
    }
    let body: Body = routed.body()?;
    let info = BasicInfo {
        name: body.name,
        detail: body.detail,
        kind: body.kind,
        service_level: body.service_level,
        end_handle: body.end_handle,
    };
    Ok(Reply::json(
        &manager.set_basic_info(routed.id(0), info).await?,
    ))
}

/// Wakes the campaign's runner, or looks for one. The step itself is the
/// runner's: a worker of requests is not held up.
pub(super) async fn execute(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let id: CampaignId = routed.id(0);
    if !manager.runners.wake(id) {
        manager.runners.look_now();
    }
    std::future::ready(Ok(Reply::Bare)).await
}

pub(super) async fn update_status(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Body {
        status: Status,
    }
    let body: Body = routed.body()?;
    let campaign = match body.status {
        Status::Run => manager.run(routed.id(0)).await?,
        Status::Stop => manager.stop(routed.id(0)).await?,
        Status::None | Status::Stopping | Status::Other(_) => return Err(Refusal::bare(400)),
    };
    Ok(Reply::json(&campaign))
}

pub(super) async fn update_service_level(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Body {
        service_level: i64,
    }
    let body: Body = routed.body()?;
    Ok(Reply::json(
        &manager
            .set_service_level(routed.id(0), body.service_level)
            .await?,
    ))
}

pub(super) async fn update_actions(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Body {
        actions: Option<Vec<Action>>,
    }
    let body: Body = routed.body()?;
    Ok(Reply::json(
        &manager.set_actions(routed.id(0), body.actions).await?,
    ))
}

pub(super) async fn update_resource_info(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Body {
        outplan_id: OutplanId,
        outdial_id: OutdialId,
        queue_id: QueueId,
        next_campaign_id: CampaignId,
    }
    let body: Body = routed.body()?;
    let resources = Resources {
        outplan_id: body.outplan_id,
        outdial_id: body.outdial_id,
        queue_id: body.queue_id,
        next_campaign_id: body.next_campaign_id,
    };
    Ok(Reply::json(
        &manager.set_resources(routed.id(0), resources).await?,
    ))
}

pub(super) async fn update_next(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Body {
        next_campaign_id: CampaignId,
    }
    let body: Body = routed.body()?;
    Ok(Reply::json(
        &manager
            .set_next(routed.id(0), body.next_campaign_id)
            .await?,
    ))
}

/// A duty: gives an outdial back that the campaign no longer uses.
pub(super) async fn release(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    match manager.release_outdial(routed.id(0), routed.id(1)).await {
        Ok(()) => Ok(Reply::Bare),
        Err(Failure::Store(error)) => Err(come_again(&error)),
        Err(Failure::Rpc(error)) if error.is_unavailable() => {
            tracing::warn!(%error, "an outdial cannot be given back now");
            Err(Refusal::bare(503))
        }
        Err(failure) => Err(failure.into()),
    }
}

impl CampaignManager {
    pub(crate) async fn campaign(
        &self,
        id: CampaignId,
        missing: fn(Missing) -> Failure,
    ) -> Result<Campaign, Failure> {
        campaign::get(self.db(), id)
            .await?
            .ok_or_else(|| missing(Missing::Campaign))
    }
}
