//! Starting attempts: their rows in one batch, their targets in one claim, and
//! a call or activeflow for each.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio::time::Instant;
use trunkline_domain::campaign::tick::{Dial, WaitReason};
use trunkline_model::Timestamp;
use trunkline_model::campaign::Campaign;
use trunkline_model::campaigncall::{Campaigncall, Outcome};
use trunkline_model::id::OutdialTargetId;
use trunkline_model::outplan::Outplan;
use trunkline_store::Error;
use trunkline_store::campaign_lease::Lease;

use super::begin::{attempt, begin};
use super::claim::claim;
use super::create::create;
use super::done::Report;
use crate::manager::CampaignManager;
use crate::runner::Run;
use crate::runner::placing::Pending;

/// What starting an attempt has come to.
#[derive(Debug)]
pub(crate) enum Placed {
    /// The call or activeflow exists.
    Started,
    /// Nobody knows; a look at it will tell.
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
    /// The store failed; what was written is looked after.
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

/// What the runner hears of an attempt that is being started.
pub(crate) enum Progress {
    /// Its target is no longer idle: it does not have to be left out of lists.
    Claimed(OutdialTargetId),
    Came(OutdialTargetId, Placed),
}

/// An attempt that is being started. The runner hears how it ended also when
/// its task is cut off.
pub(crate) struct Start {
    pub(crate) target: OutdialTargetId,
    pub(crate) tell: UnboundedSender<Progress>,
    pub(crate) told: bool,
}

impl Start {
    pub(super) fn claimed(&self) {
        let _ = self.tell.send(Progress::Claimed(self.target));
    }

    pub(super) fn came(mut self, placed: Placed) {
        self.told = true;
        let _ = self.tell.send(Progress::Came(self.target, placed));
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        if !self.told {
            let unknown = Progress::Came(self.target, Placed::Unknown);
            let _ = self.tell.send(unknown);
        }
    }
}

/// What every attempt of a volley is started with.
#[derive(Clone)]
pub(crate) struct Volley {
    pub(crate) manager: Arc<CampaignManager>,
    pub(crate) lease: Lease,
    pub(crate) campaign: Arc<Campaign>,
    /// By the clock that does not jump.
    pub(crate) begun: Instant,
}

/// Starts attempts. `pending` is dropped when the rows are written, or will not
/// be.
pub(crate) async fn place(
    run: &Run,
    campaign: Arc<Campaign>,
    plan: &Outplan,
    dials: Vec<(Dial, Start)>,
    pending: Pending,
) {
    let volley = Volley {
        manager: Arc::clone(&run.manager),
        lease: run.lease,
        campaign,
        begun: Instant::now(),
    };
    let Some(begun) = rows(run, &volley, plan, dials).await else {
        return;
    };
    drop(pending);
    let mut creating = JoinSet::new();
    for (call, start) in claim(&volley, begun).await {
        start.claimed();
        creating.spawn(call_out(volley.clone(), call, start));
    }
    while let Some(ended) = creating.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "the start of an attempt has panicked; a look at it will tell what it came to");
        }
    }
}

/// Writes the rows; the attempts whose rows are there.
async fn rows(
    run: &Run,
    volley: &Volley,
    plan: &Outplan,
    dials: Vec<(Dial, Start)>,
) -> Option<Vec<(Campaigncall, Start)>> {
    let now = match volley.manager.ledger.now().await {
        Ok(now) => now,
        Err(error) => {
            for (_, start) in dials {
                start.came(store_failed(&error));
            }
            return None;
        }
    };
    let (mut calls, mut starts) = (Vec::new(), Vec::new());
    for (dial, start) in dials {
        let call = Campaigncall {
            tm_create: Some(now),
            ..attempt(&volley.campaign, plan, dial)
        };
        // Before it is written: a store that fails may have written it.
        run.watch.add(&call, plan.dial_timeout);
        calls.push(call);
        starts.push(start);
    }
    let written = begin(&volley.manager, &volley.lease, &mut calls, now).await;
    let mut begun = Vec::with_capacity(calls.len());
    for ((call, start), written) in calls.into_iter().zip(starts).zip(written) {
        match written {
            Ok(()) => begun.push((call, start)),
            Err(error) if error.is_conflict() => {
                run.watch.remove(call.id);
                start.came(Placed::Blocked);
            }
            Err(error) => start.came(store_failed(&error)),
        }
    }
    Some(begun)
}

async fn call_out(volley: Volley, call: Campaigncall, start: Start) {
    let placed = match volley.too_late(&call).await {
        // Later than this, a look at it could come before the create arrives.
        Ok(true) => fail(&volley, &call, Reason::Away(WaitReason::OutdialAway)).await,
        Ok(false) => create(&volley, &call).await,
        Err(error) => Err(error),
    };
    start.came(placed.unwrap_or_else(|error| store_failed(&error)));
}

impl Volley {
    /// By either clock: the one stands still while a machine sleeps, the other
    /// is the one that other processes see.
    pub(super) async fn too_late(&self, call: &Campaigncall) -> Result<bool, Error> {
        let most = self.manager.config.attempt.create_within();
        let now = self.manager.ledger.now().await?;
        let age = now.since(call.tm_create.unwrap_or(now));
        Ok(self.begun.elapsed() > most || age > most)
    }
}

/// Why an attempt has failed before anything rang.
pub(super) enum Reason {
    Refused(String),
    Away(WaitReason),
    Unclaimed,
}

/// Ends an attempt that has not begun to ring, unless the lease is lost.
pub(super) async fn fail(
    volley: &Volley,
    call: &Campaigncall,
    reason: Reason,
) -> Result<Placed, Error> {
    let manager = &volley.manager;
    let report = match reason {
        Reason::Refused(_) => Report::Counted,
        Reason::Away(_) => Report::Untried,
        Reason::Unclaimed => Report::Nothing,
    };
    manager
        .done(call, Outcome::Fail, report, Some(&volley.lease))
        .await?;
    let at = manager.ledger.now().await?;
    Ok(match reason {
        Reason::Refused(reason) => Placed::Refused { reason, at },
        Reason::Away(because) => Placed::Away { because, at },
        Reason::Unclaimed => Placed::Unclaimed,
    })
}

pub(super) fn store_failed(error: &Error) -> Placed {
    tracing::warn!(%error, "an attempt could not be written; it is looked after");
    Placed::StoreFailed
}
