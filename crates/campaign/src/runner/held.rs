//! Targets that are `progressing` at outdial-manager although no attempt at
//! them is live: given back, or their campaign would wait for them for ever.
//!
//! A claim may arrive after its attempt has ended: the process that sent it was
//! frozen, or the request waited in a queue. And a campaign-manager of the
//! reference, whose claims name no attempt, may have died between the claim and
//! the end of its attempt. The rule:
//!
//! * a target with a live attempt in the store is that attempt's, whoever
//!   claimed it: the reference too writes the row before it claims;
//! * a target whose last attempt has not been reported yet is left to its report;
//! * any other one that was seen held by the same claim for half a minute, by
//!   the clock that does not jump, is given back. The try counts unless the
//!   claim is younger than the end of its attempt: then nobody was called.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use trunkline_client::Error as RpcError;
use trunkline_domain::campaign::attempt;
use trunkline_model::campaigncall::Status as AttemptStatus;
use trunkline_model::id::{CampaigncallId, OutdialId, OutdialTargetId};
use trunkline_model::outdial_target::{HeldTarget, Status};
use trunkline_store::campaign_report::{self, Report};
use trunkline_store::{Batch, Error, campaign, campaign_lease, campaigncall};

use super::Run;

/// How long a target must have been held by nobody's attempt.
const PATIENCE: Duration = Duration::from_secs(30);
/// Targets that are asked for at once.
const PAGE: u32 = 500;

/// Targets that nobody's attempt holds, by the claim, and since when.
#[derive(Default)]
pub(super) struct Suspects(BTreeMap<(OutdialTargetId, CampaigncallId), Instant>);

/// Why a search ends early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] Error),
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// Searches the campaign's list once.
pub(super) async fn give_back(run: &Run, suspects: &mut Suspects) {
    if !run.manager.bulk.load(Ordering::Relaxed) {
        return;
    }
    match search(run, suspects).await {
        Ok(()) => {}
        // An outdial-manager that is not ours does not know the question.
        Err(Failure::Rpc(RpcError::Status(404))) => {}
        Err(error) => {
            tracing::debug!(campaign_id = %run.lease.campaign, %error, "targets that nobody calls cannot be looked for");
        }
    }
}

async fn search(run: &Run, suspects: &mut Suspects) -> Result<(), Failure> {
    let Some(campaign) = campaign::get(run.manager.db(), run.lease.campaign).await? else {
        return Ok(());
    };
    if campaign.outdial_id.is_nil() {
        return Ok(());
    }
    let mut seen = BTreeMap::new();
    let mut after = OutdialTargetId::NIL;
    loop {
        let page = page(run, campaign.outdial_id, after).await?;
        let Some(last) = page.last() else { break };
        after = last.target_id;
        for held in page {
            if !is_nobodys(run, &held).await? {
                continue;
            }
            let key = (held.target_id, held.attempt_id);
            let since = suspects.0.get(&key).copied().unwrap_or_else(Instant::now);
            if since.elapsed() < PATIENCE {
                seen.insert(key, since);
            } else {
                release(run, &held).await?;
            }
        }
    }
    suspects.0 = seen;
    Ok(())
}

async fn page(
    run: &Run,
    outdial: OutdialId,
    after: OutdialTargetId,
) -> Result<Vec<HeldTarget>, RpcError> {
    run.manager.outdial.held(outdial, after, PAGE).await
}

async fn is_nobodys(run: &Run, held: &HeldTarget) -> Result<bool, Error> {
    if run.watch.knows(held.attempt_id) {
        return Ok(false);
    }
    let db = run.manager.db();
    let reported = campaign_report::of_attempt(db, held.attempt_id).await?;
    let live = campaigncall::live_of_target(db, held.target_id).await?;
    Ok(reported.is_none() && live.is_none())
}

/// As a report of the attempt that holds it, so that it does nothing when that
/// has changed meanwhile.
async fn release(run: &Run, held: &HeldTarget) -> Result<(), Error> {
    let manager = &run.manager;
    let found = match held.attempt_id.is_nil() {
        true => None,
        false => campaigncall::get(manager.db(), held.attempt_id).await?,
    };
    let ended = found.filter(|call| call.status == AttemptStatus::Done);
    let late = ended
        .as_ref()
        .is_some_and(|call| held.tm_claim > call.tm_update);
    let status = ended.map_or(Status::Idle, |call| match late {
        true => Status::Idle,
        false => attempt::target_status(&call.result),
    });
    let attempt = match held.attempt_id.is_nil() {
        // Held by no name: a report of any attempt ends that.
        true => CampaigncallId::random(),
        false => held.attempt_id,
    };
    let report = Report {
        attempt,
        campaign: run.lease.campaign,
        target: held.target_id,
        status,
        untried: late,
    };
    let batch = Batch::new()
        .with(campaign_lease::hold(&run.lease))
        .with(campaign_report::insert(manager.db().dialect(), &report));
    manager.ledger.apply(batch).await?;
    tracing::warn!(outdial_target_id = %held.target_id, campaigncall_id = %held.attempt_id, status = %report.status, "a target that nobody calls is given back");
    manager.reports.hand(report);
    Ok(())
}
