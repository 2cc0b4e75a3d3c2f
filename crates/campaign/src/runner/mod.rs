//! The runner of one campaign.
//!
//! ```text
//!   supervisor ── lease ──> run ──┬── keep: renews the lease; its loss ends the runner at once
//!                                 ├── look_after: looks at live attempts, gives targets back
//!                                 └── work: gather ── tick::decide ── wait, dial, finish ──┐
//!                                             ^───────────────────────────────────────────┘
//! ```
//!
//! Everything it writes carries its lease: a runner that has slept through the
//! end of it writes nothing. What it knows in memory (the pace, the calls being
//! placed, the brake) may be lost at any time; the rows say the rest.

mod finish;
pub(crate) mod gather;
mod held;
mod lease;
pub(crate) mod placing;
pub(crate) mod registry;
pub(crate) mod supervisor;
pub(crate) mod watch;
mod work;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use trunkline_model::id::CampaignId;
use trunkline_store::Batch;
use trunkline_store::campaign_lease::{self, Lease};

use self::watch::Watch;
use crate::manager::CampaignManager;

/// One campaign, run by this process as long as the lease holds.
pub(crate) struct Run {
    pub(crate) manager: Arc<CampaignManager>,
    pub(crate) lease: Lease,
    pub(crate) wake: Arc<Notify>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) stop: CancellationToken,
}

/// Why a runner ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The campaign has stopped; the lease was given back with that.
    Finished,
    /// The process is told to stop.
    Shutdown,
    /// Another process may run the campaign by now.
    LeaseLost,
}

/// Runs a campaign to its end.
pub(crate) async fn run(run: Arc<Run>) {
    let left = Left {
        manager: Arc::clone(&run.manager),
        id: run.lease.campaign,
    };
    let end = tokio::select! {
        biased;
        () = lease::keep(&run) => End::LeaseLost,
        () = Box::pin(watch::look_after(&run)) => End::LeaseLost,
        end = Box::pin(work::work(&run)) => end,
    };
    match end {
        End::Finished => {
            run.manager.metrics.lease_change("released");
            drop(left);
            // It may have been started again while it ended.
            run.manager.runners.look_now();
        }
        End::Shutdown => {
            release(&run).await;
            run.manager.metrics.lease_change("released");
        }
        End::LeaseLost => {
            run.manager.metrics.lease_change("lost");
            tracing::warn!(campaign_id = %run.lease.campaign, fence = run.lease.fence, "a runner has lost its lease and ends");
        }
    }
}

/// Lets the next process take the campaign at once.
async fn release(run: &Run) {
    let batch = Batch::new().with(campaign_lease::release(&run.lease));
    if let Err(error) = run.manager.ledger.apply(batch).await {
        tracing::warn!(campaign_id = %run.lease.campaign, %error, "a lease was not given back; it runs out");
    }
}

/// Leaves the registry however the runner ends, also by a panic.
struct Left {
    manager: Arc<CampaignManager>,
    id: CampaignId,
}

impl Drop for Left {
    fn drop(&mut self) {
        self.manager.runners.leave(self.id);
    }
}
