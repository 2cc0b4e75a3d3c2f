//! What an action of a flow does on a call (chapter 03 §5.4). One file per type.

mod answer;
mod beep;
mod digits_receive;
mod digits_send;
mod echo;
mod hangup;
mod play;
mod recording_start;
mod recording_stop;
mod sleep;
mod talk;

use trunkline_model::Action;
use trunkline_model::action::Kind;
use trunkline_model::call::HangupReason;
use trunkline_model::id::{ActionId, CallId};

pub use self::digits_receive::Enough;
pub use self::digits_send::Tones;
pub(crate) use self::digits_send::is_key;
pub use self::echo::Echo;
pub use self::play::media_uris;
pub use self::talk::Talk;
use super::recording;

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
    /// Answer if nobody has, and speak; the end of it, or nothing, brings the next
    /// action.
    Talk(Talk),
    /// Wait; the time-out brings the next action.
    Wait {
        /// Milliseconds.
        duration_ms: i64,
    },
    /// Wait for keys: enough of them, or the time-out, brings the next action.
    ReceiveDigits {
        /// Milliseconds.
        duration_ms: i64,
        /// When enough was pressed, also before.
        enough: Enough,
    },
    /// Press keys; the time-out brings the next action.
    SendDigits(Tones),
    /// Send the channel into the dialplan; its return brings the next action.
    Echo(Echo),
    /// Record from here on; then the next action at once.
    StartRecording(recording::Wanted),
    /// End the call's recording; then the next action at once.
    StopRecording,
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

impl Step {
    /// After how many milliseconds the action is over, whatever else happens.
    #[must_use]
    pub fn times_out_after_ms(&self) -> Option<i64> {
        match self {
            Self::Wait { duration_ms } | Self::ReceiveDigits { duration_ms, .. } => {
                Some(*duration_ms)
            }
            Self::SendDigits(tones) => Some(tones.total_ms()),
            Self::Echo(echo) => Some(echo.overdue_ms()),
            Self::Answer
            | Self::Play { .. }
            | Self::Talk(_)
            | Self::StartRecording(_)
            | Self::StopRecording
            | Self::Hangup(_)
            | Self::HangupAs(_)
            | Self::Skip { .. } => None,
        }
    }

    /// Whether a playback of Asterisk's belongs to the action, and its end brings
    /// the next one.
    #[must_use]
    pub fn plays(&self) -> bool {
        match self {
            Self::Play { .. } => true,
            Self::Talk(talk) => !talk.is_async,
            Self::Answer
            | Self::Wait { .. }
            | Self::ReceiveDigits { .. }
            | Self::SendDigits(_)
            | Self::Echo(_)
            | Self::StartRecording(_)
            | Self::StopRecording
            | Self::Hangup(_)
            | Self::HangupAs(_)
            | Self::Skip { .. } => false,
        }
    }
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
        Kind::Beep => beep::step(),
        Kind::Talk => talk::step(action),
        Kind::DigitsReceive => digits_receive::step(action),
        Kind::DigitsSend => digits_send::step(action),
        Kind::Echo | Kind::StreamEcho => echo::step(action),
        Kind::RecordingStart => recording_start::step(action),
        Kind::RecordingStop => recording_stop::step(),
        Kind::Amd | Kind::ConfbridgeJoin | Kind::ExternalMediaStart | Kind::ExternalMediaStop => {
            skip(not_built(&action.kind))
        }
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
        | Kind::Other(_) => skip(not_of_calls(&action.kind)),
    }
}

/// Whether a call does anything for actions of this type.
#[must_use]
pub fn is_built(kind: &Kind) -> bool {
    let bare = Action {
        kind: kind.clone(),
        id: ActionId::START,
        ..Action::default()
    };
    step(&bare) != skip(not_built(kind)) && step(&bare) != skip(not_of_calls(kind))
}

fn not_built(kind: &Kind) -> String {
    format!("this version cannot do `{kind}` yet")
}

fn not_of_calls(kind: &Kind) -> String {
    format!("`{kind}` is not an action of a call")
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
    fn talking_and_beeping() {
        let Step::Talk(talk) = step(&action(
            "talk",
            json!({"text": "Hello.", "language": "en-US", "voice_id": "v", "digits_handle": "next", "async": true}),
        )) else {
            panic!("no talk");
        };
        assert_eq!(
            [&talk.text, &talk.language, &talk.provider, &talk.voice_id].map(String::as_str),
            ["Hello.", "en-US", "", "v"]
        );
        assert!(talk.is_async && talk.ends_at_key());
        assert!(!Step::Talk(talk).plays(), "nobody waits for it");
        let plain = step(&action("talk", json!({"text": "x"})));
        assert!(plain.plays());
        assert_eq!(plain.times_out_after_ms(), None);
        assert_eq!(
            step(&action("beep", json!(null))),
            Step::Play {
                media: vec!["sound:beep".to_owned()]
            }
        );
    }

    #[test]
    fn digits_are_received_until_a_time_and_sent_within_bounds() {
        let receive = step(&action(
            "digits_receive",
            json!({"duration": 5000, "key": "#", "length": 4}),
        ));
        let enough = Enough {
            key: "#".to_owned(),
            length: 4,
        };
        assert_eq!(
            receive,
            Step::ReceiveDigits {
                duration_ms: 5_000,
                enough
            }
        );
        assert_eq!(receive.times_out_after_ms(), Some(5_000));
        for (option, duration_ms, interval_ms, total) in [
            (
                json!({"digits": "12", "duration": 200, "interval": 50}),
                200,
                50,
                450,
            ),
            (
                json!({"digits": "1", "duration": 200, "interval": 50}),
                200,
                50,
                200,
            ),
            (json!({"digits": "12"}), 100, 0, 200),
            (
                json!({"digits": "12", "duration": 9000, "interval": 9000}),
                1_000,
                5_000,
                7_000,
            ),
        ] {
            let tones = Tones {
                digits: option["digits"].as_str().unwrap().to_owned(),
                duration_ms,
                interval_ms,
            };
            let sent = step(&action("digits_send", option));
            assert_eq!(sent.times_out_after_ms(), Some(total));
            assert_eq!(sent, Step::SendDigits(tones));
        }
        for bad in ["", "1x", &"1".repeat(101), "1 2"] {
            let sent = step(&action("digits_send", json!({ "digits": bad })));
            assert!(matches!(sent, Step::Skip { .. }), "{bad}");
        }
    }

    #[test]
    fn echo_is_bounded_in_whole_seconds() {
        for (kind, duration, context, seconds) in [
            ("echo", 1500, "svc-echo", 2),
            ("echo", 0, "svc-echo", 180),
            ("stream_echo", -1, "svc-stream_echo", 180),
            ("stream_echo", 3000, "svc-stream_echo", 3),
        ] {
            let echo = step(&action(kind, json!({ "duration": duration })));
            assert_eq!(echo, Step::Echo(Echo { context, seconds }));
            assert!(echo.times_out_after_ms() > Some(seconds * 1_000));
        }
    }

    #[test]
    fn recordings_start_and_stop_and_formats_that_nobody_makes_are_skipped() {
        let start = |option| step(&action("recording_start", option));
        let Step::StartRecording(wanted) = start(json!({"end_of_silence": 3, "beep_start": true}))
        else {
            panic!("no recording");
        };
        assert_eq!((wanted.format.as_str(), wanted.end_of_silence), ("wav", 3));
        let Step::Skip { because } = start(json!({"format": "mp3"})) else {
            panic!("mp3 is made");
        };
        assert!(because.contains("`wav`"), "{because}");
        assert_eq!(
            step(&action("recording_stop", json!(null))),
            Step::StopRecording
        );
    }

    #[test]
    fn what_is_not_built_yet_is_skipped_and_says_so() {
        for kind in [
            "amd",
            "confbridge_join",
            "external_media_start",
            "external_media_stop",
        ] {
            let Step::Skip { because } = step(&action(kind, json!(null))) else {
                panic!("{kind}");
            };
            assert!(because.contains(kind), "{because}");
        }
    }

    #[test]
    fn option_that_does_not_fit_and_unknown_types_are_skipped() {
        for action in [
            action("sleep", json!({"duration": "long"})),
            action("play", json!({"stream_urls": "one"})),
            action("talk", json!({"text": 1})),
            action("talk", json!({"text": " "})),
            action("digits_receive", json!({"length": "four"})),
            action("echo", json!({"duration": "long"})),
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
