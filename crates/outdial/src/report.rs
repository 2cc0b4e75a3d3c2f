//! Reporting how an attempt ended (chapter 05 B.6, G.3). Pure.
//!
//! A report that names its attempt applies only while that attempt holds the
//! target, so that a late or repeated one changes nothing; or while it is held
//! by a claim without a name: then the attempt was begun by the reference's
//! campaign-manager and is ended by ours. A report of the reference names none
//! and is believed.

use trunkline_model::id::CampaigncallId;
use trunkline_model::outdial_target::{DESTINATION_COUNT, OutdialTarget, Status, StatusReport};

/// Which attempt claimed a target last, and for which destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    pub attempt: CampaigncallId,
    pub destination_index: i64,
}

/// What a report leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Store the status; nobody in particular reports it.
    Set,
    /// The attempt ends: store the status.
    End,
    /// The attempt dialed nobody: store the status, take the try of this
    /// destination back and leave the time of the last try as it is.
    EndUntried { index: usize },
    /// Late, repeated, or about a deleted target.
    Ignore,
}

/// Decides about a report. `holder` is whoever claimed the target last.
#[must_use]
pub fn decide(target: &OutdialTarget, holder: Option<Holder>, report: &StatusReport) -> Decision {
    if target.tm_delete.is_some() {
        return Decision::Ignore;
    }
    if report.attempt_id.is_nil() {
        return Decision::Set;
    }
    if target.status != Status::Progressing {
        return Decision::Ignore;
    }
    let Some(holder) = holder else {
        return Decision::End;
    };
    if holder.attempt != report.attempt_id {
        return Decision::Ignore;
    }
    let index = usize::try_from(holder.destination_index)
        .ok()
        .filter(|index| *index < DESTINATION_COUNT);
    match index {
        Some(index) if report.untried => Decision::EndUntried { index },
        Some(_) | None => Decision::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_model::Timestamp;

    fn target(status: Status) -> OutdialTarget {
        OutdialTarget {
            status,
            ..OutdialTarget::default()
        }
    }

    fn report(attempt_id: CampaigncallId, untried: bool) -> StatusReport {
        StatusReport {
            status: Status::Idle,
            attempt_id,
            untried,
        }
    }

    #[test]
    fn a_report_applies_only_while_its_attempt_holds_the_target() {
        let [mine, other] = [CampaigncallId::random(), CampaigncallId::random()];
        let held_by = |attempt| {
            Some(Holder {
                attempt,
                destination_index: 3,
            })
        };
        let cases = [
            (Status::Progressing, held_by(mine), false, Decision::End),
            (
                Status::Progressing,
                held_by(mine),
                true,
                Decision::EndUntried { index: 3 },
            ),
            (Status::Progressing, held_by(other), false, Decision::Ignore),
            (Status::Progressing, None, true, Decision::End),
            (Status::Idle, None, true, Decision::Ignore),
            (Status::Idle, held_by(mine), true, Decision::Ignore),
            (Status::Done, held_by(mine), false, Decision::Ignore),
        ];
        for (status, holder, untried, expected) in cases {
            assert_eq!(
                decide(&target(status.clone()), holder, &report(mine, untried)),
                expected,
                "{status}"
            );
        }
    }

    #[test]
    fn a_report_without_attempt_is_believed_as_the_reference_does() {
        let holder = Some(Holder {
            attempt: CampaigncallId::random(),
            destination_index: 0,
        });
        for status in [Status::Idle, Status::Progressing, Status::Done] {
            assert_eq!(
                decide(&target(status), holder, &report(CampaigncallId::NIL, true)),
                Decision::Set
            );
        }
    }

    #[test]
    fn a_deleted_target_is_not_revived() {
        let deleted = OutdialTarget {
            tm_delete: Some(Timestamp::from_micros(1)),
            ..target(Status::Progressing)
        };
        assert_eq!(
            decide(&deleted, None, &report(CampaigncallId::NIL, false)),
            Decision::Ignore
        );
    }
}
