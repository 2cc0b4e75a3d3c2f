//! Changes of where an activeflow goes next (chapter 05 D.5.3–D.5.4). None of
//! them moves it, so none has an event.

use serde::Serialize;
use trunkline_bus::Method;
use trunkline_delivery::Duty;
use trunkline_domain::flow as rules;
use trunkline_domain::flow::stacks;
use trunkline_domain::flow::validation::{self, Origin};
use trunkline_model::Action;
use trunkline_model::Timestamp;
use trunkline_model::activeflow::{Activeflow, ReferenceType, Status};
use trunkline_model::id::{ActionId, ActiveflowId, StackId};
use trunkline_model::service::Service;
use trunkline_store::{Batch, activeflow as activeflows};

use crate::error::Failure;
use crate::manager::FlowManager;

impl FlowManager {
    /// Lets an action run next, and with `at_once` tells the call to drop what
    /// it is doing.
    pub(crate) async fn forward(
        &self,
        id: ActiveflowId,
        to: ActionId,
        at_once: bool,
    ) -> Result<(), Failure> {
        let limits = &self.config.limits;
        let duty =
            |activeflow: &Activeflow, now| at_once.then(|| interruption(activeflow, now)).flatten();
        let changed = self
            .changed(
                id,
                |activeflow| Ok(stacks::forward(activeflow, to, limits)?),
                duty,
            )
            .await?;
        if at_once && changed.reference_type != ReferenceType::Call {
            tracing::info!(activeflow_id = %id, "only a call can be told to go on at once");
        }
        Ok(())
    }

    /// Puts actions on top: they run next.
    pub(crate) async fn push_actions(
        &self,
        id: ActiveflowId,
        actions: Vec<Action>,
    ) -> Result<Activeflow, Failure> {
        let actions = validation::accept(actions, Origin::Service, ActionId::random)?;
        let limits = &self.config.limits;
        let push = |activeflow: &mut Activeflow| {
            Ok(stacks::push(
                activeflow,
                StackId::random(),
                actions.clone(),
                limits,
            )?)
        };
        self.changed(id, push, |_, _| None).await
    }

    /// Inserts actions behind the current one.
    pub(crate) async fn add_actions(
        &self,
        id: ActiveflowId,
        actions: Vec<Action>,
    ) -> Result<Activeflow, Failure> {
        let actions = validation::accept(actions, Origin::Service, ActionId::random)?;
        let limits = &self.config.limits;
        let add =
            |activeflow: &mut Activeflow| Ok(stacks::add(activeflow, actions.clone(), limits)?);
        self.changed(id, add, |_, _| None).await
    }

    /// Leaves the stack of a service.
    pub(crate) async fn stop_service(
        &self,
        id: ActiveflowId,
        service: StackId,
    ) -> Result<(), Failure> {
        let limits = &self.config.limits;
        let pop = |activeflow: &mut Activeflow| Ok(stacks::pop(activeflow, service, limits)?);
        self.changed(id, pop, |_, _| None).await.map(drop)
    }

    async fn changed(
        &self,
        id: ActiveflowId,
        change: impl Fn(&mut Activeflow) -> Result<(), Failure>,
        duty: impl Fn(&Activeflow, Timestamp) -> Option<Duty>,
    ) -> Result<Activeflow, Failure> {
        self.decided(|| async {
            let from = self.activeflow(id).await?;
            if from.status == Status::Ended {
                return Err(rules::Failure::Ended.into());
            }
            let now = activeflows::next_version(&from, self.ledger.now().await?);
            let mut after = Activeflow {
                tm_update: Some(now),
                ..from.clone()
            };
            change(&mut after)?;
            let mut batch = Batch::new().with(activeflows::save(&after, &from));
            batch.extend(duty(&after, now).map(|duty| self.ledger.schedule(now, &duty)));
            self.ledger.apply(batch).await?;
            Ok(after)
        })
        .await
    }
}

/// The duty to tell a call to go on with its next action at once.
fn interruption(activeflow: &Activeflow, now: Timestamp) -> Option<Duty> {
    #[derive(Serialize)]
    struct Body {
        force: bool,
    }
    if activeflow.reference_type != ReferenceType::Call {
        return None;
    }
    let (id, call) = (activeflow.id, activeflow.reference_id);
    let uri = format!("/v1/calls/{call}/action-next");
    let duty = Duty::new(
        format!("forward:{id}"),
        id,
        now,
        Service::CALL.request_queue(),
        Method::Post,
        uri,
    );
    Some(duty.json(&Body { force: true }))
}
