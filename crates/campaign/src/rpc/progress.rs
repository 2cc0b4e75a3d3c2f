//! `/v1/campaigns/<id>/progress`: how a campaign stands, in numbers. Trunkline's
//! own resource, for people who watch it.
//!
//! Each service counts what is its own, in one query over an index: attempts here,
//! calls at call-manager by the flow that only this campaign has, targets at
//! outdial-manager. One that does not answer leaves its part out.

use std::sync::Arc;
use std::time::Duration;

use trunkline_bus::{Reply, Routed, RpcError};
use trunkline_model::campaign::Campaign;
use trunkline_model::outdial_target::AvailableRequest;
use trunkline_model::outplan::Outplan;
use trunkline_model::progress::{Calls, Progress, Targets};
use trunkline_store::{campaigncall, outplan};

use super::Answer;
use crate::error::Failure;
use crate::manager::CampaignManager;

/// The time that counts as "now" for the pace.
const LAST: Duration = Duration::from_secs(60);

pub(super) async fn get(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let campaign = manager.campaign(routed.id(0), Failure::NotFound).await?;
    Ok(Reply::json(&progress(&manager, campaign).await?))
}

async fn progress(manager: &CampaignManager, campaign: Campaign) -> Result<Progress, Failure> {
    let since = manager.now().await?.minus(LAST);
    let attempts = campaigncall::progress(manager.db(), campaign.id, since).await?;
    let plan = outplan::get(manager.db(), campaign.outplan_id).await?;
    let (calls, targets) = tokio::join!(
        calls(manager, &campaign),
        targets(manager, &campaign, plan.unwrap_or_default())
    );
    let mut trouble = Vec::new();
    let calls = told(calls, "call-manager", &mut trouble);
    let targets = told(targets, "outdial-manager", &mut trouble);
    Ok(Progress {
        campaign_id: campaign.id,
        customer_id: campaign.customer_id,
        name: campaign.name,
        status: campaign.status,
        attempts,
        calls,
        targets: targets.flatten(),
        trouble: trouble.join("; "),
    })
}

async fn calls(manager: &CampaignManager, campaign: &Campaign) -> Result<Calls, RpcError> {
    manager.call.counts(campaign.flow_id).await
}

/// None for a campaign without a list.
async fn targets(
    manager: &CampaignManager,
    campaign: &Campaign,
    plan: Outplan,
) -> Result<Option<Targets>, RpcError> {
    if campaign.outdial_id.is_nil() {
        return Ok(None);
    }
    let asked = AvailableRequest::new(plan.max_try_counts(), 0, None);
    let counts = manager.outdial.counts(campaign.outdial_id, &asked).await?;
    Ok(Some(counts))
}

fn told<T>(answer: Result<T, RpcError>, service: &str, trouble: &mut Vec<String>) -> Option<T> {
    answer
        .inspect_err(|error| trouble.push(format!("{service}: {error}")))
        .ok()
}
