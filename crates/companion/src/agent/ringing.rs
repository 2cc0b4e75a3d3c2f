//! What a group call does to the status of the agents that it rings (chapter 05
//! C.4.3). Pure.
//!
//! ```text
//!  available ── groupcall_created ──> ringing ── groupcall_progressing ──> busy
//!      ^                                 │                                   │
//!      └──────── groupcall_hangup ───────┴───── groupcall_hangup ────────────┘
//! ```
//!
//! Only an agent who was free is moved, and only along these lines: one who is
//! `away`, `offline` or made himself `busy` stays so.

use trunkline_model::address::Kind;
use trunkline_model::agent::Status;
use trunkline_model::groupcall::Groupcall;
use trunkline_model::id::AgentId;

/// What happened to a group call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    Created,
    Answered,
    Ended,
}

impl Happening {
    /// The happening that an event tells of.
    #[must_use]
    pub fn of_event(kind: &str) -> Option<Self> {
        match kind {
            "groupcall_created" => Some(Self::Created),
            "groupcall_progressing" => Some(Self::Answered),
            "groupcall_hangup" => Some(Self::Ended),
            _ => None,
        }
    }
}

/// The agents that a group call rings.
#[must_use]
pub fn agents(groupcall: &Groupcall) -> Vec<AgentId> {
    let agents = groupcall
        .destinations
        .iter()
        .filter(|destination| destination.kind == Kind::Agent);
    agents
        .filter_map(|agent| agent.target.parse().ok())
        .collect()
}

/// The status that follows, if any.
#[must_use]
pub fn decide(happening: Happening, status: &Status, groupcall: &Groupcall) -> Option<Status> {
    let answered = !groupcall.answer_call_id.is_nil() || !groupcall.answer_groupcall_id.is_nil();
    match (happening, status) {
        (Happening::Created, Status::Available) => Some(Status::Ringing),
        (Happening::Answered, Status::Available | Status::Ringing) => Some(Status::Busy),
        (Happening::Ended, Status::Ringing) => Some(Status::Available),
        // Nobody became busy through a group call that nobody answered.
        (Happening::Ended, Status::Busy) if answered => Some(Status::Available),
        (
            Happening::Created | Happening::Answered | Happening::Ended,
            Status::None
            | Status::Available
            | Status::Away
            | Status::Busy
            | Status::Offline
            | Status::Ringing
            | Status::Other(_),
        ) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_model::Address;
    use trunkline_model::id::CallId;

    #[test]
    fn only_free_agents_are_moved_and_they_come_back() {
        let unanswered = Groupcall::default();
        let answered = Groupcall {
            answer_call_id: CallId::random(),
            ..Groupcall::default()
        };
        let moved = |happening, status: &str, groupcall| {
            decide(happening, &Status::from(status), groupcall).map(|status| status.to_string())
        };
        let cases = [
            (
                Happening::Created,
                "available",
                &unanswered,
                Some("ringing"),
            ),
            (Happening::Answered, "ringing", &answered, Some("busy")),
            (Happening::Answered, "available", &answered, Some("busy")),
            (Happening::Ended, "ringing", &unanswered, Some("available")),
            (Happening::Ended, "busy", &answered, Some("available")),
            (Happening::Ended, "busy", &unanswered, None),
        ];
        for (happening, status, groupcall, expected) in cases {
            assert_eq!(
                moved(happening, status, groupcall).as_deref(),
                expected,
                "{happening:?} {status}"
            );
        }
        for happening in [Happening::Created, Happening::Answered, Happening::Ended] {
            for status in ["away", "offline", "", "lunch"] {
                assert_eq!(
                    moved(happening, status, &answered),
                    None,
                    "{happening:?} {status}"
                );
            }
        }
    }

    #[test]
    fn agents_are_the_destinations_of_that_type() {
        let id = AgentId::random();
        let agent = |target: &str| Address {
            kind: Kind::Agent,
            target: target.to_owned(),
            ..Address::default()
        };
        let destinations = vec![
            Address::tel("+15551234567"),
            agent(&id.to_string()),
            agent("nobody"),
        ];
        assert_eq!(
            agents(&Groupcall {
                destinations,
                ..Groupcall::default()
            }),
            [id]
        );
    }
}
