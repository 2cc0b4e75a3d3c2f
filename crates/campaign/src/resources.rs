//! Whether the resources that a campaign names may be used by it (chapter 05
//! A.6.1).

use trunkline_model::campaign::Campaign;
use trunkline_store::{campaign, outplan};

use crate::error::Failure;
use crate::manager::CampaignManager;

impl CampaignManager {
    /// Checks outplan, outdial, queue and next campaign, in this order. A nil id
    /// is valid.
    pub(crate) async fn check_resources(&self, asked: &Campaign) -> Result<(), Failure> {
        self.check_outplan(asked).await?;
        self.check_outdial(asked).await?;
        self.check_queue(asked).await?;
        self.check_next(asked).await
    }

    async fn check_outplan(&self, asked: &Campaign) -> Result<(), Failure> {
        if asked.outplan_id.is_nil() {
            return Ok(());
        }
        let found = outplan::get(self.db(), asked.outplan_id).await?;
        let usable = found
            .is_some_and(|plan| plan.customer_id == asked.customer_id && plan.tm_delete.is_none());
        usable
            .then_some(())
            .ok_or(Failure::Refused("the outplan cannot be used"))
    }

    async fn check_outdial(&self, asked: &Campaign) -> Result<(), Failure> {
        if asked.outdial_id.is_nil() {
            return Ok(());
        }
        let list = self.outdial.get(asked.outdial_id).await?;
        let free = list.campaign_id.is_nil() || list.campaign_id == asked.id;
        let usable = list.customer_id == asked.customer_id && free && list.tm_delete.is_none();
        usable
            .then_some(())
            .ok_or(Failure::Refused("the outdial cannot be used"))
    }

    async fn check_queue(&self, asked: &Campaign) -> Result<(), Failure> {
        if asked.queue_id.is_nil() {
            return Ok(());
        }
        let queue = self.queue.get(asked.queue_id).await?;
        let usable = queue.customer_id == asked.customer_id && queue.tm_delete.is_none();
        usable
            .then_some(())
            .ok_or(Failure::Refused("the queue cannot be used"))
    }

    async fn check_next(&self, asked: &Campaign) -> Result<(), Failure> {
        if asked.next_campaign_id.is_nil() || asked.next_campaign_id == asked.id {
            return Ok(());
        }
        let found = campaign::get(self.db(), asked.next_campaign_id).await?;
        let usable = found
            .is_some_and(|next| next.customer_id == asked.customer_id && next.tm_delete.is_none());
        usable
            .then_some(())
            .ok_or(Failure::Refused("the next campaign cannot be used"))
    }
}
