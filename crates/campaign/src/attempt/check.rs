//! Looking after live attempts: the check that finds lost ends, and the dial
//! time-out. Both are duties; one that no longer applies does nothing.

use std::time::Duration;

use trunkline_client::Error as RpcError;
use trunkline_domain::campaign::attempt::{self, Check, Found};
use trunkline_model::activeflow::Activeflow;
use trunkline_model::campaigncall::{Campaigncall, ReferenceType, Status};
use trunkline_model::id::{ActionId, CallId, CampaigncallId};
use trunkline_store::{Batch, Error, campaigncall};

use super::begin;
use super::done::Report;
use crate::manager::CampaignManager;

/// Pause before a dial time-out asks again for a call that is being created.
const NOT_YET: Duration = Duration::from_secs(1);

/// What a duty has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    Yes,
    /// A service is away: send the duty again.
    ComeAgain,
}

impl CampaignManager {
    /// Asks what has become of an attempt, and ends it or looks again later.
    pub(crate) async fn check(&self, id: CampaigncallId) -> Result<Settled, Error> {
        let Some(call) = self.live_attempt(id).await? else {
            return Ok(Settled::Yes);
        };
        // Some workers are left for other requests while a service is slow.
        let found = match self.checks.try_acquire() {
            Ok(_asking) => self.find(&call).await,
            Err(_) => Found::Away,
        };
        let now = self.ledger.now().await?;
        let age = now.since(call.tm_create.unwrap_or(now));
        match attempt::check(&found, age, &self.config.attempt.pauses()) {
            Check::Done(outcome) => {
                // A request whose caller has given up is not executed: what does
                // not exist by now never will, and nobody's telephone rang.
                let report = match found {
                    Found::Nothing => Report::Untried,
                    Found::Call(_) | Found::Activeflow(_) | Found::Away => Report::Counted,
                };
                self.done(&call, outcome, report).await?;
            }
            Check::Again(pause) => {
                if let Found::Activeflow(flow) = &found {
                    self.start_idle(flow).await;
                }
                let duty = match self.is_ours(call.id).await? {
                    true => begin::check_duty(&call, now.plus(pause)),
                    false => begin::adopted_duty(&call, now.plus(pause)),
                };
                self.ledger
                    .apply(Batch::new().with(self.ledger.schedule(now, &duty)))
                    .await?;
            }
        }
        Ok(Settled::Yes)
    }

    /// Hangs up a call that nobody has answered in time.
    pub(crate) async fn dial_timeout(&self, id: CampaigncallId) -> Result<Settled, Error> {
        let Some(call) = self.live_attempt(id).await? else {
            return Ok(Settled::Yes);
        };
        if call.reference_type != ReferenceType::Call {
            return Ok(Settled::Yes);
        }
        let call_id = CallId::from(call.reference_id.0);
        let Ok(_asking) = self.checks.try_acquire() else {
            return self.time_out_later(&call).await;
        };
        match self.call.get(call_id).await {
            Ok(found) if attempt::times_out(&found) => match self.call.hangup(call_id).await {
                Err(error) if error.is_unavailable() => Ok(Settled::ComeAgain),
                Ok(_) | Err(_) => {
                    tracing::debug!(campaigncall_id = %id, call_id = %call_id, "the dial time-out is over");
                    Ok(Settled::Yes)
                }
            },
            Ok(_) => Ok(Settled::Yes),
            Err(error) if error.is_not_found() => self.time_out_later(&call).await,
            Err(error) if error.is_unavailable() => Ok(Settled::ComeAgain),
            Err(_) => Ok(Settled::Yes),
        }
    }

    /// The call may be on its way: a time-out shorter than its creation must
    /// not be lost.
    async fn time_out_later(&self, call: &Campaigncall) -> Result<Settled, Error> {
        let now = self.ledger.now().await?;
        let age = now.since(call.tm_create.unwrap_or(now));
        if age < self.config.attempt.pauses().settled {
            let duty = begin::dial_timeout_duty(call, now.plus(NOT_YET));
            self.ledger
                .apply(Batch::new().with(self.ledger.schedule(now, &duty)))
                .await?;
        }
        Ok(Settled::Yes)
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
