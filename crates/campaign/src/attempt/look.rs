//! Looking at live attempts: what has become of them, and whether they ring
//! for too long. Nothing here remembers anything: [`crate::runner::watch`] does.

use std::time::Duration;

use trunkline_client::Error as RpcError;
use trunkline_domain::campaign::attempt::{self, Check, Found};
use trunkline_model::activeflow::Activeflow;
use trunkline_model::campaigncall::{Campaigncall, ReferenceType, Status};
use trunkline_model::id::{ActionId, CallId, CampaigncallId};
use trunkline_store::campaign_lease::Lease;
use trunkline_store::{Error, campaigncall};

use super::done::Report;
use crate::manager::CampaignManager;

/// Pause before a dial time-out asks again.
const NOT_YET: Duration = Duration::from_secs(1);

/// What a look has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The attempt has ended, or never began.
    Ended,
    Again(Duration),
}

impl CampaignManager {
    /// Asks what has become of an attempt that has been known for `age`, and
    /// ends it when it has ended.
    pub(crate) async fn look(
        &self,
        lease: &Lease,
        id: CampaigncallId,
        age: Duration,
    ) -> Result<Seen, Error> {
        let Some(call) = self.live_attempt(id).await? else {
            return Ok(Seen::Ended);
        };
        let mut found = self.find(&call).await;
        if matches!(found, Found::Nothing) && age >= self.config.attempt.pauses().settled {
            found = self.make_void(&call).await;
        }
        match attempt::check(&found, age, &self.config.attempt.pauses()) {
            Check::Done(outcome) => {
                // What does not exist by now never will: nobody's telephone rang.
                let report = match found {
                    Found::Nothing => Report::Untried,
                    Found::Call(_) | Found::Activeflow(_) | Found::Away => Report::Counted,
                };
                self.done(&call, outcome, report, Some(lease)).await?;
                Ok(Seen::Ended)
            }
            Check::Again(pause) => {
                if let Found::Activeflow(flow) = &found {
                    self.start_idle(flow).await;
                }
                Ok(Seen::Again(pause))
            }
        }
    }

    /// Hangs up a call that nobody has answered in time. The call may still be
    /// on its way: a time-out that is shorter than that must not be lost.
    pub(crate) async fn time_out(&self, id: CampaigncallId, age: Duration) -> Result<Seen, Error> {
        let Some(call) = self.live_attempt(id).await? else {
            return Ok(Seen::Ended);
        };
        if call.reference_type != ReferenceType::Call {
            return Ok(Seen::Ended);
        }
        let call_id = CallId::from(call.reference_id.0);
        let found = match self.call.get(call_id).await {
            Ok(found) if attempt::times_out(&found) => self.call.hangup(call_id).await,
            Ok(_) => return Ok(Seen::Ended),
            Err(error) => Err(error),
        };
        Ok(match found {
            Ok(_) => {
                tracing::debug!(campaigncall_id = %id, call_id = %call_id, "the dial time-out is over");
                Seen::Ended
            }
            Err(error) if error.is_unavailable() => Seen::Again(NOT_YET),
            Err(error) if error.is_not_found() && age < self.config.attempt.pauses().settled => {
                Seen::Again(NOT_YET)
            }
            Err(_) => Seen::Ended,
        })
    }

    async fn live_attempt(&self, id: CampaigncallId) -> Result<Option<Campaigncall>, Error> {
        let found = campaigncall::get(self.db(), id).await?;
        Ok(found.filter(|call| call.status != Status::Done))
    }

    async fn find(&self, call: &Campaigncall) -> Found {
        match &call.reference_type {
            ReferenceType::Call => {
                let id = CallId::from(call.reference_id.0);
                read(self.call.get(id).await, |found| found.id == id, Found::Call)
            }
            ReferenceType::Flow => {
                let id = call.activeflow_id;
                read(
                    self.flow.activeflow(id).await,
                    |found| found.id == id,
                    Found::Activeflow,
                )
            }
            ReferenceType::Unset | ReferenceType::None | ReferenceType::Other(_) => Found::Nothing,
        }
    }

    /// Whether the call of an attempt does not exist, and will not: its id is void
    /// from here on. False when nobody can say.
    pub(super) async fn will_never_be(&self, call: &Campaigncall) -> bool {
        // Asked first: a call-manager of the reference has no void ids.
        match self.find(call).await {
            Found::Nothing => matches!(self.make_void(call).await, Found::Nothing),
            Found::Call(_) | Found::Activeflow(_) | Found::Away => false,
        }
    }

    /// A call that is not there must not come later: its create may be on its
    /// way still, however long that has been.
    async fn make_void(&self, call: &Campaigncall) -> Found {
        if call.reference_type != ReferenceType::Call {
            return Found::Nothing;
        }
        match self.call.void(CallId::from(call.reference_id.0)).await {
            Ok(Some(found)) => Found::Call(Box::new(found)),
            // Compat: a call-manager of the reference does not know the request.
            Ok(None) | Err(RpcError::Status(404)) => Found::Nothing,
            Err(_) => Found::Away,
        }
    }

    /// An activeflow whose `execute` was lost stands at its beginning.
    async fn start_idle(&self, flow: &Activeflow) {
        if flow.current_action.id != ActionId::START || flow.execute_count > 0 {
            return;
        }
        if let Err(error) = self.flow.execute(flow.id).await {
            tracing::debug!(activeflow_id = %flow.id, %error, "an activeflow that stands still could not be started");
        }
    }
}

/// An error that is not "no such thing" says nothing about it.
fn read<T>(
    answer: Result<T, RpcError>,
    is_it: impl Fn(&T) -> bool,
    found: impl Fn(Box<T>) -> Found,
) -> Found {
    match answer {
        Ok(it) if is_it(&it) => found(Box::new(it)),
        // `200 null`.
        Ok(_) => Found::Nothing,
        Err(error) if error.is_not_found() => Found::Nothing,
        Err(_) => Found::Away,
    }
}
