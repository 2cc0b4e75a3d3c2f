//! The options of every type, with their shapes and limits (chapter 05 D.7, 03
//! §5.4). One table: it checks, `flow-file` reads files by it, and `docs/flows.md`
//! is compared with it.

use serde_json::{Map, Value};
use trunkline_model::Action;
use trunkline_model::action::Kind;
use uuid::Uuid;

use super::{Finding, likely};

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    Text,
    /// One of these, or empty.
    Word(&'static [&'static str]),
    Whole(i64, i64),
    /// A duration in milliseconds; files may write `5s`.
    Millis(i64, i64),
    /// A duration in seconds; files may write `5s`.
    Seconds(i64, i64),
    Number,
    Flag,
    /// The id of something else.
    Id,
    /// Another step of the flow.
    Step,
    /// Values of a variable, and the step that each leads to.
    Steps,
    Wholes(i64, i64),
    Texts,
    /// `{"type": "tel", "target": "+…"}`
    Address,
    Addresses,
    /// Not looked into.
    Objects,
}

/// An option of a type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub name: &'static str,
    pub shape: Shape,
}

const fn row(name: &'static str, shape: Shape) -> Row {
    Row { name, shape }
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const DAY_S: i64 = 24 * 3_600;

/// How values are compared.
pub const CONDITIONS: &[&str] = &["==", "!=", ">", ">=", "<", "<="];
/// Methods of HTTP.
const METHODS: &[&str] = &["POST", "GET", "PUT", "PATCH", "DELETE"];
const ANONYMOUS: &[&str] = &["yes", "no", "auto"];
const DIRECTIONS: &[&str] = &["in", "out", "both"];

const TRANSCRIBE: &[Row] = &[
    row("language", Shape::Text),
    row("on_end_flow_id", Shape::Id),
    row("provider", Shape::Text),
    row("direction", Shape::Word(DIRECTIONS)),
];

/// The options that a type has.
#[must_use]
pub fn of(kind: &Kind) -> &'static [Row] {
    match kind {
        Kind::AiSummary => {
            const {
                &[
                    row("on_end_flow_id", Shape::Id),
                    row("reference_type", Shape::Text),
                    row("reference_id", Shape::Id),
                    row("language", Shape::Text),
                ]
            }
        }
        Kind::AiTalk => {
            const {
                &[
                    row("ai_id", Shape::Id),
                    row("assistance_type", Shape::Word(&["ai", "team"])),
                    row("assistance_id", Shape::Id),
                    row("duration", Shape::Whole(0, DAY_MS)),
                ]
            }
        }
        Kind::AiTask => {
            const {
                &[
                    row("ai_id", Shape::Id),
                    row("assistance_type", Shape::Word(&["ai", "team"])),
                    row("assistance_id", Shape::Id),
                ]
            }
        }
        Kind::Amd => {
            const {
                &[
                    row("machine_handle", Shape::Word(&["hangup", "continue"])),
                    row("async", Shape::Flag),
                ]
            }
        }
        Kind::Branch => {
            const {
                &[
                    row("variable", Shape::Text),
                    row("default_target_id", Shape::Step),
                    row("target_ids", Shape::Steps),
                ]
            }
        }
        Kind::Call => {
            const {
                &[
                    row("source", Shape::Address),
                    row("destinations", Shape::Addresses),
                    row("flow_id", Shape::Id),
                    row("actions", Shape::Objects),
                    row("chained", Shape::Flag),
                    row("early_execution", Shape::Flag),
                    row("anonymous", Shape::Word(ANONYMOUS)),
                ]
            }
        }
        Kind::CaseCreate => {
            const {
                &[
                    row("name", Shape::Text),
                    row("detail", Shape::Text),
                    row("note", Shape::Text),
                    row("sync", Shape::Flag),
                ]
            }
        }
        Kind::ConditionCallDigits => {
            const {
                &[
                    row("length", Shape::Whole(0, 1_000)),
                    row("key", Shape::Text),
                    row("false_target_id", Shape::Step),
                ]
            }
        }
        Kind::ConditionCallStatus => {
            const {
                &[
                    row(
                        "status",
                        Shape::Word(&[
                            "dialing",
                            "ringing",
                            "progressing",
                            "terminating",
                            "canceling",
                            "hangup",
                        ]),
                    ),
                    row("false_target_id", Shape::Step),
                ]
            }
        }
        Kind::ConditionDatetime => {
            const {
                &[
                    row("condition", Shape::Word(CONDITIONS)),
                    row("minute", Shape::Whole(-1, 59)),
                    row("hour", Shape::Whole(-1, 23)),
                    row("day", Shape::Whole(-1, 31)),
                    row("month", Shape::Whole(-1, 12)),
                    row("weekdays", Shape::Wholes(0, 6)),
                    row("false_target_id", Shape::Step),
                ]
            }
        }
        Kind::ConditionVariable => {
            const {
                &[
                    row("condition", Shape::Word(CONDITIONS)),
                    row("variable", Shape::Text),
                    row("value_type", Shape::Word(&["string", "number", "length"])),
                    row("value_string", Shape::Text),
                    row("value_number", Shape::Number),
                    row("value_length", Shape::Whole(0, 1_000_000)),
                    row("false_target_id", Shape::Step),
                ]
            }
        }
        Kind::ConfbridgeJoin => const { &[row("confbridge_id", Shape::Id)] },
        Kind::ConferenceJoin => const { &[row("conference_id", Shape::Id)] },
        Kind::Connect => {
            const {
                &[
                    row("source", Shape::Address),
                    row("destinations", Shape::Addresses),
                    row("early_media", Shape::Flag),
                    row("relay_reason", Shape::Flag),
                    row("anonymous", Shape::Word(ANONYMOUS)),
                ]
            }
        }
        Kind::ConversationSend => {
            const {
                &[
                    row("conversation_id", Shape::Id),
                    row("text", Shape::Text),
                    row("sync", Shape::Flag),
                ]
            }
        }
        Kind::DigitsReceive => {
            const {
                &[
                    row("duration", Shape::Millis(0, HOUR_MS)),
                    row("key", Shape::Text),
                    row("length", Shape::Whole(0, 1_000)),
                ]
            }
        }
        Kind::DigitsSend => {
            const {
                &[
                    row("digits", Shape::Text),
                    row("duration", Shape::Millis(100, 1_000)),
                    row("interval", Shape::Millis(0, 5_000)),
                ]
            }
        }
        Kind::Echo | Kind::StreamEcho => const { &[row("duration", Shape::Millis(0, DAY_MS))] },
        Kind::EmailSend => {
            const {
                &[
                    row("destinations", Shape::Addresses),
                    row("subject", Shape::Text),
                    row("content", Shape::Text),
                    row("attachments", Shape::Objects),
                ]
            }
        }
        Kind::ExternalMediaStart => {
            const {
                &[
                    row("external_host", Shape::Text),
                    row("encapsulation", Shape::Text),
                    row("transport", Shape::Text),
                    row("transport_data", Shape::Text),
                    row("connection_type", Shape::Text),
                    row("format", Shape::Text),
                    row("direction_listen", Shape::Text),
                    row("direction_speak", Shape::Text),
                    row("data", Shape::Text),
                ]
            }
        }
        Kind::Fetch => {
            const {
                &[
                    row("event_url", Shape::Text),
                    row("event_method", Shape::Word(METHODS)),
                ]
            }
        }
        Kind::FetchFlow => const { &[row("flow_id", Shape::Id)] },
        Kind::Goto => {
            const {
                &[
                    row("target_id", Shape::Step),
                    row("loop_count", Shape::Whole(0, 1_000_000)),
                ]
            }
        }
        Kind::Hangup => {
            const {
                &[
                    row(
                        "reason",
                        Shape::Word(&[
                            "normal", "failed", "busy", "cancel", "timeout", "noanswer", "dialout",
                            "amd",
                        ]),
                    ),
                    row("reference_id", Shape::Id),
                ]
            }
        }
        Kind::MessageSend => {
            const {
                &[
                    row("source", Shape::Address),
                    row("destinations", Shape::Addresses),
                    row("text", Shape::Text),
                ]
            }
        }
        Kind::Play => const { &[row("stream_urls", Shape::Texts)] },
        Kind::QueueJoin => const { &[row("queue_id", Shape::Id)] },
        Kind::RecordingStart => {
            const {
                &[
                    row("format", Shape::Word(&["wav"])),
                    row("end_of_silence", Shape::Seconds(0, DAY_S)),
                    row("end_of_key", Shape::Text),
                    row("duration", Shape::Seconds(0, DAY_S)),
                    row("beep_start", Shape::Flag),
                    row("on_end_flow_id", Shape::Id),
                ]
            }
        }
        Kind::Sleep => const { &[row("duration", Shape::Millis(0, DAY_MS))] },
        Kind::Talk => {
            const {
                &[
                    row("text", Shape::Text),
                    row("language", Shape::Text),
                    row("provider", Shape::Text),
                    row("voice_id", Shape::Text),
                    row("digits_handle", Shape::Word(&["next"])),
                    row("async", Shape::Flag),
                ]
            }
        }
        Kind::TranscribeRecording | Kind::TranscribeStart => TRANSCRIBE,
        Kind::VariableSet => const { &[row("key", Shape::Text), row("value", Shape::Text)] },
        Kind::WebhookSend => {
            const {
                &[
                    row("sync", Shape::Flag),
                    row("uri", Shape::Text),
                    row("method", Shape::Word(METHODS)),
                    row("data_type", Shape::Text),
                    row("data", Shape::Text),
                ]
            }
        }
        Kind::None
        | Kind::Answer
        | Kind::Beep
        | Kind::Block
        | Kind::Empty
        | Kind::ExternalMediaStop
        | Kind::Mute
        | Kind::RecordingStop
        | Kind::Stop
        | Kind::TranscribeStop
        | Kind::Other(_) => &[],
    }
}

/// The shape of one option.
#[must_use]
pub fn shape(kind: &Kind, name: &str) -> Option<Shape> {
    let found = of(kind).iter().find(|row| row.name == name);
    found.map(|row| row.shape)
}

/// Whether variables are to be filled in, so that the text is not known yet.
pub(super) fn is_open(text: &str) -> bool {
    text.contains("${")
}

/// Checks names and shapes of an action's option.
pub(super) fn check(action: &Action) -> Vec<Finding> {
    let empty = Map::new();
    let option = action.option.as_ref().unwrap_or(&empty);
    let mut findings = Vec::new();
    for (name, value) in option {
        let field = format!("option.{name}");
        let Some(shape) = shape(&action.kind, name) else {
            findings.push(unknown(&action.kind, name).field(field));
            continue;
        };
        // The reference reads null as "not given".
        if value.is_null() {
            continue;
        }
        if let Err(expected) = fits(shape, value) {
            let message = format!("`{name}` is {}, and must be {expected}", shown(value));
            findings.push(Finding::error("wrong_option", message).field(field));
        }
    }
    findings
}

fn unknown(kind: &Kind, name: &str) -> Finding {
    let found = Finding::error("unknown_option", format!("`{kind}` has no option `{name}`"));
    let known = of(kind);
    let guess = likely(name, known.iter().map(|row| row.name));
    let names: Vec<&str> = known.iter().map(|row| row.name).collect();
    found.help(match (guess.is_empty(), names.is_empty()) {
        (false, _) => guess,
        (true, false) => format!("it has: {}", names.join(", ")),
        (true, true) => "it has none".to_owned(),
    })
}

/// Whether a value has a shape; else what it must be.
fn fits(shape: Shape, value: &Value) -> Result<(), String> {
    let (good, expected) = match shape {
        Shape::Text => (value.is_string(), "a text".to_owned()),
        Shape::Word(words) => (
            is_word(value, words),
            format!("one of {}", words.join(", ")),
        ),
        Shape::Whole(least, most) => (
            is_whole(value, least, most),
            format!("a whole number from {least} to {most}"),
        ),
        Shape::Millis(least, most) => (
            is_whole(value, least, most),
            format!("milliseconds, from {least} to {most}"),
        ),
        Shape::Seconds(least, most) => (
            is_whole(value, least, most),
            format!("seconds, from {least} to {most}"),
        ),
        Shape::Number => (value.is_number(), "a number".to_owned()),
        Shape::Flag => (value.is_boolean(), "true or false".to_owned()),
        Shape::Id => (is_id(value), "an id (a UUID)".to_owned()),
        Shape::Step => (value.is_string(), "the name of a step".to_owned()),
        Shape::Steps => (
            is_map(value, Value::is_string),
            "values, each with the name of a step".to_owned(),
        ),
        Shape::Wholes(least, most) => (
            is_list(value, |item| is_whole(item, least, most)),
            format!("a list of whole numbers from {least} to {most}"),
        ),
        Shape::Texts => (
            is_list(value, Value::is_string),
            "a list of texts".to_owned(),
        ),
        Shape::Address => (is_address(value), ADDRESS.to_owned()),
        Shape::Addresses => (
            is_list(value, is_address),
            format!("a list; each item {ADDRESS}"),
        ),
        Shape::Objects => (
            is_list(value, Value::is_object),
            "a list of objects".to_owned(),
        ),
    };
    if good { Ok(()) } else { Err(expected) }
}

const ADDRESS: &str = "an address such as {\"type\": \"tel\", \"target\": \"+4930123456\"}";

fn is_word(value: &Value, words: &[&str]) -> bool {
    let is_same = |word: &str, text: &str| {
        // Only HTTP's methods may be written small.
        word == text || (words == METHODS && word.eq_ignore_ascii_case(text))
    };
    let known = |text: &str| text.is_empty() || words.iter().any(|word| is_same(word, text));
    value
        .as_str()
        .is_some_and(|text| is_open(text) || known(text))
}

fn is_whole(value: &Value, least: i64, most: i64) -> bool {
    value
        .as_i64()
        .is_some_and(|number| (least..=most).contains(&number))
}

fn is_id(value: &Value) -> bool {
    let good = |text: &str| text.is_empty() || is_open(text) || Uuid::try_parse(text).is_ok();
    value.as_str().is_some_and(good)
}

fn is_list(value: &Value, good: impl Fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(good))
}

fn is_map(value: &Value, good: impl Fn(&Value) -> bool) -> bool {
    let entries = value.as_object();
    entries.is_some_and(|entries| entries.values().all(good))
}

fn is_address(value: &Value) -> bool {
    is_map(value, Value::is_string)
}

/// A value in a message: short.
fn shown(value: &Value) -> String {
    const MOST: usize = 40;
    let text = value.to_string();
    if text.chars().count() <= MOST {
        return text;
    }
    format!("{}…", text.chars().take(MOST).collect::<String>())
}
