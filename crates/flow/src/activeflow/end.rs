//! The end of an activeflow, and what follows it (chapter 05 D.5.5).
//!
//! An end and the activeflow that it starts are one batch, with the duty to
//! execute the new one: neither happens without the other.

use trunkline_bus::Method;
use trunkline_delivery::Duty;
use trunkline_domain::flow::completion::{self, Sequel};
use trunkline_domain::flow::creation;
use trunkline_domain::flow::variables::{Injection, Variables};
use trunkline_model::Timestamp;
use trunkline_model::activeflow::{Activeflow, CreateRequest};
use trunkline_model::id::ActiveflowId;
use trunkline_model::service::Service;
use trunkline_store::{Batch, Statement, activeflow as activeflows, flow as flows};

use crate::error::Failure;
use crate::manager::FlowManager;

/// What an end leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// To the flow that follows, if there is one.
    Sequel,
    /// To nothing: its customer is gone.
    Nothing,
}

/// What is written with an end, and told when it is.
pub(super) struct Following {
    pub(super) statements: Vec<Statement>,
    begun: Option<(Activeflow, Injection)>,
}

impl FlowManager {
    /// Ends an activeflow; one that has ended stays as it is.
    pub(crate) async fn stop(&self, id: ActiveflowId, then: Then) -> Result<Activeflow, Failure> {
        self.decided(|| async {
            let from = self.activeflow(id).await?;
            let now = activeflows::next_version(&from, self.ledger.now().await?);
            match completion::end(&from, now) {
                Some(ended) => self.write_end(&from, ended, then, now).await,
                None => Ok(from),
            }
        })
        .await
    }

    /// Deletes an activeflow, which ends it first.
    pub(crate) async fn delete_activeflow(
        &self,
        id: ActiveflowId,
        then: Then,
    ) -> Result<Activeflow, Failure> {
        let ended = self.stop(id, then).await?;
        if ended.tm_delete.is_some() {
            return Ok(ended);
        }
        let now = activeflows::next_version(&ended, self.ledger.now().await?);
        let deleted = Activeflow {
            tm_update: Some(now),
            tm_delete: Some(now),
            ..ended
        };
        let batch = Batch::new()
            .with(activeflows::delete(id, now))
            .with(self.activeflow_event(now, "activeflow_deleted", &deleted));
        match self.ledger.apply(batch).await {
            Ok(()) => Ok(deleted),
            Err(error) if error.is_conflict() => self.activeflow(id).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Writes an end that was decided on the row `from`.
    pub(super) async fn write_end(
        &self,
        from: &Activeflow,
        ended: Activeflow,
        then: Then,
        now: Timestamp,
    ) -> Result<Activeflow, Failure> {
        let mut batch = Batch::new()
            .with(activeflows::save(&ended, from))
            .with(activeflows::set_ended(ended.id, now))
            .with(self.activeflow_event(now, "activeflow_updated", &ended));
        let following = match then {
            // Nobody but what follows reads the variables.
            Then::Sequel if ended.on_complete_flow_id.is_nil() => None,
            Then::Sequel => {
                let variables = self.inherited(ended.id).await?;
                Some(self.following(&ended, variables.as_ref(), now).await?)
            }
            Then::Nothing => None,
        };
        if let Some(following) = &following {
            batch.extend(following.statements.iter().cloned());
        }
        self.ledger.apply(batch).await?;
        self.note_end(&ended, following);
        Ok(ended)
    }

    /// What has to be written together with the end of `ended`.
    pub(super) async fn following(
        &self,
        ended: &Activeflow,
        variables: Option<&Variables>,
        now: Timestamp,
    ) -> Result<Following, Failure> {
        let nothing = Following {
            statements: Vec::new(),
            begun: None,
        };
        let id = ActiveflowId::random();
        let asked = match completion::sequel(ended, variables, id, &self.config.limits) {
            Sequel::Nothing => return Ok(nothing),
            Sequel::LimitReached => {
                let limit = self.config.limits.completions;
                tracing::warn!(activeflow_id = %ended.id, limit, "a chain of flows ends: it is as long as it may be");
                return Ok(nothing);
            }
            Sequel::Start(asked) => *asked,
        };
        let Some(activeflow) = self.sequel_of(&asked, now).await? else {
            tracing::warn!(activeflow_id = %ended.id, flow_id = %asked.flow_id, "the flow that follows is not there");
            return Ok(nothing);
        };
        let (variables, outcome) = self.initial(&activeflow, variables, &Variables::new());
        let mut statements = self.birth(&activeflow, variables, now);
        statements.push(self.ledger.schedule(now, &execution(activeflow.id, now)));
        Ok(Following {
            statements,
            begun: Some((activeflow, outcome)),
        })
    }

    pub(super) fn note_end(&self, ended: &Activeflow, following: Option<Following>) {
        self.metrics.ended(ended);
        tracing::info!(
            activeflow_id = %ended.id,
            action_id = %ended.current_action.id,
            executed = ended.execute_count,
            "an activeflow has ended"
        );
        if let Some((activeflow, outcome)) = following.and_then(|following| following.begun) {
            self.note_birth(&activeflow, outcome);
        }
    }

    async fn sequel_of(
        &self,
        asked: &CreateRequest,
        now: Timestamp,
    ) -> Result<Option<Activeflow>, Failure> {
        let Some(flow) = flows::get(self.db(), asked.flow_id, now).await? else {
            return Ok(None);
        };
        Ok(creation::create(asked, Some(&flow), asked.id, now).ok())
    }
}

/// The duty to execute an activeflow, now.
fn execution(id: ActiveflowId, now: Timestamp) -> Duty {
    let uri = format!("/v1/activeflows/{id}/execute");
    Duty::new(
        format!("execute:{id}"),
        id,
        now,
        Service::FLOW.request_queue(),
        Method::Post,
        uri,
    )
}
