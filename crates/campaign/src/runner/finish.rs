//! The end of a campaign: `stopping`, `stop`, and the next campaign (chapter 05
//! A.6.6, architecture §6). Every write carries the runner's lease.

use trunkline_domain::campaign::status::{self, Finish};
use trunkline_domain::campaign::tick::StopReason;
use trunkline_model::Timestamp;
use trunkline_model::campaign::{Campaign, Execute, Status};
use trunkline_model::id::CampaignId;
use trunkline_store::{Batch, Error, Statement, campaign, campaign_lease};

use super::Run;
use super::gather::Facts;
use crate::error::Failure;

/// Whether the runner's work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finished {
    Yes,
    /// Attempts are unfinished, or something has to be asked again.
    NotYet,
}

/// Ends a campaign, as far as its live attempts allow.
pub(super) async fn finish(
    run: &Run,
    facts: &Facts,
    reason: StopReason,
) -> Result<Finished, Error> {
    let Some(old) = &facts.campaign else {
        super::release(run).await;
        return Ok(Finished::Yes);
    };
    let now = run.manager.ledger.now().await?;
    match status::finish(old, facts.live) {
        Finish::Wait => Ok(Finished::NotYet),
        Finish::Already => {
            super::release(run).await;
            Ok(Finished::Yes)
        }
        Finish::Stopping => {
            let new = changed(old, Status::Stopping, old.execute.clone(), now);
            let batch = Batch::new()
                .with(guard(run, now))
                .with(campaign::set_status(
                    old.id,
                    &old.status,
                    &Status::Stopping,
                    now,
                ))
                .with(
                    run.manager
                        .announce_campaign(now, "campaign_status_stopping", &new),
                );
            run.manager.ledger.apply(batch).await?;
            say(
                old.id,
                reason,
                "a campaign stops when its attempts have ended",
            );
            Ok(Finished::NotYet)
        }
        Finish::Now => {
            let mut batch = stop(run, old, now);
            batch.push(campaign_lease::release(&run.lease));
            run.manager.ledger.apply(batch).await?;
            stopped(run, old.id, reason);
            Ok(Finished::Yes)
        }
    }
}

/// Starts the next campaign and stops this one, in one batch. A next campaign
/// that cannot be started only leaves a warning.
pub(super) async fn start_next(
    run: &Run,
    facts: &Facts,
    next: CampaignId,
    reason: StopReason,
) -> Result<Finished, Error> {
    let Some(old) = &facts.campaign else {
        return finish(run, facts, reason).await;
    };
    let startable = match startable(run, old, next).await {
        Ok(startable) => startable,
        Err(Failure::Store(error)) => return Err(error),
        Err(Failure::Rpc(error)) if error.is_unavailable() => {
            tracing::warn!(campaign_id = %old.id, next_campaign_id = %next, %error, "the next campaign cannot be checked now");
            return Ok(Finished::NotYet);
        }
        Err(failure) => {
            let error = &failure as &dyn std::error::Error;
            tracing::warn!(campaign_id = %old.id, next_campaign_id = %next, error, "the next campaign cannot be started");
            None
        }
    };
    let Some(following) = startable else {
        return finish(run, facts, reason).await;
    };
    let now = run.manager.ledger.now().await?;
    let started = changed(&following, Status::Run, Execute::Run, now);
    let mut batch = stop(run, old, now);
    batch.push(campaign::set_run(next, now));
    batch.push(
        run.manager
            .announce_campaign(now, "campaign_status_run", &started),
    );
    batch.push(campaign_lease::release(&run.lease));
    run.manager.ledger.apply(batch).await?;
    run.manager.metrics.campaign_status_run.inc();
    tracing::info!(campaign_id = %next, after = %old.id, "a campaign was started as the next one");
    stopped(run, old.id, reason);
    Ok(Finished::Yes)
}

/// The next campaign, when it is there, stands still and its resources are in
/// order. None when it runs already.
async fn startable(
    run: &Run,
    old: &Campaign,
    next: CampaignId,
) -> Result<Option<Campaign>, Failure> {
    let following = run.manager.campaign(next, Failure::NotFound).await?;
    if following.customer_id != old.customer_id || following.tm_delete.is_some() {
        return Err(Failure::Refused("the next campaign cannot be used"));
    }
    if following.status == Status::Run {
        return Ok(None);
    }
    run.manager.check_resources(&following).await?;
    Ok(Some(following))
}

fn stop(run: &Run, old: &Campaign, now: Timestamp) -> Batch {
    let new = changed(old, Status::Stop, Execute::Stop, now);
    Batch::new()
        .with(guard(run, now))
        .with(campaign::set_stopped(old.id, now))
        .with(
            run.manager
                .announce_campaign(now, "campaign_status_stop", &new),
        )
}

/// Refuses the batch when the lease is another runner's.
fn guard(run: &Run, now: Timestamp) -> Statement {
    campaign_lease::renew(&run.lease, now.plus(run.manager.config.runner.lease_ttl()))
}

fn changed(old: &Campaign, status: Status, execute: Execute, now: Timestamp) -> Campaign {
    Campaign {
        status,
        execute,
        tm_update: Some(now),
        ..old.clone()
    }
}

fn stopped(run: &Run, id: CampaignId, reason: StopReason) {
    run.manager.metrics.campaign_status_stop.inc();
    run.manager.metrics.stop(reason.as_str());
    say(id, reason, "a campaign has stopped");
}

fn say(id: CampaignId, reason: StopReason, what: &'static str) {
    match reason {
        StopReason::Requested | StopReason::Finished => {
            tracing::info!(campaign_id = %id, reason = reason.as_str(), "{what}: {reason}");
        }
        StopReason::Deleted
        | StopReason::UnknownType
        | StopReason::NoOutplan
        | StopReason::NoOutdial
        | StopReason::OutdialGone
        | StopReason::NoTries => {
            tracing::warn!(campaign_id = %id, reason = reason.as_str(), "{what}: {reason}");
        }
    }
}
