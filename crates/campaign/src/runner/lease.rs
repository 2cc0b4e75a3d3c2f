//! Keeping a lease: renewed at half of its time or earlier, lost when that
//! fails.

use std::time::Duration;

use tokio::time::Instant;
use trunkline_store::{Batch, Error, campaign_lease};

use super::Run;

/// Pause before the renewal is tried again while the store is away.
const RETRY: Duration = Duration::from_millis(200);

/// Longest time between two renewals, however long the lease is: one that is
/// seen unchanged for [`ABANDONED`] is nobody's.
const RENEW: Duration = Duration::from_secs(2);

/// How long a lease that is not renewed counts, whatever the store's clock says
/// of its end: the clock may have been set back.
pub(super) const ABANDONED: Duration = Duration::from_secs(4);

/// Renews the lease until it is lost: another process has taken it, or the
/// store was away for so long that another one may have.
pub(super) async fn keep(run: &Run) {
    let ttl = run.manager.config.runner.lease_ttl();
    let mut safe_until = Instant::now() + ttl;
    loop {
        tokio::time::sleep(RENEW.min(ttl / 2)).await;
        loop {
            // Measured before the request: the store's clock starts no earlier.
            let asked = Instant::now();
            match renew(run, ttl).await {
                Ok(()) => {
                    safe_until = asked + ttl;
                    break;
                }
                Err(error) if error.is_conflict() => return,
                Err(error) if Instant::now() + RETRY >= safe_until => {
                    tracing::warn!(campaign_id = %run.lease.campaign, %error, "a lease could not be renewed in time");
                    return;
                }
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
    }
}

async fn renew(run: &Run, ttl: Duration) -> Result<(), Error> {
    let expires = run.manager.ledger.now().await?.plus(ttl);
    let batch = Batch::new().with(campaign_lease::renew(&run.lease, expires));
    run.manager.ledger.apply(batch).await
}
