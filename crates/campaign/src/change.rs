//! Changes of a campaign but for its status (chapter 05 A.6.2–A.6.5): the row,
//! the flow it owns and the link of its outdial.
//!
//! What lies in other services is changed before the row and taken back when
//! the row cannot be written, as far as one more request can do that. What must
//! follow a change of the row is a duty in the same batch.

use trunkline_domain::campaign::flow;
use trunkline_model::campaign::{Campaign, EndHandle, Execute, Status, Type};
use trunkline_model::id::{CampaignId, OutdialId, OutplanId, QueueId};
use trunkline_model::{Action, Timestamp};
use trunkline_store::{Batch, Statement, campaign};

use crate::error::{Failure, Missing};
use crate::manager::CampaignManager;

/// The fields that are always written together.
pub(crate) struct BasicInfo {
    pub(crate) name: String,
    pub(crate) detail: String,
    pub(crate) kind: Type,
    pub(crate) service_level: i64,
    pub(crate) end_handle: EndHandle,
}

/// The four resources of a campaign.
pub(crate) struct Resources {
    pub(crate) outplan_id: OutplanId,
    pub(crate) outdial_id: OutdialId,
    pub(crate) queue_id: QueueId,
    pub(crate) next_campaign_id: CampaignId,
}

impl CampaignManager {
    /// Creates a campaign as asked for; its status is `stop`.
    pub(crate) async fn create(&self, asked: Campaign) -> Result<Campaign, Failure> {
        self.check_resources(&asked).await?;
        let now = self.now().await?;
        let flow_id = self.create_flow(&asked).await?;
        if let Err(failure) = self.link_outdial(asked.outdial_id, asked.id).await {
            self.discard_flow(flow_id).await;
            self.discard_link(asked.outdial_id, asked.id).await;
            return Err(failure);
        }
        let outdial_id = asked.outdial_id;
        let campaign = Campaign {
            flow_id,
            status: Status::Stop,
            execute: Execute::Stop,
            tm_create: Some(now),
            tm_update: None,
            tm_delete: None,
            ..asked
        };
        let batch = Batch::new()
            .with(campaign::insert(&campaign))
            .with(self.announce_campaign(now, "campaign_created", &campaign));
        if let Err(error) = self.ledger.apply(batch).await {
            self.discard_flow(flow_id).await;
            self.discard_link(outdial_id, campaign.id).await;
            return Err(error.into());
        }
        self.metrics.campaign_create.inc();
        tracing::info!(campaign_id = %campaign.id, "a campaign was created");
        Ok(campaign)
    }

    pub(crate) async fn set_basic_info(
        &self,
        id: CampaignId,
        info: BasicInfo,
    ) -> Result<Campaign, Failure> {
        let old = self.campaign(id, Failure::BareNotFound).await?;
        let now = self.now().await?;
        let BasicInfo {
            name,
            detail,
            kind,
            service_level,
            end_handle,
        } = info;
        let change =
            campaign::set_basic_info(id, &name, &detail, &kind, service_level, &end_handle, now);
        let new = Campaign {
            name,
            detail,
            kind,
            service_level,
            end_handle,
            ..old
        };
        self.write_update(now, change, new, Vec::new()).await
    }

    pub(crate) async fn set_service_level(
        &self,
        id: CampaignId,
        service_level: i64,
    ) -> Result<Campaign, Failure> {
        let old = self.campaign(id, Failure::BareNotFound).await?;
        let now = self.now().await?;
        let change = campaign::set_service_level(id, service_level, now);
        self.write_update(
            now,
            change,
            Campaign {
                service_level,
                ..old
            },
            Vec::new(),
        )
        .await
    }

    pub(crate) async fn set_next(
        &self,
        id: CampaignId,
        next_campaign_id: CampaignId,
    ) -> Result<Campaign, Failure> {
        let old = self.campaign(id, Failure::BareNotFound).await?;
        let now = self.now().await?;
        let change = campaign::set_next(id, next_campaign_id, now);
        self.write_update(
            now,
            change,
            Campaign {
                next_campaign_id,
                ..old
            },
            Vec::new(),
        )
        .await
    }

    pub(crate) async fn set_actions(
        &self,
        id: CampaignId,
        actions: Option<Vec<Action>>,
    ) -> Result<Campaign, Failure> {
        let old = self.campaign(id, Failure::NotFound).await?;
        let before = flow::actions(old.actions.as_deref(), old.queue_id);
        let after = flow::actions(actions.as_deref(), old.queue_id);
        self.flow
            .update_actions(old.flow_id, after.as_deref())
            .await?;
        let now = self.now().await?;
        let change = campaign::set_actions(id, actions.as_deref(), now);
        let flow_id = old.flow_id;
        let written = self
            .write_update(now, change, Campaign { actions, ..old }, Vec::new())
            .await;
        if written.is_err() {
            self.restore_flow(flow_id, before.as_deref()).await;
        }
        written
    }

    pub(crate) async fn set_resources(
        &self,
        id: CampaignId,
        resources: Resources,
    ) -> Result<Campaign, Failure> {
        let old = self.campaign(id, Failure::NotFound).await?;
        let Resources {
            outplan_id,
            outdial_id,
            queue_id,
            next_campaign_id,
        } = resources;
        let new = Campaign {
            outplan_id,
            outdial_id,
            queue_id,
            next_campaign_id,
            ..old.clone()
        };
        self.check_resources(&new).await?;
        let before = flow::actions(old.actions.as_deref(), old.queue_id);
        let after = flow::actions(old.actions.as_deref(), queue_id);
        self.flow
            .update_actions(old.flow_id, after.as_deref())
            .await?;
        if let Err(failure) = self.link_outdial(outdial_id, id).await {
            self.restore_flow(old.flow_id, before.as_deref()).await;
            return Err(failure);
        }
        let now = self.now().await?;
        let change =
            campaign::set_resources(id, outplan_id, outdial_id, queue_id, next_campaign_id, now);
        let other_list = old.outdial_id != outdial_id;
        let duties = if other_list {
            self.release_duty(now, id, old.outdial_id)
        } else {
            None
        };
        let written = self
            .write_update(now, change, new, duties.into_iter().collect())
            .await;
        if written.is_err() {
            self.restore_flow(old.flow_id, before.as_deref()).await;
            if other_list {
                self.discard_link(outdial_id, id).await;
            }
        }
        written
    }

    /// Deletes a stopped campaign. Deleting one again changes nothing.
    ///
    /// # Errors
    ///
    /// [`Failure::NotStopped`] of one that runs: the reference answers `200 null`.
    pub(crate) async fn delete(&self, id: CampaignId) -> Result<Campaign, Failure> {
        let old = self.campaign(id, Failure::BareNotFound).await?;
        if old.status != Status::Stop {
            return Err(Failure::NotStopped);
        }
        if old.tm_delete.is_some() {
            return Ok(old);
        }
        let now = self.now().await?;
        let new = Campaign {
            tm_update: Some(now),
            tm_delete: Some(now),
            ..old
        };
        let mut batch = Batch::new()
            .with(campaign::delete(id, now))
            .with(self.announce_campaign(now, "campaign_deleted", &new));
        batch.extend(self.release_duty(now, id, new.outdial_id));
        batch.extend(self.delete_flow_duty(now, &new));
        match self.ledger.apply(batch).await {
            Ok(()) => {
                tracing::info!(campaign_id = %id, "a campaign was deleted");
                Ok(new)
            }
            // It was started, or deleted, at the same time.
            Err(error) if error.is_conflict() => {
                let found = self.campaign(id, Failure::BareNotFound).await?;
                let deleted = found.tm_delete.is_some();
                deleted.then_some(found).ok_or(Failure::NotStopped)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn announce_campaign(
        &self,
        now: Timestamp,
        kind: &str,
        campaign: &Campaign,
    ) -> Statement {
        self.ledger.webhook_event(
            now,
            campaign.customer_id,
            kind,
            campaign,
            &campaign.webhook(),
        )
    }

    async fn write_update(
        &self,
        now: Timestamp,
        change: Statement,
        new: Campaign,
        duties: Vec<Statement>,
    ) -> Result<Campaign, Failure> {
        let new = Campaign {
            tm_update: Some(now),
            ..new
        };
        let mut batch =
            Batch::new()
                .with(change)
                .with(self.announce_campaign(now, "campaign_updated", &new));
        batch.extend(duties);
        match self.ledger.apply(batch).await {
            Ok(()) => {
                // A running campaign takes the new values at once.
                self.runners.wake(new.id);
                Ok(new)
            }
            Err(error) if error.is_conflict() => Err(Failure::BareNotFound(Missing::Campaign)),
            Err(error) => Err(error.into()),
        }
    }
}
