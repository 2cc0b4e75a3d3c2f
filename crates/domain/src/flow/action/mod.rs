//! Action types: who executes each, and what ours do. One file per type
//! (chapter 05 D.7; `docs/adding-a-flow-action.md`).

mod block;
mod branch;
mod condition_call_digits;
mod condition_call_status;
mod condition_datetime;
mod condition_variable;
mod empty;
mod fetch_flow;
mod goto;
mod stop;
mod variable_set;

pub mod fetch;
pub mod kinds;
pub mod webhook_send;

use serde::de::DeserializeOwned;
use trunkline_model::action::Kind;
use trunkline_model::id::{ActionId, FlowId};
use trunkline_model::{Action, wire};

pub use kinds::{Executor, Media, executor, is_soft, media_of};

use super::failure::Failure;
use super::machine::Machine;

/// Where an action of ours sends the activeflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// To what follows.
    Next,
    /// To this action, wherever it is on the way out.
    To(ActionId),
    /// To the end of the flow.
    Finish,
    /// Nowhere until it is told to continue.
    Wait,
    /// Into the actions of another flow, then to what follows.
    Fetch(FlowId),
    /// To a server of the customer, whose answer is awaited.
    Ask,
    /// Nowhere: the call's status has to be read, then the action runs again.
    CallStatus,
}

/// Executes an action of ours.
///
/// # Errors
///
/// Ends the activeflow unless the type [`is_soft`].
pub(super) fn run(machine: &mut Machine, action: &Action) -> Result<Turn, Failure> {
    match &action.kind {
        Kind::Block => Ok(block::run()),
        Kind::Branch => branch::run(machine, action),
        Kind::ConditionCallDigits => condition_call_digits::run(machine, action),
        Kind::ConditionCallStatus => condition_call_status::run(machine, action),
        Kind::ConditionDatetime => condition_datetime::run(machine, action),
        Kind::ConditionVariable => condition_variable::run(action),
        Kind::Empty => Ok(empty::run()),
        Kind::Fetch => fetch::run(action),
        Kind::FetchFlow => fetch_flow::run(action),
        Kind::Goto => goto::run(machine, action),
        Kind::Stop => Ok(stop::run()),
        Kind::VariableSet => variable_set::run(machine, action),
        Kind::WebhookSend => webhook_send::run(machine, action),
        Kind::None
        | Kind::AiSummary
        | Kind::AiTalk
        | Kind::AiTask
        | Kind::Amd
        | Kind::Answer
        | Kind::Beep
        | Kind::Call
        | Kind::CaseCreate
        | Kind::ConfbridgeJoin
        | Kind::ConferenceJoin
        | Kind::Connect
        | Kind::ConversationSend
        | Kind::DigitsReceive
        | Kind::DigitsSend
        | Kind::Echo
        | Kind::EmailSend
        | Kind::ExternalMediaStart
        | Kind::ExternalMediaStop
        | Kind::Hangup
        | Kind::MessageSend
        | Kind::Mute
        | Kind::Play
        | Kind::QueueJoin
        | Kind::RecordingStart
        | Kind::RecordingStop
        | Kind::Sleep
        | Kind::StreamEcho
        | Kind::Talk
        | Kind::TranscribeRecording
        | Kind::TranscribeStart
        | Kind::TranscribeStop
        | Kind::Other(_) => {
            debug_assert!(false, "{} is not executed here", action.kind);
            Ok(Turn::Next)
        }
    }
}

/// Reads an action's option; a missing one is all zero values.
fn option<T: DeserializeOwned + Default>(action: &Action) -> Result<T, Failure> {
    let Some(option) = &action.option else {
        return Ok(T::default());
    };
    let text = String::from_utf8_lossy(&wire::encode(option)).into_owned();
    wire::decode(&text).map_err(|error| Failure::Option(error.to_string()))
}

/// Whether a text can be asked for over HTTP; where it leads is judged by whoever
/// connects.
fn is_http(address: &str) -> bool {
    let (scheme, rest) = address.split_once("://").unwrap_or_default();
    let known = ["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known));
    known && !rest.is_empty()
}

/// A method of HTTP as options spell it; nothing is `POST`.
fn http_method(text: &str) -> Option<&'static str> {
    const METHODS: [&str; 5] = ["POST", "GET", "PUT", "PATCH", "DELETE"];
    if text.is_empty() {
        return Some("POST");
    }
    METHODS
        .into_iter()
        .find(|method| text.eq_ignore_ascii_case(method))
}

/// A comparison as options spell it; any other text is never true.
fn holds<T: PartialOrd + ?Sized>(left: &T, condition: &str, right: &T) -> bool {
    match condition {
        "==" => left == right,
        "!=" => left != right,
        ">" => left > right,
        ">=" => left >= right,
        "<" => left < right,
        "<=" => left <= right,
        _ => false,
    }
}
