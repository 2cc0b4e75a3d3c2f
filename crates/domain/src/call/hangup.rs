//! How calls end: causes, reasons, failover (chapter 02 §4.3–4.6, 03 §8).

use trunkline_model::address::Kind;
use trunkline_model::call::{Call, Direction, HangupBy, HangupReason, Status};
use trunkline_model::id::RouteId;

use super::status::{is_live, may_become, runs_early};

/// Hangup causes: Q.850 numbers, and the private ones from 200 on.
pub mod cause {
    /// Nothing known; also a dial time-out in the reference.
    pub const NONE: i64 = 0;
    /// No route to destination (SIP 404).
    pub const NO_ROUTE: i64 = 3;
    /// Normal clearing.
    pub const NORMAL: i64 = 16;
    /// User busy.
    pub const BUSY: i64 = 17;
    /// No user responding.
    pub const NO_RESPONSE: i64 = 18;
    /// No answer.
    pub const NO_ANSWER: i64 = 19;
    /// Call rejected.
    pub const REJECTED: i64 = 21;
    /// Answered elsewhere.
    pub const ANSWERED_ELSEWHERE: i64 = 26;
    /// Network out of order (SIP 500).
    pub const NETWORK_OUT_OF_ORDER: i64 = 38;
    /// Interworking.
    pub const INTERWORKING: i64 = 127;
    /// Private: the longest duration of a call was reached.
    pub const DURATION_REACHED: i64 = 200;
    /// Private: an answering machine was to be hung up.
    pub const AMD: i64 = 201;
}

/// The cause that a hangup with this reason is sent with.
#[must_use]
pub fn cause_of(reason: &HangupReason) -> i64 {
    match reason {
        HangupReason::None
        | HangupReason::Normal
        | HangupReason::Cancel
        | HangupReason::Timeout
        | HangupReason::Other(_) => cause::NORMAL,
        HangupReason::Failed => cause::NO_RESPONSE,
        HangupReason::Busy => cause::BUSY,
        HangupReason::NoAnswer | HangupReason::Dialout => cause::NO_ANSWER,
        HangupReason::Amd => cause::AMD,
    }
}

/// Why a call ended, from its direction, its status before the end, and the
/// channel's cause.
#[must_use]
pub fn reason_of(direction: &Direction, before: &Status, cause: i64) -> HangupReason {
    match direction {
        Direction::Outgoing => reason_of_outgoing(before, cause),
        Direction::None | Direction::Incoming | Direction::Other(_) => {
            reason_of_incoming(before, cause)
        }
    }
}

fn reason_of_incoming(before: &Status, cause: i64) -> HangupReason {
    match (before, cause) {
        (Status::Dialing | Status::Ringing, cause::NO_ANSWER) => HangupReason::NoAnswer,
        (Status::Dialing | Status::Ringing, cause::BUSY) => HangupReason::Busy,
        (Status::Progressing, cause::DURATION_REACHED) => HangupReason::Timeout,
        _ => HangupReason::Normal,
    }
}

fn reason_of_outgoing(before: &Status, cause: i64) -> HangupReason {
    match before {
        Status::Dialing | Status::Ringing => match cause {
            cause::NO_ANSWER | cause::REJECTED => HangupReason::NoAnswer,
            cause::BUSY => HangupReason::Busy,
            cause::NORMAL | cause::ANSWERED_ELSEWHERE => HangupReason::Normal,
            cause::NONE => HangupReason::Dialout,
            _ => HangupReason::Failed,
        },
        Status::Progressing if cause == cause::DURATION_REACHED => HangupReason::Timeout,
        Status::Terminating if cause == cause::AMD => HangupReason::Amd,
        Status::Canceling => HangupReason::Cancel,
        Status::Progressing
        | Status::Terminating
        | Status::None
        | Status::Hangup
        | Status::Other(_) => HangupReason::Normal,
    }
}

/// Which side ended the call.
#[must_use]
pub fn hangup_by(before: &Status) -> HangupBy {
    match before {
        Status::Terminating | Status::Canceling => HangupBy::Local,
        Status::None
        | Status::Dialing
        | Status::Ringing
        | Status::Progressing
        | Status::Hangup
        | Status::Other(_) => HangupBy::Remote,
    }
}

/// What a request to hang up does (chapter 03 §8.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The call is ending or has ended.
    Nothing,
    /// The call takes this status and its channel is hung up with this cause.
    Begin {
        /// `canceling` before an outgoing call is answered, else `terminating`.
        status: Status,
        /// Cause for Asterisk.
        cause: i64,
    },
}

/// Decides on a request to hang up.
#[must_use]
pub fn on_request(call: &Call, reason: &HangupReason) -> Request {
    let ending = matches!(
        call.status,
        Status::Canceling | Status::Terminating | Status::Hangup
    );
    if ending {
        return Request::Nothing;
    }
    let cancels =
        call.direction == Direction::Outgoing && may_become(&call.status, &Status::Canceling);
    let status = if cancels {
        Status::Canceling
    } else {
        Status::Terminating
    };
    Request::Begin {
        status,
        cause: cause_of(reason),
    }
}

/// What the end of its channel does to a call (chapter 03 §8.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The call has ended already.
    Nothing,
    /// The next dial route is tried; no hangup is recorded.
    Failover {
        /// The route to try.
        route: RouteId,
    },
    /// The call ends.
    Finish { reason: HangupReason, by: HangupBy },
}

/// Decides on the end of a call's channel.
///
/// `may_fail_over` is false when the outcome is a guess (the channel vanished
/// while nobody listened): after an INVITE may have left, nobody is dialed again.
#[must_use]
pub fn on_channel_end(call: &Call, cause: i64, may_fail_over: bool) -> End {
    if !is_live(&call.status) {
        return End::Nothing;
    }
    if may_fail_over
        && is_retryable(call, cause)
        && let Some(route) = next_route(call)
    {
        return End::Failover { route };
    }
    End::Finish {
        reason: reason_of(&call.direction, &call.status, cause),
        by: hangup_by(&call.status),
    }
}

/// Whether another route may be tried after this cause (chapter 03 §8.3).
#[must_use]
pub fn is_retryable(call: &Call, cause: i64) -> bool {
    const FINAL: [i64; 7] = [
        cause::NORMAL,
        cause::BUSY,
        cause::NO_ANSWER,
        cause::REJECTED,
        cause::ANSWERED_ELSEWHERE,
        cause::DURATION_REACHED,
        cause::AMD,
    ];
    let unanswered = match call.status {
        Status::Dialing => true,
        Status::Ringing => !runs_early(call),
        Status::None
        | Status::Progressing
        | Status::Terminating
        | Status::Canceling
        | Status::Hangup
        | Status::Other(_) => false,
    };
    call.direction == Direction::Outgoing
        && call.destination.kind == Kind::Tel
        && unanswered
        && !FINAL.contains(&cause)
}

/// The route behind the current one.
#[must_use]
pub fn next_route(call: &Call) -> Option<RouteId> {
    let current = call
        .dialroutes
        .iter()
        .position(|route| route.id == call.dialroute_id)?;
    call.dialroutes.get(current + 1).map(|route| route.id)
}

#[cfg(test)]
mod tests {
    use trunkline_model::route::Route;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_row_of_the_reason_table_holds() {
        use HangupReason::{Amd, Busy, Cancel, Dialout, Failed, NoAnswer, Normal, Timeout};
        let rows = [
            ("incoming", "dialing", 19, NoAnswer),
            ("incoming", "ringing", 17, Busy),
            ("incoming", "ringing", 21, Normal),
            ("incoming", "progressing", 200, Timeout),
            ("incoming", "progressing", 16, Normal),
            ("incoming", "terminating", 201, Normal),
            ("", "dialing", 19, NoAnswer),
            ("outgoing", "dialing", 19, NoAnswer),
            ("outgoing", "ringing", 21, NoAnswer),
            ("outgoing", "ringing", 17, Busy),
            ("outgoing", "dialing", 16, Normal),
            ("outgoing", "ringing", 26, Normal),
            ("outgoing", "dialing", 0, Dialout),
            ("outgoing", "dialing", 1, Failed),
            ("outgoing", "ringing", 200, Failed),
            ("outgoing", "progressing", 200, Timeout),
            ("outgoing", "progressing", 17, Normal),
            ("outgoing", "terminating", 201, Amd),
            ("outgoing", "terminating", 16, Normal),
            ("outgoing", "canceling", 200, Cancel),
            ("outgoing", "canceling", 16, Cancel),
            ("outgoing", "hangup", 17, Normal),
            ("outgoing", "unheard", 17, Normal),
        ];
        for (direction, status, cause, reason) in rows {
            let got = reason_of(&Direction::from(direction), &Status::from(status), cause);
            assert_eq!(got, reason, "{direction} {status} {cause}");
        }
    }

    #[test]
    fn reasons_are_sent_with_their_causes() {
        for (reason, cause) in [
            ("", 16),
            ("normal", 16),
            ("cancel", 16),
            ("timeout", 16),
            ("failed", 18),
            ("busy", 17),
            ("noanswer", 19),
            ("dialout", 19),
            ("amd", 201),
            ("unheard", 16),
        ] {
            assert_eq!(cause_of(&HangupReason::from(reason)), cause, "{reason}");
        }
    }

    fn call(direction: Direction, status: Status) -> Call {
        Call {
            direction,
            status,
            ..Call::default()
        }
    }

    #[test]
    fn hangup_request_cancels_what_nobody_answered() {
        let begun =
            |direction, status| match on_request(&call(direction, status), &HangupReason::Busy) {
                Request::Begin { status, cause } => Some((status, cause)),
                Request::Nothing => None,
            };
        use Direction::{Incoming, Outgoing};
        assert_eq!(
            begun(Outgoing, Status::Dialing),
            Some((Status::Canceling, 17))
        );
        assert_eq!(
            begun(Outgoing, Status::Ringing),
            Some((Status::Canceling, 17))
        );
        assert_eq!(
            begun(Outgoing, Status::Progressing),
            Some((Status::Terminating, 17))
        );
        assert_eq!(
            begun(Incoming, Status::Ringing),
            Some((Status::Terminating, 17))
        );
        for status in [Status::Canceling, Status::Terminating, Status::Hangup] {
            assert_eq!(begun(Outgoing, status), None);
        }
    }

    fn with_routes(status: Status, current: u128) -> Call {
        let routes = (1..=2).map(|n| Route {
            id: RouteId(Uuid::from_u128(n)),
            ..Route::default()
        });
        Call {
            destination: trunkline_model::Address::tel("+4930123456"),
            dialroute_id: RouteId(Uuid::from_u128(current)),
            dialroutes: routes.collect(),
            ..call(Direction::Outgoing, status)
        }
    }

    #[test]
    fn next_route_is_tried_only_before_an_answer_and_after_a_cause_that_allows_it() {
        let failover =
            |call: &Call, cause| matches!(on_channel_end(call, cause, true), End::Failover { .. });
        assert!(failover(&with_routes(Status::Dialing, 1), 34));
        assert!(failover(&with_routes(Status::Ringing, 1), 0));
        assert!(
            !failover(&with_routes(Status::Dialing, 2), 34),
            "no route is left"
        );
        assert!(
            !failover(&with_routes(Status::Dialing, 9), 34),
            "the current route is unknown"
        );
        assert!(!failover(&with_routes(Status::Progressing, 1), 34));
        assert!(!failover(&with_routes(Status::Canceling, 1), 34));
        for cause in [16, 17, 19, 21, 26, 200, 201] {
            assert!(
                !failover(&with_routes(Status::Dialing, 1), cause),
                "{cause}"
            );
        }
        let mut sip = with_routes(Status::Dialing, 1);
        sip.destination.kind = Kind::Sip;
        assert!(!failover(&sip, 34));
        let guess = on_channel_end(&with_routes(Status::Dialing, 1), 34, false);
        assert!(
            matches!(
                guess,
                End::Finish {
                    reason: HangupReason::Failed,
                    ..
                }
            ),
            "{guess:?}"
        );
    }

    #[test]
    fn ended_call_never_ends_again() {
        assert_eq!(
            on_channel_end(&with_routes(Status::Hangup, 1), 16, true),
            End::Nothing
        );
    }
}
