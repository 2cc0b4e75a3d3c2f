//! What a key does to a call (chapter 03 §6.1).

use trunkline_model::Action;
use trunkline_model::action::Kind;

use super::action::{Step, is_key, step};

/// What follows a key once the flow's variable is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// Nothing: the key counts for what comes later.
    Nothing,
    /// The next action: enough was pressed.
    Next,
    /// The speech is stopped, and the next action follows.
    StopTalk,
}

/// The key as it is kept; none when it is no key.
#[must_use]
pub fn key(digit: &str) -> Option<String> {
    let key = digit.to_ascii_uppercase();
    let mut chars = key.chars();
    let only = chars.next().filter(|_| chars.next().is_none())?;
    is_key(only).then_some(key)
}

/// Whether the variable keeps what it has when a key is pressed during `action`.
#[must_use]
pub fn appends(action: &Action) -> bool {
    action.kind == Kind::DigitsReceive
}

/// What follows when the variable has become `digits` during `action`.
#[must_use]
pub fn follows(action: &Action, digits: &str) -> Follows {
    match step(action) {
        Step::ReceiveDigits { enough, .. } if enough.is_met_by(digits) => Follows::Next,
        Step::Talk(talk) if talk.ends_at_key() => Follows::StopTalk,
        Step::ReceiveDigits { .. }
        | Step::Talk(_)
        | Step::Answer
        | Step::Play { .. }
        | Step::Wait { .. }
        | Step::SendDigits(_)
        | Step::Echo(_)
        | Step::StartRecording(_)
        | Step::StopRecording
        | Step::Hangup(_)
        | Step::HangupAs(_)
        | Step::Skip { .. } => Follows::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trunkline_model::id::ActionId;
    use uuid::Uuid;

    use super::*;

    fn action(kind: &str, option: &serde_json::Value) -> Action {
        Action {
            id: ActionId(Uuid::from_u128(9)),
            kind: kind.into(),
            option: option.as_object().cloned(),
            ..Action::default()
        }
    }

    #[test]
    fn a_key_is_one_of_sixteen() {
        for good in ["0", "9", "*", "#", "A", "d"] {
            assert_eq!(key(good), Some(good.to_ascii_uppercase()));
        }
        for bad in ["", "12", "E", "x", "é"] {
            assert_eq!(key(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_follows_a_key_depends_on_the_current_action() {
        let receive = json!({"length": 2, "key": "#", "duration": 5000});
        let barge_in = json!({"text": "x", "digits_handle": "next"});
        for (kind, option, digits, then) in [
            ("digits_receive", &receive, "1", Follows::Nothing),
            ("digits_receive", &receive, "12", Follows::Next),
            ("digits_receive", &receive, "#", Follows::Next),
            ("digits_receive", &json!({}), "123", Follows::Nothing),
            (
                "digits_receive",
                &json!({"length": -1}),
                "1",
                Follows::Nothing,
            ),
            ("talk", &barge_in, "1", Follows::StopTalk),
            ("talk", &json!({"text": "x"}), "1", Follows::Nothing),
            (
                "talk",
                &json!({"text": "x", "digits_handle": ""}),
                "1",
                Follows::Nothing,
            ),
            ("sleep", &json!({"duration": 1}), "1", Follows::Nothing),
        ] {
            let action = action(kind, option);
            assert_eq!(follows(&action, digits), then, "{kind} {option} {digits}");
            assert_eq!(appends(&action), kind == "digits_receive");
        }
    }
}
