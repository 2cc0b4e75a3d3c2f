//! The supervisor: sees to it that every campaign that runs or is stopping has
//! a runner, whatever crashed (invariant I5).
//!
//! It takes no input: it reads which campaigns need a runner, takes the lease
//! of those that have none, and starts a runner for each. The next look is the
//! retry, and comes when the first lease of another process ends.
//!
//! A lease that is not renewed any more is free, even when the store's clock
//! says otherwise: the clock may have been set back, and the campaign would
//! wait as long as that. The fence makes a mistake harmless.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use trunkline_model::Timestamp;
use trunkline_model::id::CampaignId;
use trunkline_store::Error;
use trunkline_store::campaign_lease::{self, Lease};

use super::lease::ABANDONED;
use super::watch::Watch;
use super::{Run, run as run_campaign};
use crate::manager::CampaignManager;

/// Campaigns that are looked at, of all processes.
const MOST_ACTIVE: u32 = 20_000;
/// Shortest pause between two looks.
const SHORTEST: Duration = Duration::from_millis(20);

/// Leases of other processes, and since when they are as they are.
type Foreign = BTreeMap<CampaignId, (Lease, Instant)>;

pub(crate) async fn run(manager: Arc<CampaignManager>, stop: CancellationToken) {
    let mut runners = JoinSet::new();
    let mut foreign = Foreign::new();
    let interval = manager.config.runner.look_interval();
    while !stop.is_cancelled() {
        let pause = match look(&manager, &mut foreign, &mut runners, &stop).await {
            Ok(first_end) => first_end.min(interval).max(SHORTEST),
            Err(error) => {
                tracing::warn!(%error, "campaigns without a runner cannot be looked for");
                interval
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = manager.runners.look_wanted() => {}
            () = tokio::time::sleep(pause) => {}
        }
        while let Some(ended) = runners.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a runner has panicked; its campaign is taken again");
            }
        }
    }
    while runners.join_next().await.is_some() {}
}

/// Takes what is free; returns how long the first lease of others still lasts.
async fn look(
    manager: &Arc<CampaignManager>,
    foreign: &mut Foreign,
    runners: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<Duration, Error> {
    let most = manager.config.runner.max_campaigns;
    let active = campaign_lease::of_active(manager.db(), MOST_ACTIVE).await?;
    let now = manager.ledger.now().await?;
    let known = std::mem::take(foreign);
    let mut first_end = Duration::MAX;
    for lease in active {
        if manager.runners.runs(lease.campaign) {
            continue;
        }
        if manager.runners.len() >= most as usize {
            tracing::warn!(most, "campaigns wait: this process runs as many as it may");
            break;
        }
        let since = known
            .get(&lease.campaign)
            .filter(|(before, _)| *before == lease)
            .map_or_else(Instant::now, |(_, since)| *since);
        let rest = rest(&lease, since, now, manager);
        let taken = match rest.is_zero() {
            true => take(manager, &lease, now).await?,
            false => None,
        };
        if let Some(lease) = taken {
            start(manager, lease, runners, stop);
        } else {
            first_end = first_end.min(rest);
            foreign.insert(lease.campaign, (lease, since));
        }
    }
    manager
        .metrics
        .runners
        .set(i64::try_from(manager.runners.len()).unwrap_or(i64::MAX));
    Ok(first_end)
}

/// How long a lease is still somebody else's.
fn rest(lease: &Lease, since: Instant, now: Timestamp, manager: &CampaignManager) -> Duration {
    if lease.holder == manager.holder {
        return Duration::ZERO;
    }
    let by_us = ABANDONED.saturating_sub(since.elapsed());
    lease.expires.since(now).min(by_us)
}

/// Takes the lease as it was seen; none when somebody else was faster.
async fn take(
    manager: &CampaignManager,
    seen: &Lease,
    now: Timestamp,
) -> Result<Option<Lease>, Error> {
    let expires = now.plus(manager.config.runner.lease_ttl());
    let abandoned = Some(seen);
    campaign_lease::take(
        manager.db(),
        seen.campaign,
        manager.holder,
        now,
        expires,
        abandoned,
    )
    .await
}

fn start(
    manager: &Arc<CampaignManager>,
    lease: Lease,
    runners: &mut JoinSet<()>,
    stop: &CancellationToken,
) {
    let watch = Watch::new(manager.config.attempt.pauses().settled);
    let Some(wake) = manager.runners.enter(lease.campaign, &watch) else {
        return;
    };
    manager.metrics.lease_change("taken");
    tracing::info!(campaign_id = %lease.campaign, fence = lease.fence, "a campaign has a runner");
    let run = Run {
        manager: Arc::clone(manager),
        lease,
        wake,
        watch,
        stop: stop.clone(),
    };
    runners.spawn(run_campaign(Arc::new(run)));
}
