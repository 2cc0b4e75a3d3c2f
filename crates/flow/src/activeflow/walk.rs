//! The next action (chapter 05 D.5.2).
//!
//! The whole walk is one batch: the row, the variables, an event for each move,
//! the duties to send webhooks, the end and what follows it. A `fetch` ends the
//! batch; its answer begins another ([`super::fetch`]). See `trunkline_domain::flow` for the walk itself.

use trunkline_domain::flow::action::fetch;
use trunkline_domain::flow::machine::Note;
use trunkline_domain::flow::repeat::{self, Verdict};
use trunkline_domain::flow::variables::Variables;
use trunkline_domain::flow::{self as rules, Machine, Pause, Want};
use trunkline_model::action::Kind;
use trunkline_model::activeflow::{Activeflow, Status};
use trunkline_model::id::{ActionId, ActiveflowId, CallId, FlowId, StackId};
use trunkline_model::variable::Variable;
use trunkline_model::{Action, Timestamp};
use trunkline_store::{Batch, activeflow as activeflows, flow as flows, variable as rows};

use uuid::Uuid;

use crate::activeflow::end::Then;
use crate::activeflow::sending;
use crate::error::Failure;
use crate::manager::FlowManager;
use crate::variable::Read;

/// Where a walk has led.
#[derive(Debug)]
pub(crate) enum Led {
    /// To this answer.
    To(Action),
    /// To a server that has to be asked.
    ToServer,
}

impl FlowManager {
    /// Runs an activeflow whose reference does not ask for actions itself. One
    /// that runs already is left alone: the request is a duty of somebody, and
    /// duties may come twice.
    pub(crate) async fn execute(&self, id: ActiveflowId) -> Result<(), Failure> {
        let activeflow = self.activeflow(id).await?;
        let current = activeflow.current_action.id;
        let begins = current == ActionId::START || fetch::is_pending(&activeflow);
        if !begins || activeflow.status == Status::Ended {
            tracing::debug!(activeflow_id = %id, "an activeflow is executed already");
            return Ok(());
        }
        match self.next(id, current).await {
            Err(failure) if failure.is_passing() => Err(failure),
            // The reference answers before it executes, so a failure is not told.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The action after `asked`.
    pub(crate) async fn next(&self, id: ActiveflowId, asked: ActionId) -> Result<Action, Failure> {
        let led = self
            .decided(|| async {
                let from = self.activeflow(id).await?;
                self.judged(from, asked).await
            })
            .await?;
        self.arrived(id, led).await
    }

    /// Asks servers until there is an action for the caller. A walk is bounded,
    /// so this is.
    async fn arrived(&self, id: ActiveflowId, mut led: Led) -> Result<Action, Failure> {
        loop {
            match led {
                Led::To(action) => return Ok(action),
                Led::ToServer => led = self.fetched(id).await?,
            }
        }
    }

    /// Goes on behind a `block`.
    pub(crate) async fn continue_from(
        &self,
        id: ActiveflowId,
        asked: ActionId,
    ) -> Result<Action, Failure> {
        let led = self
            .decided(|| async {
                let from = self.activeflow(id).await?;
                if from.current_action.kind != Kind::Block && !fetch::is_pending(&from) {
                    return Err(rules::Failure::NotBlocked.into());
                }
                self.judged(from, asked).await
            })
            .await?;
        self.arrived(id, led).await
    }

    async fn judged(&self, from: Activeflow, asked: ActionId) -> Result<Led, Failure> {
        let now = self.ledger.now().await?;
        match repeat::judge(&from, asked, &self.config.limits, now) {
            Verdict::Walk => self.walk_with(from, None).await,
            Verdict::Fetch => Ok(Led::ToServer),
            Verdict::Again(action) => {
                tracing::debug!(activeflow_id = %from.id, action_id = %action.id, "an action is answered again");
                Ok(Led::To(action))
            }
            Verdict::Refuse(failure) => self.refused(from, failure, now).await,
        }
    }

    /// A caller that is somewhere else than the activeflow ends it, as the
    /// reference does: whichever is right, the call cannot go on.
    async fn refused(
        &self,
        from: Activeflow,
        failure: rules::Failure,
        now: Timestamp,
    ) -> Result<Led, Failure> {
        let now = activeflows::next_version(&from, now);
        if let Some(ended) = rules::completion::end(&from, now) {
            tracing::warn!(activeflow_id = %from.id, error = %failure, "an activeflow is ended by a wrong request");
            self.write_end(&from, ended, Then::Sequel, now).await?;
        }
        Err(failure.into())
    }

    /// Walks, from a `fetch` with what its server has answered, and writes it.
    pub(super) async fn walk_with(
        &self,
        from: Activeflow,
        fetched: Option<Result<Vec<Action>, rules::Failure>>,
    ) -> Result<Led, Failure> {
        let now = activeflows::next_version(&from, self.ledger.now().await?);
        let read = self.read_variables(from.id).await?;
        let variables = read
            .as_ref()
            .map(|read| read.variables.clone())
            .unwrap_or_default();
        let mut machine = Machine::new(from.clone(), variables, self.config.limits.clone(), now);
        let answer = self.led(&mut machine, fetched).await?;
        self.write_walk(&from, &machine, read.as_ref(), now).await?;
        self.note_walk(&from, &machine, answer.as_ref().ok());
        Ok(answer?)
    }

    /// Walks until nothing is to be read any more. The inner error is one that has
    /// ended the activeflow.
    async fn led(
        &self,
        machine: &mut Machine,
        fetched: Option<Result<Vec<Action>, rules::Failure>>,
    ) -> Result<Result<Led, rules::Failure>, Failure> {
        let taken = match fetched {
            None => Ok(()),
            Some(Ok(actions)) => machine.supply_actions(StackId::random(), actions),
            Some(Err(failure)) => Err(failure),
        };
        if let Err(failure) = taken {
            machine.fail(failure.clone());
            return Ok(Err(failure));
        }
        loop {
            let want = match machine.walk() {
                Pause::Wants(want) => want,
                Pause::HandOver(action) => return Ok(Ok(Led::To(action))),
                Pause::Blocked => return Ok(Ok(Led::To(Action::default()))),
                Pause::Fetches => return Ok(Ok(Led::ToServer)),
                Pause::Finished => return Ok(Ok(Led::To(Action::reserved(ActionId::FINISH)))),
                Pause::Failed(failure) => return Ok(Err(failure)),
            };
            if let Err(failure) = self.supply(machine, want).await? {
                machine.fail(failure.clone());
                return Ok(Err(failure));
            }
        }
    }

    /// Reads what a walk wants. The inner error is one that ends the activeflow.
    async fn supply(
        &self,
        machine: &mut Machine,
        want: Want,
    ) -> Result<Result<(), rules::Failure>, Failure> {
        match want {
            Want::ReferenceData => {
                let data = self.reference_data(machine.activeflow()).await;
                machine.supply_reference_data(data);
                Ok(Ok(()))
            }
            Want::CallStatus => {
                let status = self.call_status(machine.activeflow()).await?;
                Ok(status.map(|status| machine.supply_call_status(status)))
            }
            Want::Actions(flow) => {
                let actions = self.actions_of(flow, machine.activeflow()).await?;
                Ok(actions.and_then(|actions| machine.supply_actions(StackId::random(), actions)))
            }
        }
    }

    async fn call_status(
        &self,
        activeflow: &Activeflow,
    ) -> Result<Result<String, rules::Failure>, Failure> {
        let call = CallId(Uuid::from(activeflow.reference_id));
        match self.call.get(call).await {
            Ok(call) => Ok(Ok(call.status.as_str().to_owned())),
            Err(error) if error.is_unavailable() => {
                tracing::warn!(activeflow_id = %activeflow.id, call_id = %call, %error, "a call's status cannot be had now");
                Err(Failure::Busy)
            }
            Err(_) => Ok(Err(rules::Failure::NoCall)),
        }
    }

    async fn actions_of(
        &self,
        flow: FlowId,
        activeflow: &Activeflow,
    ) -> Result<Result<Vec<Action>, rules::Failure>, Failure> {
        let now = self.ledger.now().await?;
        Ok(match flows::get(self.db(), flow, now).await? {
            None => Err(rules::Failure::NoSuchFlow),
            Some(flow) if flow.customer_id != activeflow.customer_id => {
                Err(rules::Failure::ForeignFlow)
            }
            Some(flow) => Ok(flow.actions),
        })
    }

    async fn write_walk(
        &self,
        from: &Activeflow,
        machine: &Machine,
        read: Option<&Read>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let after = machine.activeflow();
        let mut batch = Batch::new().with(activeflows::save(after, from));
        batch.extend(
            machine
                .changed_variables()
                .map(|changed| self.save_variables(after.id, changed, read, now)),
        );
        batch.extend(
            machine
                .moves()
                .iter()
                .map(|moved| self.activeflow_event(now, "activeflow_updated", moved)),
        );
        let sendings = machine.sendings().iter();
        let duties = sendings.map(|sending| sending::duty(after, sending, now));
        batch.extend(duties.map(|duty| self.ledger.schedule(now, &duty)));
        let mut following = None;
        if after.status == Status::Ended {
            batch.push(activeflows::set_ended(after.id, now));
            let ours = self
                .following(after, read.map(|_| machine.variables()), now)
                .await?;
            batch.extend(ours.statements.iter().cloned());
            following = Some(ours);
        }
        self.ledger.apply(batch).await?;
        if let Some(following) = following {
            self.note_end(after, Some(following));
        }
        Ok(())
    }

    /// The changed variables; a map that was lost is begun anew.
    fn save_variables(
        &self,
        id: ActiveflowId,
        changed: &Variables,
        read: Option<&Read>,
        now: Timestamp,
    ) -> trunkline_store::Statement {
        read.and_then(|read| read.save(id, changed, now))
            .unwrap_or_else(|| {
                let variable = Variable {
                    id,
                    variables: changed.clone(),
                };
                rows::set(self.db().dialect(), &variable, now)
            })
    }

    fn note_walk(&self, from: &Activeflow, machine: &Machine, answer: Option<&Led>) {
        let after = machine.activeflow();
        self.metrics
            .iterations(after, after.execute_count - from.execute_count);
        if after.status != Status::Ended
            && let Some(Led::To(action)) = answer
            && !action.id.is_nil()
        {
            self.metrics.handed_over(&action.kind);
        }
        for note in machine.notes() {
            self.note(after.id, note);
        }
        tracing::debug!(
            activeflow_id = %after.id,
            from = %from.current_action.id,
            to = %after.current_action.id,
            kind = after.current_action.kind.as_str(),
            status = after.status.as_str(),
            "an activeflow moved"
        );
    }

    fn note(&self, id: ActiveflowId, note: &Note) {
        match note {
            Note::Executed(kind) => self.metrics.executed(kind),
            Note::Skipped(kind) => {
                tracing::debug!(activeflow_id = %id, kind = kind.as_str(), "an action is skipped: other media, or unknown");
            }
            Note::NotBuilt(kind) => {
                tracing::warn!(activeflow_id = %id, "action type {kind} is not built yet; the action is skipped");
                self.metrics.failed(kind);
            }
            Note::Soft(kind, failure) => {
                tracing::warn!(activeflow_id = %id, kind = kind.as_str(), error = %failure, "an action failed; the flow goes on");
                self.metrics.failed(kind);
            }
            Note::Hard(kind, failure) => {
                tracing::warn!(activeflow_id = %id, kind = kind.as_str(), error = %failure, "an activeflow cannot go on");
                self.metrics.failed(kind);
            }
        }
    }
}
