//! `/v1/campaigns/<id>/rules`: the pace of a campaign. Trunkline's own resource
//! (architecture decisions 13 and 17).

use std::sync::Arc;

use trunkline_bus::{Reply, Routed};
use trunkline_domain::campaign::rules;
use trunkline_model::campaign::Campaign;
use trunkline_model::rules::CampaignRules;
use trunkline_store::{Batch, Error as StoreError, campaign_rules};

use super::Answer;
use crate::error::Failure;
use crate::manager::CampaignManager;

pub(super) async fn get(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let campaign = manager.campaign(routed.id(0), Failure::NotFound).await?;
    Ok(Reply::json(
        &manager.rules(&campaign).await.map_err(Failure::from)?,
    ))
}

/// Writes all rules; a missing one becomes its default.
pub(super) async fn update(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let asked: CampaignRules = routed.body()?;
    rules::check(&asked).map_err(|invalid| Failure::InvalidRules(invalid.message))?;
    let campaign = manager.campaign(routed.id(0), Failure::NotFound).await?;
    let (old, now) = (
        manager.rules(&campaign).await.map_err(Failure::from)?,
        manager.now().await?,
    );
    let new = CampaignRules {
        calls_per_second: asked.calls_per_second,
        max_concurrent: asked.max_concurrent,
        tm_create: old.tm_create.or(Some(now)),
        tm_update: Some(now),
        ..old
    };
    let batch: Batch = campaign_rules::set(manager.db().dialect(), &new, now)
        .into_iter()
        .collect();
    manager.ledger.apply(batch).await.map_err(Failure::from)?;
    manager.runners.wake(campaign.id);
    Ok(Reply::json(&new))
}

impl CampaignManager {
    /// The rules of a campaign, or the default pace.
    pub(crate) async fn rules(&self, campaign: &Campaign) -> Result<CampaignRules, StoreError> {
        let found = campaign_rules::get(self.db(), campaign.id).await?;
        Ok(found.unwrap_or_else(|| CampaignRules {
            campaign_id: campaign.id,
            customer_id: campaign.customer_id,
            ..CampaignRules::default()
        }))
    }
}
