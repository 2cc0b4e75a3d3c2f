//! Starting an attempt: the row, the claim of the target, the call.

use tokio::time::Instant;
use trunkline_client::Error as RpcError;
use trunkline_domain::campaign::tick::{Dial, WaitReason};
use trunkline_model::Timestamp;
use trunkline_model::campaign::Campaign;
use trunkline_model::campaigncall::{Campaigncall, Outcome};
use trunkline_model::outplan::Outplan;
use trunkline_store::Error;
use trunkline_store::campaign_lease::Lease;

use super::begin::{attempt, begin};
use super::create::create;
use super::done::Report;
use crate::manager::CampaignManager;
use crate::runner::placing::Pending;

/// What starting an attempt has come to.
#[derive(Debug)]
pub(crate) enum Placed {
    /// The call or activeflow exists.
    Started,
    /// Nobody knows; the check will.
    Unknown,
    /// The call was refused: the attempt has failed.
    Refused { reason: String, at: Timestamp },
    /// A service is away: nobody was dialed, and the try does not count.
    Away { because: WaitReason, at: Timestamp },
    /// The target is another attempt's, or gone: the attempt has failed.
    Unclaimed,
    /// The row was refused: the campaign does not run, the lease is another's,
    /// or the target is in a live attempt (invariants I1, I3).
    Blocked,
    /// The store failed; what was written is left to the check.
    StoreFailed,
}

impl Placed {
    /// Label in metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Unknown => "unknown",
            Self::Refused { .. } => "refused",
            Self::Away { .. } => "away",
            Self::Unclaimed => "unclaimed",
            Self::Blocked => "blocked",
            Self::StoreFailed => "store_failed",
        }
    }
}

/// Starts one attempt. `pending` is dropped when the row is written, or will
/// not be.
pub(crate) async fn place(
    manager: &CampaignManager,
    lease: &Lease,
    campaign: &Campaign,
    plan: &Outplan,
    dial: Dial,
    pending: Pending,
) -> Placed {
    let begun = Instant::now();
    let call = attempt(campaign, plan, dial);
    let written = begin(manager, lease, plan, call).await;
    drop(pending);
    let call = match written {
        Ok(call) => call,
        Err(error) if error.is_conflict() => return Placed::Blocked,
        Err(error) => return store_failed(&error),
    };
    let outcome = match claim(manager, &call).await {
        Ok(()) if begun.elapsed() > manager.config.attempt.create_within() => {
            // Later than this, the check could look before the create arrives.
            fail(manager, &call, Reason::Away(WaitReason::OutdialAway)).await
        }
        Ok(()) => create(manager, campaign, &call).await,
        Err(placed) => Ok(placed),
    };
    outcome.unwrap_or_else(|error| store_failed(&error))
}

/// Claims the target. An error is what the attempt has come to without it.
async fn claim(manager: &CampaignManager, call: &Campaigncall) -> Result<(), Placed> {
    let claimed = manager
        .outdial
        .claim(call.outdial_target_id, call.destination_index, call.id)
        .await;
    let error = match claimed {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    if error.outcome_unknown() || matches!(error, RpcError::Answer(_)) {
        return Err(Placed::Unknown);
    }
    let failed = if error.is_unavailable() {
        // Should it have been claimed all the same, the report gives it back.
        fail(manager, call, Reason::Away(WaitReason::OutdialAway)).await
    } else {
        tracing::debug!(campaigncall_id = %call.id, outdial_target_id = %call.outdial_target_id, %error, "a target was not claimed");
        fail(manager, call, Reason::Unclaimed).await
    };
    Err(failed.unwrap_or_else(|error| store_failed(&error)))
}

/// Why an attempt has failed before anything rang.
pub(super) enum Reason {
    Refused(String),
    Away(WaitReason),
    Unclaimed,
}

/// Ends an attempt that has not begun to ring.
pub(super) async fn fail(
    manager: &CampaignManager,
    call: &Campaigncall,
    reason: Reason,
) -> Result<Placed, Error> {
    let report = match reason {
        Reason::Refused(_) => Report::Counted,
        Reason::Away(_) => Report::Untried,
        Reason::Unclaimed => Report::Nothing,
    };
    manager.done(call, Outcome::Fail, report).await?;
    let at = manager.ledger.now().await?;
    Ok(match reason {
        Reason::Refused(reason) => Placed::Refused { reason, at },
        Reason::Away(because) => Placed::Away { because, at },
        Reason::Unclaimed => Placed::Unclaimed,
    })
}

fn store_failed(error: &Error) -> Placed {
    tracing::warn!(%error, "an attempt could not be written; its check looks after it");
    Placed::StoreFailed
}
