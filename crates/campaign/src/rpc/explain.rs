//! `/v1/campaigns/<id>/explain`: what a campaign does, would do, or stopped
//! for, and why. Trunkline's own resource.
//!
//! Nothing is remembered for it: it gathers what a tick would and decides as a
//! tick would, whichever process runs the campaign. A stopped campaign is
//! looked at as if it ran, so the answer says what would stop it again.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use trunkline_bus::{Reply, Routed};
use trunkline_domain::campaign::pacing::{self, Bucket, Limits};
use trunkline_domain::campaign::tick::{self, Tick};
use trunkline_model::Timestamp;
use trunkline_model::campaign::{Campaign, Execute, Status};
use trunkline_model::id::CampaignId;
use trunkline_model::rules::CampaignRules;

use super::Answer;
use crate::error::Failure;
use crate::manager::CampaignManager;
use crate::runner::gather::{Memory, Views, gather};

/// What is answered.
#[derive(Debug, Serialize)]
struct Explanation {
    campaign_id: CampaignId,
    status: Status,
    execute: Execute,
    /// `dial`, `wait`, `stop` or `start_next`.
    decision: &'static str,
    /// Label of the reason; empty for `dial`.
    reason: &'static str,
    /// For people.
    message: String,
    /// The last answer of another service that was an error; usually empty.
    trouble: String,
    /// Attempts that are not done.
    live: u64,
    next_campaign_id: CampaignId,
}

pub(super) async fn get(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let campaign = manager.campaign(routed.id(0), Failure::NotFound).await?;
    Ok(Reply::json(&explain(&manager, campaign).await?))
}

async fn explain(manager: &CampaignManager, campaign: Campaign) -> Result<Explanation, Failure> {
    let now = manager.now().await?;
    let (status, execute) = (campaign.status.clone(), campaign.execute.clone());
    let campaign_id = campaign.id;
    let looked_at = match status {
        Status::Stop => Campaign {
            status: Status::Run,
            ..campaign
        },
        Status::Run | Status::Stopping | Status::None | Status::Other(_) => campaign,
    };
    let (mut views, skip) = (Views::default(), BTreeSet::new());
    let memory = Memory {
        pending: 0,
        skip: &skip,
    };
    let allow = |rules: &CampaignRules, live, agents| {
        pacing::allowance(
            &full_bucket(rules, now),
            &Limits {
                rules,
                live,
                agents,
            },
        )
    };
    let facts = gather(manager, Some(looked_at), &mut views, &memory, now, allow).await?;
    let (decision, reason, message, next_campaign_id) =
        in_words(tick::decide(&facts.snapshot(), now));
    Ok(Explanation {
        campaign_id,
        status,
        execute,
        decision,
        reason,
        message,
        trouble: views.trouble.unwrap_or_default(),
        live: facts.live,
        next_campaign_id,
    })
}

/// The pace is no explanation: it is left out.
fn full_bucket(rules: &CampaignRules, now: Timestamp) -> Bucket {
    let mut bucket = Bucket::empty(Timestamp::from_micros(0));
    bucket.refill(rules.calls_per_second, now);
    bucket
}

fn in_words(tick: Tick) -> (&'static str, &'static str, String, CampaignId) {
    match tick {
        Tick::Dial(_) => ("dial", "", "the campaign dials".to_owned(), CampaignId::NIL),
        Tick::Again { because, .. } => (
            "wait",
            because.as_str(),
            because.to_string(),
            CampaignId::NIL,
        ),
        Tick::Stop(reason) => ("stop", reason.as_str(), reason.to_string(), CampaignId::NIL),
        Tick::StartNext(next, reason) => ("start_next", reason.as_str(), reason.to_string(), next),
    }
}
