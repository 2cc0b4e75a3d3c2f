//! Action: one step of a flow (chapter 02 §2.3, 05 D.2, D.7).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::id::ActionId;
use crate::time::Timestamp;
use crate::wire::is_default;

/// Reserved ids (chapter 05 D.2).
impl ActionId {
    /// "The empty action".
    pub const EMPTY: Self = Self::NIL;
    /// Where every activeflow begins.
    pub const START: Self = Self(Uuid::from_u128(1));
    /// The end of a flow; executed as a hangup.
    pub const FINISH: Self = Self(Uuid::from_u128(2));
    /// Internal to flow-manager.
    pub const NEXT: Self = Self(Uuid::from_u128(3));
}

wire_enum! {
    /// Every action type that a flow may contain, and `empty`, which only
    /// pushed service actions use (chapter 05 D.7).
    pub enum Kind {
        None = "",
        AiSummary = "ai_summary",
        AiTalk = "ai_talk",
        AiTask = "ai_task",
        Amd = "amd",
        Answer = "answer",
        Beep = "beep",
        Block = "block",
        Branch = "branch",
        Call = "call",
        CaseCreate = "case_create",
        ConditionCallDigits = "condition_call_digits",
        ConditionCallStatus = "condition_call_status",
        ConditionDatetime = "condition_datetime",
        ConditionVariable = "condition_variable",
        ConfbridgeJoin = "confbridge_join",
        ConferenceJoin = "conference_join",
        Connect = "connect",
        ConversationSend = "conversation_send",
        DigitsReceive = "digits_receive",
        DigitsSend = "digits_send",
        Echo = "echo",
        EmailSend = "email_send",
        Empty = "empty",
        ExternalMediaStart = "external_media_start",
        ExternalMediaStop = "external_media_stop",
        Fetch = "fetch",
        FetchFlow = "fetch_flow",
        Goto = "goto",
        Hangup = "hangup",
        MessageSend = "message_send",
        Mute = "mute",
        Play = "play",
        QueueJoin = "queue_join",
        RecordingStart = "recording_start",
        RecordingStop = "recording_stop",
        Sleep = "sleep",
        Stop = "stop",
        StreamEcho = "stream_echo",
        Talk = "talk",
        TranscribeRecording = "transcribe_recording",
        TranscribeStart = "transcribe_start",
        TranscribeStop = "transcribe_stop",
        VariableSet = "variable_set",
        WebhookSend = "webhook_send",
    }
    default None
}

/// One step of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Action {
    pub id: ActionId,
    /// Explicit next action; nil = the next one in the list.
    pub next_id: ActionId,
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: Kind,
    /// Options of the type, as the chapters list them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option: Option<Map<String, Value>>,
    /// Set by call-manager when the action starts.
    pub tm_execute: Option<Timestamp>,
}

impl Action {
    /// One of the reserved actions: an id and nothing else.
    #[must_use]
    pub fn reserved(id: ActionId) -> Self {
        Self {
            id,
            ..Self::default()
        }
    }
}
