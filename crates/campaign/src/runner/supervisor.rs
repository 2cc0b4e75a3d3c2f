//! The supervisor: sees to it that every campaign that runs or is stopping has
//! a runner, whatever crashed (invariant I5).
//!
//! It takes no input: it reads which campaigns need a runner, takes the lease
//! of those that have none, and starts a runner for each. The next look is the
//! retry.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trunkline_model::Timestamp;
use trunkline_model::id::CampaignId;
use trunkline_store::{Error, campaign, campaign_lease};

use super::Run;
use crate::manager::CampaignManager;

/// Leases of other processes: no use in asking before they end.
type Foreign = BTreeMap<CampaignId, Timestamp>;

pub(crate) async fn run(manager: Arc<CampaignManager>, stop: CancellationToken) {
    let mut runners = JoinSet::new();
    let mut foreign = Foreign::new();
    let interval = manager.config.runner.look_interval();
    while !stop.is_cancelled() {
        if let Err(error) = look(&manager, &mut foreign, &mut runners, &stop).await {
            tracing::warn!(%error, "campaigns without a runner cannot be looked for");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = manager.runners.look_wanted() => {}
            () = tokio::time::sleep(interval) => {}
        }
        while let Some(ended) = runners.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a runner has panicked; its campaign is taken again");
            }
        }
    }
    while runners.join_next().await.is_some() {}
}

async fn look(
    manager: &Arc<CampaignManager>,
    foreign: &mut Foreign,
    runners: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let most = manager.config.runner.max_campaigns;
    let active = campaign::active(manager.db(), most.saturating_mul(2)).await?;
    let now = manager.ledger.now().await?;
    let known = std::mem::take(foreign);
    for id in active.into_iter().map(|campaign| campaign.id) {
        if manager.runners.runs(id) {
            continue;
        }
        if manager.runners.len() >= most as usize {
            tracing::warn!(most, "campaigns wait: this process runs as many as it may");
            break;
        }
        if let Some(expires) = known.get(&id).copied().filter(|expires| *expires > now) {
            foreign.insert(id, expires);
            continue;
        }
        match take(manager, id, now).await? {
            Taken::Ours(lease) => start(manager, lease, runners, stop),
            Taken::Until(expires) => {
                foreign.insert(id, expires);
            }
        }
    }
    manager
        .metrics
        .runners
        .set(i64::try_from(manager.runners.len()).unwrap_or(i64::MAX));
    Ok(())
}

enum Taken {
    Ours(campaign_lease::Lease),
    /// Somebody else's until then.
    Until(Timestamp),
}

/// Reading first: a lease that others hold costs no write.
async fn take(manager: &CampaignManager, id: CampaignId, now: Timestamp) -> Result<Taken, Error> {
    let current = campaign_lease::get(manager.db(), id).await?;
    let others = current.filter(|lease| lease.holder != manager.holder && lease.expires > now);
    if let Some(lease) = others {
        return Ok(Taken::Until(lease.expires));
    }
    let expires = now.plus(manager.config.runner.lease_ttl());
    let taken = campaign_lease::take(manager.db(), id, manager.holder, now, expires).await?;
    Ok(taken.map_or(Taken::Until(now), Taken::Ours))
}

fn start(
    manager: &Arc<CampaignManager>,
    lease: campaign_lease::Lease,
    runners: &mut JoinSet<()>,
    stop: &CancellationToken,
) {
    let Some(wake) = manager.runners.enter(lease.campaign) else {
        return;
    };
    manager.metrics.lease_change("taken");
    tracing::info!(campaign_id = %lease.campaign, fence = lease.fence, "a campaign has a runner");
    let run = Run {
        manager: Arc::clone(manager),
        lease,
        wake,
        stop: stop.clone(),
    };
    runners.spawn(super::run(run));
}
