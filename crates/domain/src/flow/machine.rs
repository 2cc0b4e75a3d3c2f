//! The walk: from action to action until somebody else has to do something
//! (chapter 05 D.5.2). See the module above for the picture.

use trunkline_model::activeflow::{Activeflow, Status};
use trunkline_model::id::{ActionId, FlowId, StackId};
use trunkline_model::{Action, Timestamp, action::Kind};

use super::action::webhook_send::Sending;
use super::action::{self, Executor, Turn};
use super::failure::Failure;
use super::limits::Limits;
use super::stacks;
use super::substitution::{Substitution, wants_reference_data};
use super::variables::{self, Variables};

/// Why a walk stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pause {
    /// The action that call-manager executes now.
    HandOver(Action),
    /// The activeflow waits until it is told to continue.
    Blocked,
    /// The activeflow stands at a `fetch`. Write the walk, ask the server, and
    /// let a new machine [`Machine::supply_actions`].
    Fetches,
    /// A fact is missing. Supply it and walk on; nothing has happened meanwhile.
    Wants(Want),
    /// There is no further action: the activeflow ends.
    Finished,
    /// It cannot go on: the activeflow ends.
    Failed(Failure),
}

/// A fact that the shell reads for a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// A flow's actions: [`Machine::supply_actions`].
    Actions(FlowId),
    /// The webhook JSON of what the activeflow refers to:
    /// [`Machine::supply_reference_data`].
    ReferenceData,
    /// The status of the call: [`Machine::supply_call_status`].
    CallStatus,
}

/// Something about a walk that is worth a line in the log or a count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// An action was executed here.
    Executed(Kind),
    /// Its media is not what the activeflow has, or its type is unknown.
    Skipped(Kind),
    /// Its type belongs here and is not built yet; skipped.
    NotBuilt(Kind),
    /// It failed, and its type lets the flow go on.
    Soft(Kind, Failure),
    /// It failed, and that ends the activeflow.
    Hard(Kind, Failure),
}

/// One activeflow with its variables, walking.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(super) activeflow: Activeflow,
    pub(super) variables: Variables,
    pub(super) variables_changed: bool,
    pub(super) limits: Limits,
    pub(super) now: Timestamp,
    pub(super) reference_data: Option<String>,
    pub(super) call_status: Option<String>,
    pub(super) sendings: Vec<Sending>,
    /// The current action has run; the next step is a move.
    done: bool,
    moves: Vec<Activeflow>,
    notes: Vec<Note>,
}

impl Machine {
    /// A machine whose current action is done.
    #[must_use]
    pub fn new(
        activeflow: Activeflow,
        variables: Variables,
        limits: Limits,
        now: Timestamp,
    ) -> Self {
        Self {
            activeflow,
            variables,
            variables_changed: false,
            limits,
            now,
            reference_data: None,
            call_status: None,
            sendings: Vec::new(),
            done: true,
            moves: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Walks on until there is a reason to pause. A failure has ended the
    /// activeflow when this returns.
    pub fn walk(&mut self) -> Pause {
        loop {
            match self.step() {
                Ok(None) => {}
                Ok(Some(Pause::Finished)) => {
                    self.end();
                    return Pause::Finished;
                }
                Ok(Some(pause)) => return pause,
                Err(failure) => return self.fail(failure),
            }
        }
    }

    /// Gives up: ends the activeflow because a fact could not be supplied.
    pub fn fail(&mut self, failure: Failure) -> Pause {
        self.notes.push(Note::Hard(
            self.activeflow.current_action.kind.clone(),
            failure.clone(),
        ));
        self.end();
        Pause::Failed(failure)
    }

    /// Answers [`Want::Actions`] and [`Pause::Fetches`]: they run next, as the stack `id`.
    ///
    /// # Errors
    ///
    /// When they do not fit; give up with [`Machine::fail`] then.
    pub fn supply_actions(&mut self, id: StackId, actions: Vec<Action>) -> Result<(), Failure> {
        stacks::push(&mut self.activeflow, id, actions, &self.limits)
    }

    /// Answers [`Want::ReferenceData`].
    pub fn supply_reference_data(&mut self, json: String) {
        self.reference_data = Some(json);
    }

    /// Answers [`Want::CallStatus`]: the current action runs again.
    pub fn supply_call_status(&mut self, status: String) {
        self.call_status = Some(status);
        self.done = false;
    }

    /// What is to be sent to servers, once the walk is written.
    #[must_use]
    pub fn sendings(&self) -> &[Sending] {
        &self.sendings
    }

    /// What the walk has made of the activeflow.
    #[must_use]
    pub fn activeflow(&self) -> &Activeflow {
        &self.activeflow
    }

    /// What the walk has made of the variables; `None` when it left them alone.
    #[must_use]
    pub fn changed_variables(&self) -> Option<&Variables> {
        self.variables_changed.then_some(&self.variables)
    }

    /// All variables.
    #[must_use]
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// The activeflow after each move and after the end, in order: one event each.
    #[must_use]
    pub fn moves(&self) -> &[Activeflow] {
        &self.moves
    }

    /// What happened on the way.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// One half of a round: move to the next action, or execute the current one.
    fn step(&mut self) -> Result<Option<Pause>, Failure> {
        if self.done {
            self.advance()
        } else {
            self.execute()
        }
    }

    fn advance(&mut self) -> Result<Option<Pause>, Failure> {
        if self.activeflow.execute_count > self.limits.executed_actions {
            return Err(Failure::TooManyExecuted(self.limits.executed_actions));
        }
        let (stack, template) = self.target()?;
        let wanted = template.option.as_ref().is_some_and(wants_reference_data);
        if wanted && self.reference_data.is_none() {
            return Ok(Some(Pause::Wants(Want::ReferenceData)));
        }
        let action = self.filled_in(template)?;
        let finished = action.id == ActionId::FINISH;
        self.move_to(stack, action);
        self.done = false;
        Ok(finished.then_some(Pause::Finished))
    }

    /// Where the activeflow goes: the forward if one waits, else what follows.
    fn target(&self) -> Result<(StackId, Action), Failure> {
        let flow = &self.activeflow;
        let limit = self.limits.stacks;
        let finish = || (flow.current_stack_id, Action::reserved(ActionId::FINISH));
        let forward = flow.forward_action_id;
        if forward == ActionId::FINISH {
            return Ok(finish());
        }
        if !forward.is_nil() && !flow.forward_stack_id.is_nil() {
            let found = stacks::find(&flow.stack_map, flow.forward_stack_id, forward, limit);
            let (stack, action) = found.ok_or(Failure::NoSuchAction(forward))?;
            return Ok((stack, action.clone()));
        }
        let next = stacks::next_of(
            &flow.stack_map,
            flow.current_stack_id,
            flow.current_action.id,
            limit,
        );
        Ok(next.map_or_else(finish, |(stack, action)| (stack, action.clone())))
    }

    /// The stack keeps the template, so that a loop fills it in anew.
    fn filled_in(&self, mut action: Action) -> Result<Action, Failure> {
        let data = self.reference_data.as_deref().unwrap_or_default();
        if let Some(option) = &action.option {
            let mut values = Substitution::new(&self.variables, data, self.limits.variables_bytes);
            action.option = Some(values.option(option)?);
        }
        Ok(action)
    }

    fn move_to(&mut self, stack: StackId, action: Action) {
        let flow = &mut self.activeflow;
        let left = std::mem::replace(&mut flow.current_action, action);
        // Options stay out of the history: it is written and published with
        // every move, and an option may hold a whole SSML document.
        flow.executed_actions.push(Action {
            option: None,
            ..left
        });
        flow.current_stack_id = stack;
        flow.forward_stack_id = StackId::NIL;
        flow.forward_action_id = ActionId::NIL;
        flow.execute_count += 1;
        flow.tm_update = Some(self.now);
        stacks::prune(flow, &self.limits);
        self.moves.push(flow.clone());
    }

    fn execute(&mut self) -> Result<Option<Pause>, Failure> {
        let action = self.activeflow.current_action.clone();
        self.done = true;
        let Some(executor) = action::executor(&action.kind, &self.activeflow.reference_type) else {
            self.notes.push(Note::Skipped(action.kind));
            return Ok(None);
        };
        match executor {
            Executor::CallManager => {
                self.done = false;
                Ok(Some(Pause::HandOver(action)))
            }
            Executor::NotBuilt => {
                self.notes.push(Note::NotBuilt(action.kind));
                Ok(None)
            }
            Executor::FlowManager => self.turn(&action),
        }
    }

    fn turn(&mut self, action: &Action) -> Result<Option<Pause>, Failure> {
        let turn = match action::run(self, action) {
            Ok(turn) => turn,
            Err(failure) if action::is_soft(&action.kind) => {
                self.notes.push(Note::Soft(action.kind.clone(), failure));
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        if turn == Turn::CallStatus {
            return Ok(Some(Pause::Wants(Want::CallStatus)));
        }
        self.notes.push(Note::Executed(action.kind.clone()));
        match turn {
            Turn::Next => {}
            Turn::To(target) => stacks::forward(&mut self.activeflow, target, &self.limits)?,
            Turn::Finish => self.activeflow.forward_action_id = ActionId::FINISH,
            Turn::Wait => return Ok(Some(Pause::Blocked)),
            Turn::Ask => return Ok(Some(Pause::Fetches)),
            Turn::CallStatus => {}
            Turn::Fetch(flow) => return Ok(Some(Pause::Wants(Want::Actions(flow)))),
        }
        Ok(None)
    }

    /// The last move: the activeflow stays at its action and has ended.
    fn end(&mut self) {
        self.activeflow.status = Status::Ended;
        self.activeflow.tm_update = Some(self.now);
        self.moves.push(self.activeflow.clone());
    }

    /// Sets one variable, filling the old ones in.
    pub(super) fn set_variable(&mut self, key: &str, value: &str) -> Result<(), Failure> {
        let new = Variables::from([(key.to_owned(), value.to_owned())]);
        let data = self.reference_data.as_deref().unwrap_or_default();
        variables::set(&mut self.variables, &new, data, &self.limits)?;
        self.variables_changed = true;
        Ok(())
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
