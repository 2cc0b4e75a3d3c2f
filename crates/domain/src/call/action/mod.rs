//! What an action of a flow does on a call (chapter 03 §5.4). One file per type.

mod answer;
mod hangup;
mod play;
mod sleep;

use trunkline_model::Action;
use trunkline_model::action::Kind;
use trunkline_model::call::HangupReason;
use trunkline_model::id::{ActionId, CallId};

/// What is to be done for an action, and when it is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Answer the channel; then the next action at once.
    Answer,
    /// Play these media; the end of the playback brings the next action.
    Play {
        /// Media URIs for Asterisk, in order.
        media: Vec<String>,
    },
    /// Wait; the time-out brings the next action.
    Wait {
        /// Milliseconds.
        duration_ms: i64,
    },
    /// Hang up with this reason. The action never moves on.
    Hangup(HangupReason),
    /// Hang up with the cause of another call's channel.
    HangupAs(CallId),
    /// Cannot be done; the next action follows, as after every executor error.
    Skip {
        /// For the log.
        because: String,
    },
}

/// Decides what an action does.
#[must_use]
pub fn step(action: &Action) -> Step {
    if action.id == ActionId::EMPTY || action.id == ActionId::FINISH {
        return Step::Hangup(HangupReason::Normal);
    }
    match action.kind {
        Kind::Answer => answer::step(),
        Kind::Play => play::step(action),
        Kind::Sleep => sleep::step(action),
        Kind::Hangup => hangup::step(action),
        Kind::Amd
        | Kind::Beep
        | Kind::ConfbridgeJoin
        | Kind::DigitsReceive
        | Kind::DigitsSend
        | Kind::Echo
        | Kind::ExternalMediaStart
        | Kind::ExternalMediaStop
        | Kind::RecordingStart
        | Kind::RecordingStop
        | Kind::StreamEcho
        | Kind::Talk => skip(format!("this version cannot do `{}` yet", action.kind)),
        Kind::None
        | Kind::AiSummary
        | Kind::AiTalk
        | Kind::AiTask
        | Kind::Block
        | Kind::Branch
        | Kind::Call
        | Kind::CaseCreate
        | Kind::ConditionCallDigits
        | Kind::ConditionCallStatus
        | Kind::ConditionDatetime
        | Kind::ConditionVariable
        | Kind::ConferenceJoin
        | Kind::Connect
        | Kind::ConversationSend
        | Kind::EmailSend
        | Kind::Empty
        | Kind::Fetch
        | Kind::FetchFlow
        | Kind::Goto
        | Kind::MessageSend
        | Kind::Mute
        | Kind::QueueJoin
        | Kind::Stop
        | Kind::TranscribeRecording
        | Kind::TranscribeStart
        | Kind::TranscribeStop
        | Kind::VariableSet
        | Kind::WebhookSend
        | Kind::Other(_) => skip(format!("`{}` is not an action of a call", action.kind)),
    }
}

fn skip(because: String) -> Step {
    Step::Skip { because }
}

/// Reads an action's option; a missing one reads as an empty object.
fn option<T: serde::de::DeserializeOwned>(action: &Action) -> Result<T, String> {
    let object = action.option.clone().unwrap_or_default();
    serde_json::from_value(serde_json::Value::Object(object))
        .map_err(|error| format!("the option of `{}` does not fit: {error}", action.kind))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn action(kind: &str, option: serde_json::Value) -> Action {
        Action {
            id: ActionId(Uuid::from_u128(9)),
            kind: kind.into(),
            option: option.as_object().cloned(),
            ..Action::default()
        }
    }

    #[test]
    fn each_type_does_what_the_table_says() {
        assert_eq!(step(&action("answer", json!(null))), Step::Answer);
        assert_eq!(
            step(&action("sleep", json!({"duration": 1500}))),
            Step::Wait { duration_ms: 1500 }
        );
        assert_eq!(
            step(&action("hangup", json!(null))),
            Step::Hangup(HangupReason::Normal)
        );
        assert_eq!(
            step(&action("hangup", json!({"reason": "busy"}))),
            Step::Hangup(HangupReason::Busy)
        );
        let other = CallId(Uuid::from_u128(5));
        assert_eq!(
            step(&action("hangup", json!({"reference_id": other}))),
            Step::HangupAs(other)
        );
        assert_eq!(
            step(&Action::reserved(ActionId::FINISH)),
            Step::Hangup(HangupReason::Normal)
        );
        assert_eq!(
            step(&Action::reserved(ActionId::EMPTY)),
            Step::Hangup(HangupReason::Normal)
        );
    }

    #[test]
    fn option_that_does_not_fit_and_unknown_types_are_skipped() {
        for action in [
            action("sleep", json!({"duration": "long"})),
            action("play", json!({"stream_urls": "one"})),
            action("mute", json!(null)),
            action("unheard", json!(null)),
        ] {
            assert!(matches!(step(&action), Step::Skip { .. }), "{action:?}");
        }
    }

    #[test]
    fn only_media_that_asterisk_finishes_is_played() {
        let play = |urls: serde_json::Value| step(&action("play", json!({ "stream_urls": urls })));
        assert_eq!(
            play(json!([
                "https://host/a.wav",
                "/srv/sounds/b.wav",
                "hello-world",
                "sound:tt-weasels"
            ])),
            Step::Play {
                media: [
                    "sound:https://host/a.wav",
                    "sound:/srv/sounds/b",
                    "sound:hello-world",
                    "sound:tt-weasels"
                ]
                .map(str::to_owned)
                .into()
            }
        );
        for bad in [
            json!([]),
            json!(["foo:x"]),
            json!(["ftp://host/a.wav"]),
            json!([""]),
        ] {
            assert!(matches!(play(bad.clone()), Step::Skip { .. }), "{bad}");
        }
    }
}
