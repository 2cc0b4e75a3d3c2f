//! The rows behind a finding: what somebody wants to see first who reads the trace
//! of a seed that failed.

use std::collections::BTreeSet;

use trunkline_model::campaigncall::Campaigncall;
use trunkline_model::id::OutdialTargetId;

use crate::rows::Snapshot;
use crate::watch::Violation;
use crate::world::World;

/// Writes all attempts at the people that the finding names, directly or by one of
/// their attempts, calls or numbers, into the trace.
pub async fn tell(world: &World, violation: &Violation) {
    let Ok(rows) = Snapshot::read(world.store()).await else {
        return;
    };
    let named = |attempt: &&Campaigncall| {
        let number = attempt.destination.as_ref().map(|to| to.target.clone());
        [
            attempt.id.to_string(),
            attempt.outdial_target_id.to_string(),
            attempt.reference_id.to_string(),
            number.unwrap_or_default(),
        ]
        .iter()
        .any(|name| !name.is_empty() && violation.detail.contains(name))
    };
    let people: BTreeSet<OutdialTargetId> = rows
        .attempts
        .iter()
        .filter(named)
        .map(|attempt| attempt.outdial_target_id)
        .collect();
    let mut attempts: Vec<&Campaigncall> = rows
        .attempts
        .iter()
        .filter(|attempt| people.contains(&attempt.outdial_target_id))
        .collect();
    attempts.sort_by_key(|attempt| (attempt.outdial_target_id, attempt.tm_create));
    for attempt in attempts {
        tell_attempt(&rows, attempt);
    }
}

fn tell_attempt(rows: &Snapshot, attempt: &Campaigncall) {
    let call = rows
        .calls
        .iter()
        .find(|call| call.id.0 == attempt.reference_id.0);
    tracing::info!(
        target: "evidence",
        outdial_target_id = %attempt.outdial_target_id,
        campaigncall_id = %attempt.id,
        status = %attempt.status,
        result = %attempt.result,
        begun = ?attempt.tm_create,
        ended = ?attempt.tm_update,
        call_id = %attempt.reference_id,
        channel_id = ?call.map(|call| call.channel_id.to_string()),
        call_status = ?call.map(|call| call.status.to_string()),
        hangup_reason = ?call.map(|call| call.hangup_reason.to_string()),
        "an attempt at the person of the finding"
    );
}
