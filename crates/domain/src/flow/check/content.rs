//! Options that have the right shape and do not work, type by type.

use serde_json::Value;
use trunkline_model::Action;
use trunkline_model::action::Kind;
use trunkline_model::id::ActionId;

use super::Finding;
use super::options::is_open;
use crate::call;
use crate::flow::limits::Limits;

/// Checks what an action says.
pub(super) fn check(action: &Action) -> Vec<Finding> {
    match action.kind {
        Kind::Talk => needed(action, "text", "no_text", "there is nothing to say"),
        Kind::Play => play(action),
        Kind::DigitsReceive => digits_receive(action),
        Kind::DigitsSend => digits_send(action),
        Kind::RecordingStart => recording_start(action),
        Kind::Sleep => sleep(action),
        Kind::Fetch => address(action, "event_url"),
        Kind::WebhookSend => address(action, "uri"),
        Kind::FetchFlow => needed(action, "flow_id", "no_flow", "it names no flow"),
        Kind::VariableSet => needed(action, "key", "no_name", "it names no variable"),
        Kind::Goto => goto(action),
        Kind::Branch => branch(action),
        Kind::ConditionCallDigits => condition_call_digits(action),
        Kind::ConditionCallStatus => {
            let mut findings = needed(action, "status", "no_condition", "it names no status");
            findings.extend(otherwise(action));
            findings
        }
        Kind::ConditionDatetime => compared(action),
        Kind::ConditionVariable => condition_variable(action),
        Kind::None
        | Kind::AiSummary
        | Kind::AiTalk
        | Kind::AiTask
        | Kind::Amd
        | Kind::Answer
        | Kind::Beep
        | Kind::Block
        | Kind::Call
        | Kind::CaseCreate
        | Kind::ConfbridgeJoin
        | Kind::ConferenceJoin
        | Kind::Connect
        | Kind::ConversationSend
        | Kind::Echo
        | Kind::EmailSend
        | Kind::Empty
        | Kind::ExternalMediaStart
        | Kind::ExternalMediaStop
        | Kind::Hangup
        | Kind::MessageSend
        | Kind::Mute
        | Kind::QueueJoin
        | Kind::RecordingStop
        | Kind::Stop
        | Kind::StreamEcho
        | Kind::TranscribeRecording
        | Kind::TranscribeStart
        | Kind::TranscribeStop
        | Kind::Other(_) => Vec::new(),
    }
}

fn value<'a>(action: &'a Action, name: &str) -> Option<&'a Value> {
    action.option.as_ref()?.get(name)
}

fn text<'a>(action: &'a Action, name: &str) -> &'a str {
    value(action, name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn whole(action: &Action, name: &str) -> i64 {
    value(action, name).and_then(Value::as_i64).unwrap_or(0)
}

/// A step that an option leads to; `None` for an id of zeros, too.
pub(super) fn target<'a>(action: &'a Action, name: &str) -> Option<&'a str> {
    let nil = ActionId::NIL.to_string();
    Some(text(action, name)).filter(|text| !text.is_empty() && *text != nil)
}

fn needed(action: &Action, name: &str, rule: &'static str, message: &str) -> Vec<Finding> {
    if !text(action, name).trim().is_empty() {
        return Vec::new();
    }
    let found = Finding::error(rule, message);
    vec![
        found
            .field(format!("option.{name}"))
            .help(format!("give it a `{name}`")),
    ]
}

fn play(action: &Action) -> Vec<Finding> {
    let field = "option.stream_urls";
    let urls = value(action, "stream_urls").and_then(Value::as_array);
    let urls: Vec<&str> = urls
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if urls.is_empty() {
        let found = Finding::error("not_playable", "there is nothing to play");
        return vec![found.field(field).help("give it a `stream_urls`")];
    }
    let bad = urls
        .iter()
        .find(|url| !is_open(url) && call::action::media_uris(&[(**url).to_owned()]).is_none());
    let odd = || urls.iter().find(|url| is_rarely_playable(url));
    if bad.is_none()
        && let Some(url) = odd()
    {
        let message = format!("few Asterisks can play `{url}`");
        let found = Finding::warning("not_playable", message).field(field);
        return vec![found.help("make it a wav file of 8 or 16 kHz, mono, 16 bits")];
    }
    let found = bad.map(|url| {
        Finding::error("not_playable", format!("`{url}` cannot be played"))
            .field(field)
            .help("take an http or https address, an absolute path, or the name of one of Asterisk's sounds; files are wav, ulaw, alaw, gsm, sln or g722")
    });
    found.into_iter().collect()
}

/// Formats for which Asterisk needs a module that is mostly not there.
fn is_rarely_playable(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let ending = path.rsplit('.').next().unwrap_or_default();
    ["mp3", "ogg", "opus", "m4a", "aac", "flac", "mp4", "webm"]
        .iter()
        .any(|format| ending.eq_ignore_ascii_case(format))
}

fn digits_receive(action: &Action) -> Vec<Finding> {
    if whole(action, "duration") <= 0 {
        let message =
            "it has no `duration` and waits for nobody: keys that are pressed later are missed";
        let found = Finding::error("no_limit", message).field("option.duration");
        return vec![found.help("say how long to wait, such as 10000 (milliseconds)")];
    }
    if whole(action, "length") <= 0 && text(action, "key").is_empty() {
        let message =
            "it has neither `length` nor `key`, so it always waits for its whole `duration`";
        let found = Finding::warning("no_limit", message).field("option.length");
        return vec![found.help("say how many keys are expected, or which key ends them")];
    }
    Vec::new()
}

fn digits_send(action: &Action) -> Vec<Finding> {
    let digits = text(action, "digits");
    let is_key = |c: char| call::action::is_key(c.to_ascii_uppercase());
    if is_open(digits) || ((1..=100).contains(&digits.len()) && digits.chars().all(is_key)) {
        return Vec::new();
    }
    let message = "`digits` must be 1 to 100 of the keys 0-9, A-D, * and #";
    vec![Finding::error("wrong_option", message).field("option.digits")]
}

fn recording_start(action: &Action) -> Vec<Finding> {
    let option = Value::Object(action.option.clone().unwrap_or_default());
    if is_open(&option.to_string()) {
        return Vec::new();
    }
    let Ok(asked) = serde_json::from_value(option) else {
        return Vec::new();
    };
    let invalid = call::recording::wanted(&asked).err();
    let found = invalid.map(|invalid| Finding::error("wrong_option", invalid.to_string()));
    found.into_iter().collect()
}

fn sleep(action: &Action) -> Vec<Finding> {
    if whole(action, "duration") > 0 {
        return Vec::new();
    }
    let found = Finding::warning("no_duration", "it does not sleep at all");
    vec![found.field("option.duration").help("give it a `duration`")]
}

/// Where it leads is judged when it is asked: a name may mean something else then.
fn address(action: &Action, name: &str) -> Vec<Finding> {
    let given = text(action, name);
    let lower = given.to_ascii_lowercase();
    let is_http = ["http://", "https://"].iter().any(|scheme| {
        lower
            .strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
    });
    if is_http || given.starts_with("${") {
        return Vec::new();
    }
    let message = if given.is_empty() {
        "it names no server".to_owned()
    } else {
        format!("`{given}` is no http or https address")
    };
    let found = Finding::error("no_address", message).field(format!("option.{name}"));
    vec![found.help("write it like https://example.org/next")]
}

fn goto(action: &Action) -> Vec<Finding> {
    let Some(to) = target(action, "target_id") else {
        let found = Finding::error("no_target", "it names no step to go to");
        return vec![found.field("option.target_id")];
    };
    // The name of a step that is not there: that is said, and is enough.
    if to.parse::<ActionId>().is_err() {
        return Vec::new();
    }
    let loops = whole(action, "loop_count");
    if loops <= 0 && action.next_id.is_nil() {
        let found = Finding::warning("never_jumps", "without `loop_count` it never jumps");
        let help = "give it a `loop_count`, or set `next_id` to go there always";
        return vec![found.field("option.loop_count").help(help)];
    }
    let most = Limits::default().executed_actions;
    if loops >= most {
        let message = format!("a flow ends after {most} steps, so it never jumps {loops} times");
        return vec![Finding::warning("too_many_rounds", message).field("option.loop_count")];
    }
    Vec::new()
}

fn branch(action: &Action) -> Vec<Finding> {
    if target(action, "default_target_id").is_some() {
        return Vec::new();
    }
    let message = "any value without a step of its own ends the flow";
    let found = Finding::warning("no_default", message).field("option.default_target_id");
    vec![found.help("say where to go then (`default_target_id`, in files `default`)")]
}

fn condition_call_digits(action: &Action) -> Vec<Finding> {
    let mut findings = otherwise(action);
    if whole(action, "length") <= 0 && text(action, "key").is_empty() {
        let message = "with neither `length` nor `key` it never holds";
        findings.push(Finding::error("no_condition", message).field("option.length"));
    }
    findings
}

fn condition_variable(action: &Action) -> Vec<Finding> {
    let mut findings = compared(action);
    if text(action, "value_type").is_empty() {
        let message = "without `value_type` it never holds";
        let found = Finding::error("no_condition", message).field("option.value_type");
        findings.push(found.help("say how to compare: string, number or length"));
    }
    let variable = text(action, "variable");
    if !variable.is_empty() && !is_open(variable) {
        let message = format!("it compares the text `{variable}` itself, not a variable");
        let found = Finding::warning("constant_condition", message).field("option.variable");
        findings.push(found.help(format!("for the variable's value write ${{{variable}}}")));
    }
    findings
}

fn compared(action: &Action) -> Vec<Finding> {
    let mut findings = otherwise(action);
    if text(action, "condition").is_empty() {
        let found = Finding::error("no_condition", "without `condition` it never holds");
        findings.push(
            found
                .field("option.condition")
                .help("take ==, !=, >, >=, < or <="),
        );
    }
    findings
}

/// Where a condition leads that does not hold.
fn otherwise(action: &Action) -> Vec<Finding> {
    if target(action, "false_target_id").is_some() {
        return Vec::new();
    }
    let message = "if it does not hold, the flow ends";
    let found = Finding::warning("no_else", message).field("option.false_target_id");
    vec![found.help("say where to go then (`false_target_id`, in files `else`)")]
}
