//! Claiming a target for one attempt (chapter 05 B.6, G.3). Pure.
//!
//! ```text
//!  idle ── claim by A ──> progressing (held by A) ── report of A ──> idle or done
//!                          claim by A again: nothing happens
//!                          claim by B: refused
//! ```

use trunkline_model::id::CampaigncallId;
use trunkline_model::outdial_target::{DESTINATION_COUNT, OutdialTarget, Status};

/// What a request to claim leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The target is free: claim it, counting a try of this destination.
    Claim { index: usize },
    /// This attempt has claimed it before; the request is a repetition.
    Repeated,
    /// There is no such destination.
    NoSuchDestination,
    /// Another attempt has it, or it needs no more calls.
    NotIdle,
    /// It was deleted.
    Deleted,
}

/// Decides about a claim. `holder` is the attempt that claimed the target last;
/// `attempt` is nil in the requests of the reference.
#[must_use]
pub fn decide(
    target: &OutdialTarget,
    holder: Option<CampaigncallId>,
    attempt: CampaigncallId,
    destination_index: i64,
) -> Decision {
    let Some(index) = usize::try_from(destination_index)
        .ok()
        .filter(|index| *index < DESTINATION_COUNT)
    else {
        return Decision::NoSuchDestination;
    };
    // Also when that attempt has ended since: its claim must not come to life
    // again because a request was delivered twice.
    if !attempt.is_nil() && holder == Some(attempt) {
        return Decision::Repeated;
    }
    if target.tm_delete.is_some() {
        return Decision::Deleted;
    }
    if target.status != Status::Idle {
        return Decision::NotIdle;
    }
    Decision::Claim { index }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_model::Timestamp;

    #[test]
    fn only_an_idle_target_is_claimed_and_only_once() {
        let [a, b] = [CampaigncallId::random(), CampaigncallId::random()];
        let nobody = CampaigncallId::NIL;
        let cases = [
            (Status::Idle, None, a, Decision::Claim { index: 1 }),
            (Status::Idle, None, nobody, Decision::Claim { index: 1 }),
            (Status::Idle, Some(b), a, Decision::Claim { index: 1 }),
            (Status::Idle, Some(a), a, Decision::Repeated),
            (Status::Progressing, Some(a), a, Decision::Repeated),
            (Status::Progressing, Some(b), a, Decision::NotIdle),
            (Status::Progressing, None, a, Decision::NotIdle),
            (Status::Progressing, None, nobody, Decision::NotIdle),
            (Status::Done, Some(a), a, Decision::Repeated),
            (Status::Done, None, a, Decision::NotIdle),
            (Status::None, None, a, Decision::NotIdle),
        ];
        for (status, holder, attempt, expected) in cases {
            let target = OutdialTarget {
                status: status.clone(),
                ..OutdialTarget::default()
            };
            assert_eq!(
                decide(&target, holder, attempt, 1),
                expected,
                "{status} {holder:?} {attempt}"
            );
        }
    }

    #[test]
    fn a_deleted_target_is_never_claimed() {
        let target = OutdialTarget {
            status: Status::Idle,
            tm_delete: Some(Timestamp::from_micros(1)),
            ..OutdialTarget::default()
        };
        assert_eq!(
            decide(&target, None, CampaigncallId::random(), 0),
            Decision::Deleted
        );
    }

    #[test]
    fn a_destination_outside_the_five_is_refused() {
        let target = OutdialTarget {
            status: Status::Idle,
            ..OutdialTarget::default()
        };
        for index in [-1, 5, i64::MAX] {
            let decision = decide(&target, None, CampaigncallId::NIL, index);
            assert_eq!(decision, Decision::NoSuchDestination, "{index}");
        }
    }
}
