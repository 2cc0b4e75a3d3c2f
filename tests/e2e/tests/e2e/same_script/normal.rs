//! What two Asterisks can be compared by.

use std::collections::BTreeSet;

use serde_json::Value;

use super::side::Seen;

/// An event as a line; none when it is not compared.
pub(super) fn line(event: &Value) -> Option<String> {
    // What a bridge's channels know of each other is told over and over, in an
    // order of chance; asterisk-sim leaves it out.
    if event["variable"]
        .as_str()
        .is_some_and(|name| name.starts_with("BRIDGEP"))
    {
        return None;
    }
    // The dialplan goes its own way; asterisk-sim only gives channels back.
    if event["type"] == "ChannelDialplan" && event["dialplan_app"] != "Stasis" {
        return None;
    }
    let mut event = event.clone();
    if event["variable"]
        .as_str()
        .is_some_and(|name| name.starts_with("RTPAUDIOQOS"))
    {
        event["value"] = Value::from("…");
    }
    if event["type"] == "Dial" {
        // … and so is the state that Dial shows.
        event["peer"]["state"] = Value::from("…");
    }
    let kind = event["type"].as_str().unwrap_or("?").to_owned();
    Some(format!("{kind} {}", clean(&event)))
}

/// What an event is about.
pub(super) fn thing(event: &Value) -> String {
    let candidates = [
        &event["channel"]["id"],
        &event["peer"]["id"],
        &event["playback"]["id"],
        &event["recording"]["name"],
        &event["bridge"]["id"],
    ];
    let first = candidates.iter().find_map(|id| id.as_str());
    first.unwrap_or("nothing").to_owned()
}

/// An answer's JSON without what is chance in it. That is more if the request made
/// something: how far that has come by the time of the answer.
pub(super) fn text(answer: &str, made: bool) -> String {
    match answer.split_once(' ') {
        Some((status, body)) => match serde_json::from_str::<Value>(body) {
            Ok(body) if made => format!("{status} {}", just_made(clean(&body))),
            Ok(body) => format!("{status} {}", clean(&body)),
            Err(_) => answer.to_owned(),
        },
        None => answer.to_owned(),
    }
}

fn just_made(mut thing: Value) -> Value {
    if thing["state"].is_string() {
        thing["state"] = Value::from("…");
    }
    if thing["dialplan"].is_object() {
        thing["dialplan"] = Value::from("…");
    }
    thing
}

fn clean(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| {
                let value = match key.as_str() {
                    "timestamp" | "creationtime" | "asterisk_id" | "protocol_id" => {
                        Value::from("…")
                    }
                    "duration_ms" | "duration" | "talking_duration" => Value::from("…"),
                    "description" | "use_count" | "support_level" => Value::from("…"),
                    // Of the dialplan's own making, and of an address.
                    "priority" | "UNICASTRTP_LOCAL_PORT" => Value::from("…"),
                    // What a channel does outside Stasis, or whether a sound or a
                    // recording has begun before the answer left.
                    "app_name" if value != "Stasis" => Value::from(""),
                    "channelvars" => keys(value),
                    "name" => clean_name(value),
                    _ => clean(value),
                };
                (key.clone(), value)
            });
            Value::Object(pairs.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(clean).collect()),
        Value::String(text) => Value::String(without_call_id(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Of variables that are reported once: their names. `STASISSTATUS` is among them
/// if the channel was quicker than the answer.
fn keys(value: &Value) -> Value {
    let names = value.as_object().into_iter().flat_map(|map| map.keys());
    let names = names.filter(|name| *name != "STASISSTATUS");
    names.map(|name| Value::from(name.as_str())).collect()
}

/// Channels' names end in a number.
fn clean_name(name: &Value) -> Value {
    match name.as_str().and_then(|name| name.rsplit_once(['-', '/'])) {
        Some((name, number)) if name.contains('/') && is_hex(number) => {
            Value::from(format!("{name}-#"))
        }
        _ => name.clone(),
    }
}

fn is_hex(text: &str) -> bool {
    text.trim_start_matches("0x")
        .chars()
        .all(|digit| digit.is_ascii_hexdigit())
}

fn without_call_id(text: &str) -> String {
    let pieces = text.split(',').map(|piece| {
        if piece.starts_with("sip_call_id=") {
            "sip_call_id=…"
        } else {
            piece
        }
    });
    pieces.collect::<Vec<_>>().join(",")
}

/// Dial and ChannelStateChange come from two sources, so the order of neighbours
/// is chance: brought into the usual one.
pub(super) fn order(lines: &mut [String]) {
    let mut at = 1;
    while at < lines.len() {
        if at > 0 && swapped(&lines[at - 1], &lines[at]) {
            lines.swap(at - 1, at);
            at -= 1;
        } else {
            at += 1;
        }
    }
}

fn swapped(first: &str, second: &str) -> bool {
    let dial = |line: &str, status: &str| {
        line.starts_with("Dial ") && line.contains(&format!("\"dialstatus\":\"{status}\""))
    };
    let change = |line: &str, state: &str| {
        line.starts_with("ChannelStateChange ") && line.contains(&format!("\"state\":\"{state}\""))
    };
    let told = first.starts_with("ChannelStateChange ") || first.starts_with("Dial ");
    (told && !dial(first, "") && dial(second, ""))
        || (dial(first, "RINGING") && change(second, "Ringing"))
        || (dial(first, "ANSWER") && change(second, "Up"))
}

/// Every difference, with what stands around it.
pub(super) fn differences(real: &Seen, simulated: &Seen) -> Vec<String> {
    let mut differences = compared("answers", &real.answers, &simulated.answers);
    let things: BTreeSet<&String> = real.events.keys().chain(simulated.events.keys()).collect();
    let none = Vec::new();
    for thing in things {
        let one = real.events.get(thing).unwrap_or(&none);
        let other = simulated.events.get(thing).unwrap_or(&none);
        differences.extend(compared(thing, one, other));
    }
    differences
}

/// So many differences of one thing are shown.
const SHOWN: usize = 6;

fn compared(what: &str, real: &[String], simulated: &[String]) -> Vec<String> {
    if real == simulated {
        return Vec::new();
    }
    let mut lines = vec![format!(
        "--- {what}: {} and {}",
        real.len(),
        simulated.len()
    )];
    let mut shown = 0;
    for at in 0..real.len().max(simulated.len()) {
        let one = real.get(at).map_or("(nothing)", String::as_str);
        let other = simulated.get(at).map_or("(nothing)", String::as_str);
        if one == other {
            lines.push(format!("      {}", short(one, 0)));
        } else if shown < SHOWN {
            shown += 1;
            // Where they part is what one wants to see, not two pages of the same.
            let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
            let from = same.count().saturating_sub(40);
            lines.push(format!("  r:  {} … {}", short(one, 0), short(one, from)));
            lines.push(format!(
                "  s:  {} … {}",
                short(other, 0),
                short(other, from)
            ));
        }
    }
    lines
}

fn short(text: &str, from: usize) -> String {
    text.chars().skip(from).take(100).collect()
}
