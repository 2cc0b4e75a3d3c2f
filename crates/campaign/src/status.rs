//! Starting and stopping a campaign on request (chapter 05 A.6.6). What the
//! runner does at its end is in [`crate::runner`].

use trunkline_domain::campaign::status::{self, Run, Stop};
use trunkline_model::campaign::{Campaign, Execute, Status};
use trunkline_model::id::{CampaignId, CustomerId};
use trunkline_store::{Batch, Error as StoreError, campaign, campaigncall};

use crate::error::Failure;
use crate::manager::CampaignManager;

/// Campaigns of a frozen or deleted customer that are stopped at once.
const STOP_BATCH: u32 = 200;

impl CampaignManager {
    /// The request `run`. A campaign that runs is returned unchanged, but a
    /// runner for it is made sure of.
    pub(crate) async fn run(&self, id: CampaignId) -> Result<Campaign, Failure> {
        let mut left = self.config.conflict_retries;
        loop {
            let old = self.campaign(id, Failure::NotFound).await?;
            if old.tm_delete.is_some() {
                return Err(Failure::Refused("the campaign is deleted"));
            }
            let now = self.now().await?;
            let execute = Execute::Run;
            let (batch, new) = match status::run(&old) {
                Run::Already => (Batch::new(), old),
                Run::Revive => {
                    let change = campaign::set_execute(id, &execute, now);
                    (
                        Batch::new().with(change),
                        Campaign {
                            execute,
                            tm_update: Some(now),
                            ..old
                        },
                    )
                }
                Run::Start => {
                    self.check_resources(&old).await?;
                    let status = Status::Run;
                    let new = Campaign {
                        status,
                        execute,
                        tm_update: Some(now),
                        ..old
                    };
                    let event = self.announce_campaign(now, "campaign_status_run", &new);
                    (
                        Batch::new().with(campaign::set_run(id, now)).with(event),
                        new,
                    )
                }
            };
            let started = batch.statements.len() == 2;
            match self.ledger.apply(batch).await {
                Ok(()) => {
                    if started {
                        self.metrics.campaign_status_run.inc();
                        tracing::info!(campaign_id = %id, "a campaign was started");
                    }
                    if !self.runners.wake(id) {
                        self.runners.look_now();
                    }
                    return Ok(new);
                }
                Err(error) if error.is_conflict() && left > 0 => left -= 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The request `stop`. Calls in progress go on; the campaign has stopped
    /// when the last of them has ended.
    pub(crate) async fn stop(&self, id: CampaignId) -> Result<Campaign, Failure> {
        let mut left = self.config.conflict_retries;
        loop {
            let old = self.campaign(id, Failure::NotFound).await?;
            match self.try_stop(old).await {
                Ok(new) => return Ok(new),
                Err(error) if error.is_conflict() && left > 0 => left -= 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn try_stop(&self, old: Campaign) -> Result<Campaign, StoreError> {
        let id = old.id;
        let live = campaigncall::live_count(self.db(), id).await?;
        let now = self.ledger.now().await?;
        let (change, status, kind) = match status::stop(&old, u64::try_from(live).unwrap_or(0)) {
            Stop::Unchanged => return Ok(old),
            Stop::Stopping => {
                let change = campaign::set_status(id, &old.status, &Status::Stopping, now);
                (change, Status::Stopping, "campaign_status_stopping")
            }
            Stop::Now => (
                campaign::set_stopped(id, now),
                Status::Stop,
                "campaign_status_stop",
            ),
        };
        let new = Campaign {
            status,
            tm_update: Some(now),
            ..old
        };
        let event = self.announce_campaign(now, kind, &new);
        self.ledger
            .apply(Batch::new().with(change).with(event))
            .await?;
        if new.status == Status::Stop {
            self.metrics.campaign_status_stop.inc();
        }
        tracing::info!(campaign_id = %id, status = %new.status, "a campaign was told to stop");
        self.runners.wake(id);
        Ok(new)
    }

    /// Stops every campaign of a customer that may not call any more.
    pub(crate) async fn stop_all_of(&self, customer: CustomerId) -> Result<(), StoreError> {
        loop {
            let active = campaign::active_of(self.db(), customer, STOP_BATCH).await?;
            let running: Vec<_> = active
                .iter()
                .filter(|campaign| campaign.status == Status::Run)
                .cloned()
                .collect();
            if running.is_empty() {
                return Ok(());
            }
            for campaign in running {
                match self.try_stop(campaign).await {
                    Ok(_) => {}
                    // Changed meanwhile: the next round sees how.
                    Err(error) if error.is_conflict() => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}
