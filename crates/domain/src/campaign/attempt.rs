//! The end of an attempt: what it came to, and what a look at its call or
//! activeflow means (chapter 05 A.9, architecture §6).

use std::time::Duration;

use trunkline_model::Timestamp;
use trunkline_model::activeflow::{self, Activeflow};
use trunkline_model::call::{self, Call, HangupReason};
use trunkline_model::campaigncall::Outcome;
use trunkline_model::outdial_target;

/// What a hung-up call is for its attempt: a success if and only if somebody
/// answered.
///
/// An event with a whole call says when it was answered. One with the id and
/// the hangup reason alone leaves the reference's table as the fallback.
#[must_use]
pub fn outcome_of_call(call: &Call) -> Outcome {
    if call.tm_progressing.is_some() {
        return Outcome::Success;
    }
    let whole = call.tm_create.is_some() || call.tm_hangup.is_some();
    if whole {
        return Outcome::Fail;
    }
    match &call.hangup_reason {
        HangupReason::Normal => Outcome::Success,
        HangupReason::Failed
        | HangupReason::Busy
        | HangupReason::Cancel
        | HangupReason::Timeout
        | HangupReason::NoAnswer
        | HangupReason::Dialout
        | HangupReason::Amd
        | HangupReason::None
        | HangupReason::Other(_) => Outcome::Fail,
    }
}

/// What a target becomes after an attempt: its tries decide whether it is
/// called again.
#[must_use]
pub fn target_status(outcome: &Outcome) -> outdial_target::Status {
    match outcome {
        Outcome::Success => outdial_target::Status::Done,
        Outcome::Fail | Outcome::None | Outcome::Other(_) => outdial_target::Status::Idle,
    }
}

/// What was found where an attempt's call or activeflow should be.
#[derive(Debug)]
pub enum Found {
    Call(Box<Call>),
    Activeflow(Box<Activeflow>),
    /// It does not exist.
    Nothing,
    /// Its service does not answer.
    Away,
}

/// What a check of an attempt leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    Done(Outcome),
    /// Look again.
    Again(Duration),
}

/// Pauses between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// Age at which an attempt without a call has none: its create was given up
    /// well before.
    pub settled: Duration,
    /// While it lives.
    pub live: Duration,
    /// While its service is away.
    pub away: Duration,
}

/// Decides on an attempt of this age.
#[must_use]
pub fn check(found: &Found, age: Duration, pauses: &Pauses) -> Check {
    match found {
        Found::Call(call) if call.status == call::Status::Hangup => {
            Check::Done(outcome_of_call(call))
        }
        Found::Activeflow(flow) if ended(flow) => Check::Done(Outcome::Success),
        Found::Call(_) | Found::Activeflow(_) => Check::Again(pauses.live),
        Found::Nothing if age >= pauses.settled => Check::Done(Outcome::Fail),
        Found::Nothing => Check::Again(pauses.settled.saturating_sub(age)),
        Found::Away => Check::Again(pauses.away),
    }
}

/// Whether an activeflow has run to its end. The reference announces its end
/// with `activeflow_updated`, and its deletion with `activeflow_deleted`.
#[must_use]
pub fn ended(flow: &Activeflow) -> bool {
    has_ended(&flow.status, flow.tm_delete)
}

/// As [`ended`], by the two fields that say it.
#[must_use]
pub fn has_ended(status: &activeflow::Status, tm_delete: Option<Timestamp>) -> bool {
    *status == activeflow::Status::Ended || tm_delete.is_some()
}

/// Whether a call that has rung for the outplan's time-out is hung up: only
/// while nobody has answered.
#[must_use]
pub fn times_out(call: &Call) -> bool {
    match call.status {
        call::Status::Dialing | call::Status::Ringing => true,
        call::Status::None
        | call::Status::Progressing
        | call::Status::Terminating
        | call::Status::Canceling
        | call::Status::Hangup
        | call::Status::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Option<Timestamp> = Some(Timestamp::from_micros(1));

    #[test]
    fn an_answered_call_is_a_success_whatever_ended_it() {
        for reason in HangupReason::known() {
            let mut call = Call {
                hangup_reason: reason.clone(),
                tm_create: NOW,
                ..Call::default()
            };
            assert_eq!(outcome_of_call(&call), Outcome::Fail, "{reason}");
            call.tm_progressing = NOW;
            assert_eq!(outcome_of_call(&call), Outcome::Success, "{reason}");
        }
    }

    #[test]
    fn without_times_the_reason_decides() {
        let reasons = HangupReason::known().iter().cloned();
        for reason in reasons.chain([HangupReason::Other("new".to_owned())]) {
            let call = Call {
                hangup_reason: reason.clone(),
                ..Call::default()
            };
            let normal = reason == HangupReason::Normal;
            let expected = if normal {
                Outcome::Success
            } else {
                Outcome::Fail
            };
            assert_eq!(outcome_of_call(&call), expected, "{reason}");
        }
    }

    #[test]
    fn a_target_is_done_after_a_success_and_idle_after_anything_else() {
        let cases = [
            (Outcome::Success, outdial_target::Status::Done),
            (Outcome::Fail, outdial_target::Status::Idle),
            (Outcome::None, outdial_target::Status::Idle),
        ];
        for (outcome, expected) in cases {
            assert_eq!(target_status(&outcome), expected);
        }
    }

    #[test]
    fn a_check_ends_an_attempt_only_when_it_knows() {
        let pauses = Pauses {
            settled: Duration::from_secs(15),
            live: Duration::from_secs(30),
            away: Duration::from_secs(5),
        };
        let call = |status| {
            Found::Call(Box::new(Call {
                status,
                tm_create: NOW,
                ..Call::default()
            }))
        };
        let flow = |status, tm_delete| {
            Found::Activeflow(Box::new(Activeflow {
                status,
                tm_delete,
                ..Activeflow::default()
            }))
        };
        let again = |seconds| Check::Again(Duration::from_secs(seconds));
        let cases = [
            (call(call::Status::Hangup), 15, Check::Done(Outcome::Fail)),
            (call(call::Status::Dialing), 15, again(30)),
            (call(call::Status::Progressing), 15, again(30)),
            (call(call::Status::Terminating), 15, again(30)),
            (
                flow(activeflow::Status::Ended, None),
                15,
                Check::Done(Outcome::Success),
            ),
            (
                flow(activeflow::Status::Running, NOW),
                15,
                Check::Done(Outcome::Success),
            ),
            (flow(activeflow::Status::Running, None), 15, again(30)),
            (Found::Nothing, 15, Check::Done(Outcome::Fail)),
            (Found::Nothing, 4, again(11)),
            (Found::Away, 900, again(5)),
        ];
        for (found, age, expected) in cases {
            assert_eq!(
                check(&found, Duration::from_secs(age), &pauses),
                expected,
                "{found:?}"
            );
        }
    }

    #[test]
    fn the_dial_timeout_hits_only_calls_that_nobody_answered() {
        for status in call::Status::known() {
            let call = Call {
                status: status.clone(),
                ..Call::default()
            };
            let expected = matches!(status, call::Status::Dialing | call::Status::Ringing);
            assert_eq!(times_out(&call), expected, "{status}");
        }
    }
}
