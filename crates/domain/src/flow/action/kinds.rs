//! The table of action types: which media each needs and who executes it
//! (chapter 05 D.5.6, D.7).

use trunkline_model::action::Kind;
use trunkline_model::activeflow::ReferenceType;

/// What an activeflow's reference carries, and what an action needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// Nothing in particular.
    None,
    /// Sound, in real time.
    Rtc,
    /// Anything but sound.
    NonRtc,
}

/// Who executes an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executor {
    /// We do, in a walk.
    FlowManager,
    /// The answer to a request for the next action. `mute` and `transcribe_stop`
    /// go there too; call-manager moves on.
    CallManager,
    /// We would, and do not yet: skipped with a warning.
    NotBuilt,
}

use Executor::{CallManager, FlowManager, NotBuilt};

/// Media and executor of a type; `None` for a type that does not exist.
fn row(kind: &Kind) -> Option<(Media, Executor)> {
    Some(match kind {
        Kind::Branch
        | Kind::ConditionDatetime
        | Kind::ConditionVariable
        | Kind::Empty
        | Kind::Fetch
        | Kind::FetchFlow
        | Kind::Goto
        | Kind::Stop
        | Kind::VariableSet
        | Kind::WebhookSend => (Media::None, FlowManager),

        Kind::Block => (Media::NonRtc, FlowManager),

        Kind::ConditionCallDigits | Kind::ConditionCallStatus => (Media::Rtc, FlowManager),

        Kind::Amd
        | Kind::Answer
        | Kind::Beep
        | Kind::ConfbridgeJoin
        | Kind::DigitsReceive
        | Kind::DigitsSend
        | Kind::Echo
        | Kind::ExternalMediaStart
        | Kind::ExternalMediaStop
        | Kind::Hangup
        | Kind::Mute
        | Kind::Play
        | Kind::RecordingStart
        | Kind::RecordingStop
        | Kind::Sleep
        | Kind::StreamEcho
        | Kind::Talk
        | Kind::TranscribeStop => (Media::Rtc, CallManager),

        Kind::AiTalk
        | Kind::Call
        | Kind::CaseCreate
        | Kind::ConversationSend
        | Kind::EmailSend
        | Kind::MessageSend
        | Kind::TranscribeRecording => (Media::None, NotBuilt),

        Kind::ConferenceJoin | Kind::Connect | Kind::QueueJoin | Kind::TranscribeStart => {
            (Media::Rtc, NotBuilt)
        }

        Kind::AiSummary | Kind::AiTask => (Media::NonRtc, NotBuilt),

        Kind::None | Kind::Other(_) => return None,
    })
}

/// Who executes an action of this type for such a reference; `None` when it is
/// skipped: the type is unknown, or needs other media than there is.
#[must_use]
pub fn executor(kind: &Kind, reference: &ReferenceType) -> Option<Executor> {
    let (needed, executor) = row(kind)?;
    (needed == Media::None || needed == media_of(reference)).then_some(executor)
}

/// Whether a failure of this type is logged and the flow goes on.
#[must_use]
pub fn is_soft(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::CaseCreate
            | Kind::ConversationSend
            | Kind::EmailSend
            | Kind::TranscribeRecording
            | Kind::TranscribeStart
            | Kind::VariableSet
            | Kind::WebhookSend
    )
}

/// The media of what an activeflow belongs to.
#[must_use]
pub fn media_of(reference: &ReferenceType) -> Media {
    match reference {
        ReferenceType::Call => Media::Rtc,
        ReferenceType::Ai
        | ReferenceType::Api
        | ReferenceType::Campaign
        | ReferenceType::Conversation
        | ReferenceType::Recording
        | ReferenceType::Transcribe
        | ReferenceType::Webchat => Media::NonRtc,
        ReferenceType::None | ReferenceType::Other(_) => Media::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executed(by: Option<Executor>, reference: &ReferenceType) -> Vec<&'static str> {
        let known = Kind::known().iter();
        known
            .filter(|kind| executor(kind, reference) == by)
            .map(Kind::as_str)
            .collect()
    }

    #[test]
    fn a_campaign_skips_everything_that_needs_sound() {
        let skipped = executed(None, &ReferenceType::Campaign);
        for kind in [
            "answer",
            "talk",
            "hangup",
            "queue_join",
            "connect",
            "condition_call_digits",
            "mute",
        ] {
            assert!(skipped.contains(&kind), "{kind}");
        }
        assert!(executed(Some(CallManager), &ReferenceType::Campaign).is_empty());
        assert!(!skipped.contains(&"block"));
    }

    #[test]
    fn a_call_skips_what_is_not_for_calls() {
        assert_eq!(
            executed(None, &ReferenceType::Call),
            ["", "ai_summary", "ai_task", "block"]
        );
        assert_eq!(executed(Some(CallManager), &ReferenceType::Call).len(), 18);
    }

    #[test]
    fn without_a_reference_only_what_needs_no_media_runs() {
        let skipped = executed(None, &ReferenceType::None);
        assert!(
            skipped.contains(&"answer") && skipped.contains(&"block") && !skipped.contains(&"goto")
        );
    }

    #[test]
    fn an_unknown_type_is_skipped() {
        assert_eq!(executor(&Kind::from("gather"), &ReferenceType::Call), None);
    }
}
