//! Claiming the targets of attempts at outdial-manager: all in one request, or
//! one by one where it does not know that.

use std::sync::atomic::Ordering;

use tokio::task::JoinSet;
use trunkline_client::Error as RpcError;
use trunkline_domain::campaign::tick::WaitReason;
use trunkline_model::campaigncall::Campaigncall;
use trunkline_model::outdial_target::{ClaimRequest, ClaimsRequest};

use super::place::{Placed, Reason, Start, Volley, fail, store_failed};

type Attempt = (Campaigncall, Start);

/// Claims the targets; the attempts that have got theirs. The others are told
/// what they have come to.
pub(super) async fn claim(volley: &Volley, attempts: Vec<Attempt>) -> Vec<Attempt> {
    let manager = &volley.manager;
    if attempts.is_empty() {
        return attempts;
    }
    // The first one was begun first.
    let (first, within) = (&attempts[0].0, manager.config.attempt.create_within());
    match volley.too_late(first).await {
        Ok(false) => {}
        Ok(true) => return give_all_up(volley, attempts).await,
        Err(error) => {
            for (_, start) in attempts {
                start.came(store_failed(&error));
            }
            return Vec::new();
        }
    }
    let not_after = first.tm_create.map(|begun| begun.plus(within));
    if !manager.bulk.load(Ordering::Relaxed) {
        return claim_each(volley, attempts).await;
    }
    let asked = attempts.iter().map(|(call, _)| ClaimRequest {
        target_id: call.outdial_target_id,
        destination_index: call.destination_index,
        attempt_id: call.id,
    });
    let asked = ClaimsRequest {
        claims: asked.collect(),
        not_after,
    };
    match manager.outdial.claim_all(&asked).await {
        Ok(reply) => {
            let mut claimed = Vec::with_capacity(attempts.len());
            for (call, start) in attempts {
                if reply.claimed.contains(&call.id) {
                    claimed.push((call, start));
                } else {
                    tracing::debug!(campaigncall_id = %call.id, outdial_target_id = %call.outdial_target_id, "a target was not claimed");
                    give_up(volley, &call, start, Reason::Unclaimed).await;
                }
            }
            claimed
        }
        Err(RpcError::Status(404)) => {
            tracing::info!("outdial-manager is not ours: targets are claimed one by one");
            manager.bulk.store(false, Ordering::Relaxed);
            claim_each(volley, attempts).await
        }
        Err(error) => {
            for (call, start) in attempts {
                failed(volley, &call, start, &error).await;
            }
            Vec::new()
        }
    }
}

/// The process stood still since their rows were written.
async fn give_all_up(volley: &Volley, attempts: Vec<Attempt>) -> Vec<Attempt> {
    for (call, start) in attempts {
        let reason = Reason::Away(WaitReason::OutdialAway);
        give_up(volley, &call, start, reason).await;
    }
    Vec::new()
}

/// One request for each, at the same time.
async fn claim_each(volley: &Volley, attempts: Vec<Attempt>) -> Vec<Attempt> {
    let mut asking = JoinSet::new();
    for (call, start) in attempts {
        let volley = volley.clone();
        asking.spawn(async move {
            let claimed = volley
                .manager
                .outdial
                .claim(call.outdial_target_id, call.destination_index, call.id)
                .await;
            match claimed {
                Ok(_) => Some((call, start)),
                Err(error) => {
                    failed(&volley, &call, start, &error).await;
                    None
                }
            }
        });
    }
    let mut claimed = Vec::new();
    while let Some(ended) = asking.join_next().await {
        claimed.extend(ended.ok().flatten());
    }
    claimed
}

async fn failed(volley: &Volley, call: &Campaigncall, start: Start, error: &RpcError) {
    if error.outcome_unknown() || matches!(error, RpcError::Answer(_)) {
        start.came(Placed::Unknown);
    } else if error.is_unavailable() {
        // Should it have been claimed all the same, the report gives it back.
        let reason = Reason::Away(WaitReason::OutdialAway);
        give_up(volley, call, start, reason).await;
    } else {
        tracing::debug!(campaigncall_id = %call.id, outdial_target_id = %call.outdial_target_id, %error, "a target was not claimed");
        give_up(volley, call, start, Reason::Unclaimed).await;
    }
}

async fn give_up(volley: &Volley, call: &Campaigncall, start: Start, reason: Reason) {
    let placed = fail(volley, call, reason).await;
    start.came(placed.unwrap_or_else(|error| store_failed(&error)));
}
