//! The status machine of a call (chapter 02 §4.1–4.2, 03 §9).
//!
//! ```text
//! old \ new     ringing  progressing  terminating  canceling  hangup
//! dialing          x          x            x           x         x
//! ringing                     x            x           x         x
//! progressing                              x                     x
//! terminating                                                    x
//! canceling                                                      x
//! hangup
//! ```

use trunkline_model::call::{Call, Direction, Status, data_key};
use trunkline_model::channel::State;

/// The status that a channel's state stands for.
#[must_use]
pub fn of_channel(state: &State) -> Status {
    match state {
        State::Down
        | State::Rsrvd
        | State::OffHook
        | State::Dialing
        | State::Busy
        | State::DialingOffhook
        | State::PreRing
        | State::Unknown => Status::Dialing,
        State::Ring | State::Ringing => Status::Ringing,
        State::Up | State::Mute => Status::Progressing,
        State::None | State::Other(_) => Status::Hangup,
    }
}

/// Whether a call may go from `old` to `new`.
#[must_use]
pub fn may_become(old: &Status, new: &Status) -> bool {
    match new {
        Status::None | Status::Dialing | Status::Other(_) => false,
        Status::Ringing => matches!(old, Status::Dialing),
        Status::Progressing | Status::Canceling => matches!(old, Status::Dialing | Status::Ringing),
        Status::Terminating => {
            matches!(old, Status::Dialing | Status::Ringing | Status::Progressing)
        }
        Status::Hangup => is_live(old),
    }
}

/// Whether the call has not ended.
#[must_use]
pub fn is_live(status: &Status) -> bool {
    match status {
        Status::Dialing
        | Status::Ringing
        | Status::Progressing
        | Status::Terminating
        | Status::Canceling => true,
        Status::None | Status::Hangup | Status::Other(_) => false,
    }
}

/// What a change of its channel's state means for a call (chapter 03 §2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing: repeated, late or without meaning.
    None,
    /// The far end rings; `run_flow` when the flow starts early.
    Ring {
        /// The flow starts at ringing.
        run_flow: bool,
    },
    /// The far end answered, or we answered.
    Answer {
        /// The flow starts now: an outgoing call whose flow has not started early.
        run_flow: bool,
    },
}

/// Decides what `state` of the call's channel changes.
#[must_use]
pub fn on_channel_state(call: &Call, state: &State) -> Change {
    let new = of_channel(state);
    if !may_become(&call.status, &new) {
        return Change::None;
    }
    let early = runs_early(call);
    match new {
        Status::Ringing => Change::Ring { run_flow: early },
        // Where the flow starts at ringing, one that never rang has not started it.
        Status::Progressing => Change::Answer {
            run_flow: call.direction == Direction::Outgoing
                && (!early || call.status == Status::Dialing),
        },
        Status::None
        | Status::Dialing
        | Status::Terminating
        | Status::Canceling
        | Status::Hangup
        | Status::Other(_) => Change::None,
    }
}

/// Whether the call's flow starts at ringing.
#[must_use]
pub fn runs_early(call: &Call) -> bool {
    call.data
        .get(data_key::EARLY_EXECUTION)
        .is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Status; 6] = [
        Status::Dialing,
        Status::Ringing,
        Status::Progressing,
        Status::Terminating,
        Status::Canceling,
        Status::Hangup,
    ];

    #[test]
    fn transitions_are_those_of_the_table() {
        let table = [
            [false, true, true, true, true, true],
            [false, false, true, true, true, true],
            [false, false, false, true, false, true],
            [false, false, false, false, false, true],
            [false, false, false, false, false, true],
            [false; 6],
        ];
        for (old, row) in ALL.iter().zip(table) {
            for (new, allowed) in ALL.iter().zip(row) {
                assert_eq!(may_become(old, new), allowed, "{old} -> {new}");
            }
        }
        for new in &ALL {
            assert!(!may_become(&Status::Other("unheard".to_owned()), new));
        }
    }

    #[test]
    fn channel_states_map_to_statuses() {
        for (state, status) in [
            ("Down", Status::Dialing),
            ("Dialing Offhook", Status::Dialing),
            ("Ring", Status::Ringing),
            ("Ringing", Status::Ringing),
            ("Up", Status::Progressing),
            ("Mute", Status::Progressing),
            ("Nonsense", Status::Hangup),
        ] {
            assert_eq!(of_channel(&State::from(state)), status, "{state}");
        }
    }

    fn outgoing(status: Status, early: bool) -> Call {
        let data = [(data_key::EARLY_EXECUTION.to_owned(), early.to_string())].into();
        Call {
            status,
            direction: Direction::Outgoing,
            data,
            ..Call::default()
        }
    }

    #[test]
    fn answer_starts_the_flow_unless_it_started_early() {
        let answered = |call: &Call| on_channel_state(call, &State::Up);
        assert_eq!(
            answered(&outgoing(Status::Dialing, false)),
            Change::Answer { run_flow: true }
        );
        assert_eq!(
            answered(&outgoing(Status::Ringing, true)),
            Change::Answer { run_flow: false }
        );
        assert_eq!(
            answered(&outgoing(Status::Dialing, true)),
            Change::Answer { run_flow: true },
            "it never rang"
        );
        let incoming = Call {
            direction: Direction::Incoming,
            ..outgoing(Status::Ringing, false)
        };
        assert_eq!(answered(&incoming), Change::Answer { run_flow: false });
    }

    #[test]
    fn late_and_repeated_states_change_nothing() {
        for (status, state) in [
            (Status::Ringing, State::Ringing),
            (Status::Progressing, State::Ringing),
            (Status::Progressing, State::Up),
            (Status::Canceling, State::Up),
            (Status::Hangup, State::Up),
        ] {
            assert_eq!(
                on_channel_state(&outgoing(status.clone(), false), &state),
                Change::None,
                "{status} {state}"
            );
        }
    }
}
