//! May this request move the activeflow? (Chapter 05 D.5.2 step 2.)
//!
//! The reference ends an activeflow, and with it its call, when it is asked for
//! the action after one that is not the current one. A request that is repeated
//! because its reply was lost looks exactly like that; it gets the same answer
//! again instead, as long as the answer is fresh. A loop of a single action
//! cannot be told from its repetition: there the request moves on.

use std::time::Duration;

use trunkline_model::action::Kind;
use trunkline_model::activeflow::{Activeflow, Status};
use trunkline_model::id::ActionId;
use trunkline_model::{Action, Timestamp};

use super::action::{self, Executor, fetch};
use super::failure::Failure;
use super::limits::Limits;

/// What a request for the next action leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Walk on.
    Walk,
    /// Ask the server again that the activeflow waits for.
    Fetch,
    /// Answer this action once more and change nothing.
    Again(Action),
    /// Refuse, and end the activeflow if it has not ended.
    Refuse(Failure),
}

/// Judges a request for the action after `asked`.
#[must_use]
pub fn judge(activeflow: &Activeflow, asked: ActionId, limits: &Limits, now: Timestamp) -> Verdict {
    if activeflow.status == Status::Ended {
        return Verdict::Refuse(Failure::Ended);
    }
    let current = activeflow.current_action.id;
    if fetch::is_pending(activeflow) && activeflow.forward_action_id.is_nil() {
        let begun = current == asked || last_answered(activeflow) == Some(asked);
        return if begun {
            Verdict::Fetch
        } else {
            Verdict::Refuse(Failure::NotCurrent { current, asked })
        };
    }
    if current == asked || current.is_nil() {
        return Verdict::Walk;
    }
    if is_repetition(activeflow, asked, limits, now) {
        return Verdict::Again(activeflow.current_action.clone());
    }
    Verdict::Refuse(Failure::NotCurrent { current, asked })
}

/// Whether the current action is what was answered to a request for the action
/// after `asked`, a moment ago.
fn is_repetition(
    activeflow: &Activeflow,
    asked: ActionId,
    limits: &Limits,
    now: Timestamp,
) -> bool {
    let Some(moved) = activeflow.tm_update else {
        return false;
    };
    let window = Duration::from_millis(limits.repeat_window_ms);
    is_handed_over(activeflow, &activeflow.current_action)
        && now.since(moved) <= window
        && last_answered(activeflow) == Some(asked)
}

/// The action before the current one that somebody was answered. What
/// flow-manager did in between was not asked for by anybody.
fn last_answered(activeflow: &Activeflow) -> Option<ActionId> {
    let was_answered = |action: &&Action| {
        action.id == ActionId::START
            || is_handed_over(activeflow, action)
            || is_block(activeflow, action)
    };
    let found = activeflow.executed_actions.iter().rev().find(was_answered);
    found.map(|action| action.id)
}

fn is_block(activeflow: &Activeflow, action: &Action) -> bool {
    action.kind == Kind::Block
        && action::executor(&action.kind, &activeflow.reference_type).is_some()
}

fn is_handed_over(activeflow: &Activeflow, action: &Action) -> bool {
    action::executor(&action.kind, &activeflow.reference_type) == Some(Executor::CallManager)
}

#[cfg(test)]
mod tests {
    use trunkline_model::activeflow::ReferenceType;
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> ActionId {
        ActionId(Uuid::from_u128(0x100 + n))
    }

    fn action(n: u128, kind: Kind) -> Action {
        Action {
            id: id(n),
            kind,
            ..Action::default()
        }
    }

    /// start, answer 1, goto 2, and now play 3.
    fn playing() -> Activeflow {
        Activeflow {
            status: Status::Running,
            reference_type: ReferenceType::Call,
            current_action: action(3, Kind::Play),
            executed_actions: vec![
                Action::reserved(ActionId::START),
                action(1, Kind::Answer),
                action(2, Kind::Goto),
            ],
            tm_update: Some(Timestamp::from_micros(0)),
            ..Activeflow::default()
        }
    }

    fn asked(activeflow: &Activeflow, asked: ActionId, after_ms: i64) -> Verdict {
        judge(
            activeflow,
            asked,
            &Limits::default(),
            Timestamp::from_micros(0).plus_millis(after_ms),
        )
    }

    #[test]
    fn the_current_action_moves_on() {
        assert_eq!(asked(&playing(), id(3), 0), Verdict::Walk);
        assert_eq!(asked(&playing(), id(3), 3_600_000), Verdict::Walk);
    }

    #[test]
    fn a_repeated_request_gets_the_same_action_while_it_is_fresh() {
        let again = Verdict::Again(playing().current_action);
        assert_eq!(asked(&playing(), id(1), 0), again);
        assert_eq!(asked(&playing(), id(1), 10_000), again);
        let refused = Failure::NotCurrent {
            current: id(3),
            asked: id(1),
        };
        assert_eq!(asked(&playing(), id(1), 10_001), Verdict::Refuse(refused));
    }

    #[test]
    fn any_other_action_is_refused() {
        for wrong in [
            ActionId::START,
            ActionId::NIL,
            ActionId::FINISH,
            id(2),
            id(9),
        ] {
            assert!(
                matches!(asked(&playing(), wrong, 0), Verdict::Refuse(_)),
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_first_request_can_be_repeated_too() {
        let mut activeflow = playing();
        activeflow.executed_actions.truncate(1);
        assert!(matches!(
            asked(&activeflow, ActionId::START, 0),
            Verdict::Again(_)
        ));
    }

    #[test]
    fn nothing_is_answered_again_that_nobody_was_given() {
        let mut activeflow = playing();
        activeflow.current_action.kind = Kind::Block;
        assert!(matches!(asked(&activeflow, id(1), 0), Verdict::Refuse(_)));
    }

    #[test]
    fn a_fetch_that_is_not_over_is_begun_again_by_whoever_waits_for_it() {
        let mut activeflow = playing();
        activeflow.current_action = action(3, Kind::Fetch);
        for (wanted, after_ms) in [(id(1), 0), (id(1), 3_600_000), (id(3), 0)] {
            assert_eq!(asked(&activeflow, wanted, after_ms), Verdict::Fetch);
        }
        for wrong in [ActionId::START, id(2), id(9)] {
            let verdict = asked(&activeflow, wrong, 0);
            assert!(matches!(verdict, Verdict::Refuse(_)), "{wrong}");
        }
        // Somebody wants it elsewhere meanwhile.
        activeflow.forward_action_id = id(4);
        assert_eq!(asked(&activeflow, id(3), 0), Verdict::Walk);
    }

    #[test]
    fn an_ended_activeflow_refuses_and_an_action_without_id_is_anyones() {
        let mut activeflow = playing();
        activeflow.current_action.id = ActionId::NIL;
        assert_eq!(asked(&activeflow, id(9), 0), Verdict::Walk);
        activeflow.status = Status::Ended;
        assert_eq!(
            asked(&activeflow, ActionId::NIL, 0),
            Verdict::Refuse(Failure::Ended)
        );
    }
}
