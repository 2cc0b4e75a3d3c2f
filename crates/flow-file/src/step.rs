//! One step: its label, its type, its options under the names that people use.
//!
//! ```yaml
//! - hangup                          # a type and nothing else
//! - talk: Good morning.             # a type and its main option
//! - id: ask                         # a type and its options
//!   digits_receive: {length: 1, duration: 10s}
//! - {id: ask, type: talk, text: x}  # the type as an option among others
//! ```

use serde_json::{Map, Value, json};
use trunkline_domain::flow::check::options::{self, Shape};
use trunkline_domain::flow::check::{Finding, Place};
use trunkline_model::Action;
use trunkline_model::action::Kind;
use trunkline_model::id::ActionId;

use crate::file::{Form, Labels};
use crate::tree::{Content, Entry, Node};
use crate::value;

/// Keys of a step that are no options.
const OWN: &[&str] = &["id", "type", "option", "next", "next_id", "tm_execute"];

/// The label of a step.
pub(crate) fn label(item: &Node) -> Option<&str> {
    let entries = item.map()?;
    let id = entries.iter().find(|entry| entry.key == "id")?;
    id.value.text().filter(|label| !label.is_empty())
}

/// Reads one step. What is wrong with its type or its options shows in the check.
pub(crate) fn read(
    item: &Node,
    index: usize,
    labels: &Labels,
    form: Form,
) -> (Action, Place, Vec<Finding>) {
    let label = label(item);
    let mut place = Place {
        label: label.unwrap_or_default().to_owned(),
        line: item.line,
        ..Place::default()
    };
    let mut action = Action {
        id: label.map_or_else(|| labels.of_index(index), |label| labels.of_label(label)),
        ..Action::default()
    };
    let mut findings = Vec::new();
    match &item.content {
        Content::Scalar(..) => action.kind = Kind::from(item.text().unwrap_or_default()),
        Content::List(_) => findings.push(Finding::error("no_step", "this is no step")),
        Content::Map(entries) => {
            if label.is_some_and(|label| label.starts_with('#')) {
                findings.push(Finding::error(
                    "wrong_key",
                    "the name of a step cannot begin with #",
                ));
            }
            let given = given(entries, &mut findings);
            action.kind = given.kind;
            let mut option = Map::new();
            for entry in given.options {
                let name = put(&action.kind, &entry, labels, &mut option, &mut findings);
                if let Some(line) = entry.line.filter(|_| entry.line != item.line) {
                    place.options.entry(name.to_owned()).or_insert(line);
                }
            }
            if let Some(next) = given.next {
                action.next_id = target_id(labels, &next, &mut findings);
            }
            goes_there_always(&mut action, &option, form);
            action.option = Some(option).filter(|option| !option.is_empty());
        }
    }
    (action, place, findings)
}

/// A step taken apart.
#[derive(Default)]
struct Parts {
    kind: Kind,
    options: Vec<Entry>,
    next: Option<String>,
}

fn given(entries: &[Entry], findings: &mut Vec<Finding>) -> Parts {
    let mut parts = Parts::default();
    let own = |name: &str| entries.iter().find(|entry| entry.key == name);
    let next = own("next").or_else(|| own("next_id"));
    parts.next = next
        .and_then(|entry| entry.value.text())
        .filter(|text| !text.is_empty())
        .map(str::to_owned);
    let others: Vec<&Entry> = entries
        .iter()
        .filter(|entry| !OWN.contains(&entry.key.as_str()))
        .collect();
    if let Some(entry) = own("type") {
        parts.kind = Kind::from(entry.value.text().unwrap_or_default());
        parts.options.extend(others.into_iter().cloned());
    } else if let Some(named) = type_among(&others, findings) {
        parts.kind = Kind::from(named.key.as_str());
        parts.options.extend(inside(&parts.kind, named, findings));
        let rest = others.into_iter().filter(|entry| entry.key != named.key);
        parts.options.extend(rest.cloned());
    }
    if let Some(entry) = own("option") {
        match &entry.value.content {
            Content::Map(options) => parts.options.extend(options.iter().cloned()),
            Content::Scalar(Value::Null, _) => {}
            Content::Scalar(..) | Content::List(_) => {
                let found = Finding::error("wrong_key", "`option` must hold names and values");
                findings.push(found.line(entry.line));
            }
        }
    }
    // These two depend on `value_type`, wherever it stands.
    parts
        .options
        .sort_by_key(|entry| matches!(entry.key.as_str(), "value" | "length"));
    parts
}

/// The key that names the type.
fn type_among<'a>(others: &[&'a Entry], findings: &mut Vec<Finding>) -> Option<&'a Entry> {
    let is_type = |entry: &&&Entry| Kind::known().iter().any(|kind| kind.as_str() == entry.key);
    let types: Vec<&Entry> = others.iter().filter(is_type).copied().collect();
    match (types.as_slice(), others) {
        ([one], _) => Some(one),
        // The check says that there is no such type, and what was meant.
        ([], [one]) => Some(one),
        ([], _) => None,
        ([first, second, ..], _) => {
            let message = format!("`{}` and `{}` are two steps", first.key, second.key);
            let found = Finding::error("two_steps", message).line(second.line);
            findings.push(found.help("begin each with `- `"));
            Some(first)
        }
    }
}

/// The options behind a type: named, or just the main one.
fn inside(kind: &Kind, named: &Entry, findings: &mut Vec<Finding>) -> Vec<Entry> {
    if let Some(options) = named.value.map() {
        return options.to_vec();
    }
    if named.value.is_null() {
        return Vec::new();
    }
    let Some(main) = main_option(kind) else {
        if Kind::known().contains(kind) {
            let message = format!("`{kind}` wants its options with their names");
            let names: Vec<&str> = options::of(kind).iter().map(|row| row.name).collect();
            let found = Finding::error("wrong_option", message).line(named.line);
            findings.push(found.help(if names.is_empty() {
                "it has none: write just its type".to_owned()
            } else {
                format!("it has: {}", names.join(", "))
            }));
        }
        return Vec::new();
    };
    vec![Entry {
        key: main.to_owned(),
        line: named.value.line,
        value: named.value.clone(),
    }]
}

/// The option that may stand right behind the type.
#[must_use]
pub(crate) fn main_option(kind: &Kind) -> Option<&'static str> {
    let main = match kind {
        Kind::Talk => "text",
        Kind::Play => "stream_urls",
        Kind::Sleep | Kind::Echo | Kind::StreamEcho => "duration",
        Kind::Goto => "target_id",
        Kind::DigitsSend => "digits",
        Kind::Fetch => "event_url",
        Kind::FetchFlow => "flow_id",
        Kind::WebhookSend => "uri",
        Kind::Hangup => "reason",
        Kind::QueueJoin => "queue_id",
        Kind::ConfbridgeJoin => "confbridge_id",
        Kind::ConferenceJoin => "conference_id",
        Kind::None
        | Kind::AiSummary
        | Kind::AiTalk
        | Kind::AiTask
        | Kind::Amd
        | Kind::Answer
        | Kind::Beep
        | Kind::Block
        | Kind::Branch
        | Kind::Call
        | Kind::CaseCreate
        | Kind::ConditionCallDigits
        | Kind::ConditionCallStatus
        | Kind::ConditionDatetime
        | Kind::ConditionVariable
        | Kind::Connect
        | Kind::ConversationSend
        | Kind::DigitsReceive
        | Kind::EmailSend
        | Kind::Empty
        | Kind::ExternalMediaStart
        | Kind::ExternalMediaStop
        | Kind::MessageSend
        | Kind::Mute
        | Kind::RecordingStart
        | Kind::RecordingStop
        | Kind::Stop
        | Kind::TranscribeRecording
        | Kind::TranscribeStart
        | Kind::TranscribeStop
        | Kind::VariableSet
        | Kind::Other(_) => return None,
    };
    Some(main)
}

/// Shorter names in files: type, what people write, the option.
const ALIASES: &[(Kind, &str, &str)] = &[
    (Kind::Goto, "to", "target_id"),
    (Kind::Goto, "times", "loop_count"),
    (Kind::Branch, "default", "default_target_id"),
    (Kind::Branch, "on", "target_ids"),
    (Kind::ConditionCallDigits, "else", "false_target_id"),
    (Kind::ConditionCallStatus, "else", "false_target_id"),
    (Kind::ConditionDatetime, "else", "false_target_id"),
    (Kind::ConditionVariable, "else", "false_target_id"),
    (Kind::ConditionVariable, "length", "value_length"),
    (Kind::Fetch, "url", "event_url"),
    (Kind::Fetch, "method", "event_method"),
    (Kind::WebhookSend, "url", "uri"),
    (Kind::Play, "urls", "stream_urls"),
];

/// Puts one entry of a file into the option of an action; returns the name of what
/// it has become.
fn put<'a>(
    kind: &Kind,
    entry: &'a Entry,
    labels: &Labels,
    option: &mut Map<String, Value>,
    findings: &mut Vec<Finding>,
) -> &'a str {
    let alias = ALIASES
        .iter()
        .find(|(of, written, _)| of == kind && *written == entry.key);
    let name = alias.map_or(entry.key.as_str(), |(_, _, name)| name);
    let shape = options::shape(kind, name);
    if *kind == Kind::ConditionVariable && name == "value" {
        return compared_with(entry, option);
    }
    if *kind == Kind::Branch && shape.is_none() {
        // A value of the variable, and where it leads.
        let steps = option.entry("target_ids").or_insert_with(|| json!({}));
        if let Some(steps) = steps.as_object_mut() {
            let to = value::of(Shape::Step, &entry.value, labels);
            steps.insert(entry.key.clone(), to);
        }
        return "target_ids";
    }
    if option.contains_key(name) && name != "target_ids" {
        let found = Finding::error("wrong_option", format!("`{name}` is given twice"));
        findings.push(found.line(entry.line).field(format!("option.{name}")));
        return name;
    }
    let made = match shape {
        Some(Shape::Text) if *kind == Kind::WebhookSend && name == "data" => {
            value::text_or_json(&entry.value)
        }
        Some(shape) => value::of(shape, &entry.value, labels),
        None => entry.value.json(),
    };
    if *kind == Kind::ConditionVariable && entry.key == "length" {
        option.insert("value_type".to_owned(), json!("length"));
    }
    match (option.get_mut(name), made) {
        (Some(Value::Object(old)), Value::Object(new)) => old.extend(new),
        (_, made) => {
            option.insert(name.to_owned(), made);
        }
    }
    name
}

/// `value` of `condition_variable`: a number is compared as one, unless
/// `value_type` says otherwise.
fn compared_with(entry: &Entry, option: &mut Map<String, Value>) -> &'static str {
    let (given, text) = match &entry.value.content {
        Content::Scalar(given, text) => (given.clone(), text.clone()),
        Content::List(_) | Content::Map(_) => {
            option.insert("value_string".to_owned(), entry.value.json());
            return "value_string";
        }
    };
    let usual = if given.is_number() {
        "number"
    } else {
        "string"
    };
    let as_type = option
        .get("value_type")
        .and_then(Value::as_str)
        .unwrap_or(usual)
        .to_owned();
    let (name, value) = match as_type.as_str() {
        "number" => ("value_number", given),
        "length" => ("value_length", given),
        _ => ("value_string", Value::String(text)),
    };
    option.insert("value_type".to_owned(), Value::String(as_type));
    option.insert(name.to_owned(), value);
    name
}

/// The step behind this one.
fn target_id(labels: &Labels, written: &str, findings: &mut Vec<Finding>) -> ActionId {
    let known = labels.target(written).parse();
    known.unwrap_or_else(|_| {
        let message = format!("it leads to `{written}`, and there is no such step");
        findings.push(Finding::error("unknown_step", message).field("next"));
        ActionId::NIL
    })
}

/// `goto` without a count, written by a person, goes there always. The type of
/// that name would never jump, so the way leads there as what follows.
fn goes_there_always(action: &mut Action, option: &Map<String, Value>, form: Form) {
    if form == Form::Actions
        || action.kind != Kind::Goto
        || option.contains_key("loop_count")
        || !action.next_id.is_nil()
    {
        return;
    }
    let target = option.get("target_id").and_then(Value::as_str);
    if let Some(id) = target.and_then(|target| target.parse().ok()) {
        action.next_id = id;
    }
}
