//! Flows: lists of actions that wait to be run (chapter 05 D.1).

use trunkline_domain::flow::validation::{self, Origin};
use trunkline_model::flow::{CreateRequest, Flow};
use trunkline_model::id::{ActionId, CustomerId, FlowId};
use trunkline_model::{Action, Timestamp};
use trunkline_store::{Batch, Statement, flow as flows};

use crate::error::Failure;
use crate::manager::FlowManager;

/// Everything that `PUT /v1/flows/<id>` replaces.
pub(crate) struct Update {
    pub(crate) name: String,
    pub(crate) detail: String,
    pub(crate) actions: Vec<Action>,
    pub(crate) on_complete_flow_id: FlowId,
}

impl FlowManager {
    /// The flow by its id, persisted or not, deleted or not.
    pub(crate) async fn flow(&self, id: FlowId) -> Result<Flow, Failure> {
        let now = self.ledger.now().await?;
        flows::get(self.db(), id, now).await?.ok_or(Failure::NoFlow)
    }

    /// Creates a flow: a row, or for a day only.
    pub(crate) async fn create_flow(&self, asked: CreateRequest) -> Result<Flow, Failure> {
        let actions = self.accepted(asked.actions.unwrap_or_default())?;
        let limit = self.config.flows_per_customer;
        if self.count_flows(asked.customer_id).await? >= limit {
            return Err(Failure::Limit {
                what: "flows",
                limit,
            });
        }
        let now = self.ledger.now().await?;
        let flow = Flow {
            id: FlowId::random(),
            customer_id: asked.customer_id,
            kind: asked.kind,
            name: asked.name,
            detail: asked.detail,
            persist: asked.persist,
            actions,
            on_complete_flow_id: asked.on_complete_flow_id,
            tm_create: Some(now),
            ..Flow::default()
        };
        let row = if flow.persist {
            flows::insert(&flow)
        } else {
            flows::insert_temporary(&flow, now.plus(flows::TEMPORARY_FOR))
        };
        self.write(row, "flow_created", flow, now).await
    }

    /// Replaces everything that can be changed.
    pub(crate) async fn update_flow(&self, id: FlowId, update: Update) -> Result<Flow, Failure> {
        let actions = self.accepted(update.actions)?;
        let (flow, now) = self.changeable(id).await?;
        let flow = Flow {
            name: update.name,
            detail: update.detail,
            actions,
            on_complete_flow_id: update.on_complete_flow_id,
            tm_update: Some(now),
            ..flow
        };
        self.write(flows::update(&flow, now), "flow_updated", flow, now)
            .await
    }

    /// Replaces the actions. Activeflows that run keep theirs.
    pub(crate) async fn update_flow_actions(
        &self,
        id: FlowId,
        actions: Vec<Action>,
    ) -> Result<Flow, Failure> {
        let actions = self.accepted(actions)?;
        let (flow, now) = self.changeable(id).await?;
        let flow = Flow {
            actions,
            tm_update: Some(now),
            ..flow
        };
        self.write(
            flows::set_actions(id, &flow.actions, now),
            "flow_updated",
            flow,
            now,
        )
        .await
    }

    /// Deletes a persisted flow; a deleted one stays as it is.
    pub(crate) async fn delete_flow(&self, id: FlowId) -> Result<Flow, Failure> {
        let outcome = match self.changeable(id).await {
            Ok((flow, now)) => {
                let flow = Flow {
                    tm_update: Some(now),
                    tm_delete: Some(now),
                    ..flow
                };
                self.write(flows::delete(id, now), "flow_deleted", flow, now)
                    .await
            }
            Err(failure) => Err(failure),
        };
        match outcome {
            Err(failure) if failure.is_conflict() || matches!(failure, Failure::NoFlow) => {
                let flow = self.flow(id).await?;
                if flow.persist {
                    Ok(flow)
                } else {
                    Err(Failure::NoFlow)
                }
            }
            outcome => outcome,
        }
    }

    /// How many persisted flows a customer has.
    pub(crate) async fn count_flows(&self, customer: CustomerId) -> Result<i64, Failure> {
        Ok(flows::count(self.db(), customer).await?)
    }

    /// The flow if it is a row that is not deleted, and the time of the change.
    async fn changeable(&self, id: FlowId) -> Result<(Flow, Timestamp), Failure> {
        let now = self.ledger.now().await?;
        let flow = flows::get(self.db(), id, now).await?;
        let flow = flow.filter(|flow| flow.persist && flow.tm_delete.is_none());
        flow.map(|flow| (flow, now)).ok_or(Failure::NoFlow)
    }

    async fn write(
        &self,
        row: Statement,
        event: &'static str,
        flow: Flow,
        now: Timestamp,
    ) -> Result<Flow, Failure> {
        let batch = Batch::new()
            .with(row)
            .with(self.ledger.event(now, event, &flow));
        self.ledger.apply(batch).await?;
        self.metrics.flow(event.trim_start_matches("flow_"));
        tracing::info!(flow_id = %flow.id, customer_id = %flow.customer_id, event, "a flow changed");
        Ok(flow)
    }

    fn accepted(&self, actions: Vec<Action>) -> Result<Vec<Action>, Failure> {
        let limit = self.config.actions_per_flow;
        if actions.len() > limit {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            return Err(Failure::Limit {
                what: "actions",
                limit,
            });
        }
        Ok(validation::accept(actions, Origin::Flow, ActionId::random)?)
    }
}
