//! The lists themselves: create, read, change, delete.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_model::Timestamp;
use trunkline_model::error::Status;
use trunkline_model::id::{CampaignId, CustomerId, OutdialId};
use trunkline_model::outdial::Outdial;
use trunkline_store::{Batch, Statement, outdial};

use super::filters;
use crate::error;
use crate::service::OutdialManager;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Create {
    customer_id: CustomerId,
    campaign_id: CampaignId,
    name: String,
    detail: String,
    data: String,
}

/// `POST /v1/outdials`
pub(super) async fn create(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    let Create {
        customer_id,
        campaign_id,
        name,
        detail,
        data,
    } = routed.body()?;
    let now = manager.now().await?;
    let created = Outdial {
        id: OutdialId::random(),
        customer_id,
        campaign_id,
        name,
        detail,
        data,
        tm_create: Some(now),
        ..Outdial::default()
    };
    manager
        .write(now, outdial::insert(&created), "outdial_created", &created)
        .await?;
    Ok(Reply::json(&created))
}

/// `GET /v1/outdials`
pub(super) async fn list(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    let filter = outdial::FILTERS
        .parse(&filters(&routed)?)
        .map_err(|invalid| {
            tracing::debug!(%invalid, "a filter of outdials is refused");
            Refusal::bad_body()
        })?;
    let page = manager.page(&routed, manager.now().await?);
    let found = outdial::list(manager.db(), &filter, &page).await;
    Ok(Reply::json(&found.map_err(|error| error::store(&error))?))
}

/// `GET /v1/outdials/<id>`
pub(super) async fn get(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    let Some(found) = manager.outdial(routed.id(0)).await? else {
        return Err(error::typed(
            Status::NotFound,
            "OUTDIAL_NOT_FOUND",
            "The outdial was not found.",
        ));
    };
    Ok(Reply::json(&found))
}

/// `DELETE /v1/outdials/<id>`. Neither its targets nor the link from a campaign
/// are touched; deleting it again changes nothing.
pub(super) async fn delete(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    let mut found = manager
        .outdial(routed.id(0))
        .await?
        .ok_or_else(|| Refusal::bare(404))?;
    if found.tm_delete.is_some() {
        return Ok(Reply::json(&found));
    }
    let now = manager.now().await?;
    (found.tm_update, found.tm_delete) = (Some(now), Some(now));
    manager
        .write(
            now,
            outdial::delete(found.id, now),
            "outdial_deleted",
            &found,
        )
        .await?;
    Ok(Reply::json(&found))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct BasicInfo {
    name: String,
    detail: String,
}

/// `PUT /v1/outdials/<id>`
pub(super) async fn update_basic_info(
    manager: Arc<OutdialManager>,
    routed: Routed,
) -> Result<Reply, Refusal> {
    let BasicInfo { name, detail } = routed.body()?;
    let change = |found: &mut Outdial, now| {
        (found.name, found.detail) = (name, detail);
        outdial::set_basic_info(found.id, &found.name, &found.detail, now)
    };
    manager.update(routed.id(0), change).await
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CampaignLink {
    campaign_id: CampaignId,
}

/// `PUT /v1/outdials/<id>/campaign_id`. Who owns the list is campaign-manager's
/// question; nil releases it.
pub(super) async fn update_campaign_id(
    manager: Arc<OutdialManager>,
    routed: Routed,
) -> Result<Reply, Refusal> {
    let CampaignLink { campaign_id } = routed.body()?;
    let change = |found: &mut Outdial, now| {
        found.campaign_id = campaign_id;
        outdial::set_campaign(found.id, campaign_id, now)
    };
    manager.update(routed.id(0), change).await
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct FreeText {
    data: String,
}

/// `PUT /v1/outdials/<id>/data`
pub(super) async fn update_data(
    manager: Arc<OutdialManager>,
    routed: Routed,
) -> Result<Reply, Refusal> {
    let FreeText { data } = routed.body()?;
    let change = |found: &mut Outdial, now| {
        found.data = data;
        outdial::set_data(found.id, &found.data, now)
    };
    manager.update(routed.id(0), change).await
}

impl OutdialManager {
    async fn outdial(&self, id: OutdialId) -> Result<Option<Outdial>, Refusal> {
        outdial::get(self.db(), id)
            .await
            .map_err(|error| error::store(&error))
    }

    /// Changes a row, deleted or not, and announces it.
    async fn update(
        &self,
        id: OutdialId,
        change: impl FnOnce(&mut Outdial, Timestamp) -> Statement,
    ) -> Result<Reply, Refusal> {
        let mut found = self.outdial(id).await?.ok_or_else(|| Refusal::bare(404))?;
        let now = self.now().await?;
        found.tm_update = Some(now);
        let statement = change(&mut found, now);
        self.write(now, statement, "outdial_updated", &found)
            .await?;
        Ok(Reply::json(&found))
    }

    async fn write(
        &self,
        now: Timestamp,
        change: Statement,
        kind: &str,
        row: &Outdial,
    ) -> Result<(), Refusal> {
        let event = self
            .ledger
            .webhook_event(now, row.customer_id, kind, row, row.webhook());
        let written = self
            .ledger
            .apply(Batch::new().with(change).with(event))
            .await;
        written.map_err(|error| error::store(&error))?;
        tracing::info!(outdial_id = %row.id, customer_id = %row.customer_id, event = kind, "an outdial changed");
        Ok(())
    }
}
