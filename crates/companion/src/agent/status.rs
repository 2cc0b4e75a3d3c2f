//! Changing whether an agent can take a call, and announcing it.

use trunkline_bus::Refusal;
use trunkline_model::Timestamp;
use trunkline_model::agent::{Agent, Status};
use trunkline_model::id::AgentId;
use trunkline_store::{Batch, Error, Statement, agent};

use crate::role::State;
use crate::rows::read;

impl State {
    /// Decides a status from the agent's row and writes it, again when another
    /// writer was first. None: there is no such agent.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub(super) async fn move_status(
        &self,
        id: AgentId,
        decide: impl Fn(&Agent) -> Option<Status>,
    ) -> Result<Option<Agent>, Error> {
        let mut outcome = Ok(());
        for _ in 0..=self.config.conflict_retries {
            let Some(mut agent) = agent::get(self.db(), id).await? else {
                return Ok(None);
            };
            let Some(status) = decide(&agent).filter(|_| agent.tm_delete.is_none()) else {
                return Ok(Some(agent));
            };
            let now = self.ledger.now().await?;
            let change = agent::change_status(id, &agent.status, &status, now);
            agent.status = status;
            agent.tm_update = Some(now);
            outcome = self
                .ledger
                .apply(self.announced(&agent, now, "agent_status_updated", vec![change]))
                .await;
            match &outcome {
                Ok(()) => {
                    tracing::info!(agent_id = %id, status = %agent.status, "an agent's status changed");
                    return Ok(Some(agent));
                }
                Err(error) if error.is_conflict() => {}
                Err(_) => break,
            }
        }
        outcome.map(|()| None)
    }

    /// A change with its webhook event.
    pub(super) fn announced(
        &self,
        agent: &Agent,
        now: Timestamp,
        event: &str,
        changes: Vec<Statement>,
    ) -> Batch {
        let mut batch: Batch = changes.into_iter().collect();
        batch.push(
            self.ledger
                .webhook_event(now, agent.customer_id, event, agent, agent),
        );
        batch
    }

    pub(super) async fn agent(&self, id: AgentId) -> Result<Agent, Refusal> {
        read(agent::get(self.db(), id).await)?.ok_or_else(|| self.agent_not_found())
    }

    pub(super) fn agent_not_found(&self) -> Refusal {
        use trunkline_model::error::Status::NotFound;
        self.typed(NotFound, "AGENT_NOT_FOUND", "The agent was not found.")
    }
}
