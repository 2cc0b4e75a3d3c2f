//! What a campaign has in other services: its flow, and the link of its outdial
//! (chapter 05 A.6.2–A.6.5).

use trunkline_bus::Method;
use trunkline_delivery::Duty;
use trunkline_domain::campaign::flow;
use trunkline_model::campaign::Campaign;
use trunkline_model::flow::{CreateRequest, Type as FlowType};
use trunkline_model::id::{CampaignId, FlowId, OutdialId};
use trunkline_model::service::Service;
use trunkline_model::{Action, Timestamp};
use trunkline_store::{Statement, campaign};

use crate::error::Failure;
use crate::manager::CampaignManager;

impl CampaignManager {
    /// Gives an outdial back, unless the campaign uses it again, or somebody
    /// else does by now.
    pub(crate) async fn release_outdial(
        &self,
        id: CampaignId,
        outdial: OutdialId,
    ) -> Result<(), Failure> {
        let user = campaign::get(self.db(), id).await?;
        if user.is_some_and(|user| user.outdial_id == outdial && user.tm_delete.is_none()) {
            return Ok(());
        }
        if self.outdial.get(outdial).await?.campaign_id == id {
            self.outdial.set_campaign(outdial, CampaignId::NIL).await?;
        }
        Ok(())
    }

    pub(crate) async fn create_flow(&self, campaign: &Campaign) -> Result<FlowId, Failure> {
        let asked = CreateRequest {
            customer_id: campaign.customer_id,
            kind: FlowType::Campaign,
            actions: flow::actions(campaign.actions.as_deref(), campaign.queue_id),
            persist: true,
            ..CreateRequest::default()
        };
        Ok(self.flow.create(&asked).await?.id)
    }

    pub(crate) async fn link_outdial(
        &self,
        outdial: OutdialId,
        campaign: CampaignId,
    ) -> Result<(), Failure> {
        if !outdial.is_nil() {
            self.outdial.set_campaign(outdial, campaign).await?;
        }
        Ok(())
    }

    pub(crate) fn release_duty(
        &self,
        now: Timestamp,
        id: CampaignId,
        outdial: OutdialId,
    ) -> Option<Statement> {
        if outdial.is_nil() {
            return None;
        }
        let duty = Duty::new(
            format!("release:{id}:{outdial}"),
            id,
            now,
            Service::CAMPAIGN.request_queue(),
            Method::Post,
            format!("/v1/campaigns/{id}/release/{outdial}"),
        );
        Some(self.ledger.schedule(now, &duty))
    }

    pub(crate) fn delete_flow_duty(
        &self,
        now: Timestamp,
        campaign: &Campaign,
    ) -> Option<Statement> {
        if campaign.flow_id.is_nil() {
            return None;
        }
        let duty = Duty::new(
            format!("delete-flow:{}", campaign.id),
            campaign.id,
            now,
            Service::FLOW.request_queue(),
            Method::Delete,
            format!("/v1/flows/{}", campaign.flow_id),
        );
        Some(self.ledger.schedule(now, &duty))
    }

    pub(crate) async fn discard_flow(&self, id: FlowId) {
        if let Err(error) = self.flow.delete(id).await {
            tracing::warn!(flow_id = %id, %error, "the flow of a campaign that was not created stays");
        }
    }

    pub(crate) async fn restore_flow(&self, id: FlowId, actions: Option<&[Action]>) {
        if let Err(error) = self.flow.update_actions(id, actions).await {
            tracing::warn!(flow_id = %id, %error, "a flow and its campaign differ: the flow has the newer actions");
        }
    }

    pub(crate) async fn discard_link(&self, outdial: OutdialId, id: CampaignId) {
        if outdial.is_nil() {
            return;
        }
        if let Err(error) = self.release_outdial(id, outdial).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(outdial_id = %outdial, campaign_id = %id, error, "an outdial stays linked to a campaign that does not use it");
        }
    }
}
