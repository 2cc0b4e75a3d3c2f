//! Many claims, or many reports, in one request and one batch: Trunkline's own.
//!
//! Nothing is read first. The conditions of [`crate::claim`] and
//! [`crate::report`] are in the statements; where a claim's does not hold, the
//! claims are made one after the other.

use std::sync::Arc;

use serde_json::json;
use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_model::Timestamp;
use trunkline_model::id::{CampaigncallId, OutdialTargetId};
use trunkline_model::outdial_target::{
    ClaimRequest, ClaimsReply, ClaimsRequest, HeldTarget, ReportsRequest, Status, TargetReport,
};
use trunkline_store::outdial_target::{self, Claim};
use trunkline_store::{Batch, Dialect};

use super::targets::{report_one, try_claim};
use crate::error;
use crate::service::OutdialManager;

/// Most claims or reports of one request.
const MOST: usize = 1_000;

/// `POST /v1/outdialtargets/claims`
pub(super) async fn claims(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    let ClaimsRequest { claims, not_after } = routed.body()?;
    let nameless = claims.iter().any(|claim| claim.attempt_id.is_nil());
    if claims.len() > MOST || nameless {
        return Err(Refusal::bare(400));
    }
    let now = manager.now().await?;
    if not_after.is_some_and(|latest| latest < now) {
        tracing::info!(
            claims = claims.len(),
            "claims that come too late are refused"
        );
        return Ok(Reply::json(&ClaimsReply::default()));
    }
    let claimed = match together(manager.db().dialect(), &claims, now, not_after) {
        Some(batch) => match manager.ledger.apply(batch).await {
            Ok(()) => claims.iter().map(|claim| claim.attempt_id).collect(),
            Err(error) if error.is_conflict() => claim_each(&manager, &claims, not_after).await?,
            Err(error) => return Err(error::store(&error)),
        },
        None => claim_each(&manager, &claims, not_after).await?,
    };
    Ok(Reply::json(&ClaimsReply { claimed }))
}

/// All of them at once; none when one of them names no destination.
fn together(
    dialect: Dialect,
    claims: &[ClaimRequest],
    now: Timestamp,
    not_after: Option<Timestamp>,
) -> Option<Batch> {
    let mut batch = Batch::new();
    for asked in claims {
        let claim = Claim {
            target: asked.target_id,
            attempt: asked.attempt_id,
            index: asked.destination_index,
        };
        batch.extend(outdial_target::claim_for_attempt(
            dialect, claim, now, not_after,
        )?);
    }
    Some(batch)
}

/// Some of them cannot be had, or were had before: each on its own then.
async fn claim_each(
    manager: &OutdialManager,
    claims: &[ClaimRequest],
    not_after: Option<Timestamp>,
) -> Result<Vec<CampaigncallId>, Refusal> {
    let mut claimed = Vec::with_capacity(claims.len());
    for claim in claims {
        // The batch before may have taken its time.
        let now = manager.now().await?;
        if not_after.is_some_and(|latest| latest < now) {
            break;
        }
        match try_claim(
            manager,
            claim.target_id,
            claim.attempt_id,
            claim.destination_index,
        )
        .await
        {
            Ok(_) => claimed.push(claim.attempt_id),
            // What was claimed before this one stays so: its caller hears
            // nothing and asks again, or gives it back.
            Err(refusal) if refusal.0.status_code >= 500 => return Err(refusal),
            Err(_) => {}
        }
    }
    Ok(claimed)
}

/// `PUT /v1/outdialtargets/reports`
pub(super) async fn reports(
    manager: Arc<OutdialManager>,
    routed: Routed,
) -> Result<Reply, Refusal> {
    let ReportsRequest { reports } = routed.body()?;
    if reports.len() > MOST {
        return Err(Refusal::bare(400));
    }
    // Those that take a try back have to know which one.
    let (plain, others): (Vec<_>, Vec<_>) = reports.into_iter().partition(is_plain);
    let now = manager.now().await?;
    let batch = plain
        .iter()
        .map(|TargetReport { target_id, report }| {
            outdial_target::end_attempt(*target_id, report.attempt_id, &report.status, now)
        })
        .collect();
    let written = manager.ledger.apply(batch).await;
    written.map_err(|error| error::store(&error))?;
    for TargetReport { target_id, report } in &others {
        match report_one(&manager, *target_id, report).await {
            Err(refusal) if refusal.0.status_code >= 500 => return Err(refusal),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(Reply::json(&json!({})))
}

fn is_plain(TargetReport { report, .. }: &TargetReport) -> bool {
    let ends = matches!(report.status, Status::Idle | Status::Done);
    ends && !report.untried && !report.attempt_id.is_nil()
}

/// `GET /v1/outdials/<id>/held`
pub(super) async fn held(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    let after = routed
        .query("after")
        .parse()
        .unwrap_or(OutdialTargetId::NIL);
    let limit: usize = routed.query("limit").parse().unwrap_or(0);
    let limit = u32::try_from(limit.min(MOST)).unwrap_or(0);
    let found = outdial_target::held(manager.db(), routed.id(0), after, limit)
        .await
        .map_err(|error| error::store(&error))?;
    let held: Vec<HeldTarget> = found
        .into_iter()
        .map(|it| HeldTarget {
            target_id: it.target,
            attempt_id: it.attempt,
            tm_claim: it.since,
        })
        .collect();
    Ok(Reply::json(&held))
}
