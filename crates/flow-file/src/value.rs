//! One value, in the shape that its option has.

use serde_json::{Value, json};
use trunkline_domain::flow::check::options::Shape;

use crate::file::Labels;
use crate::tree::{Content, Node};

/// A value as actions have it. What does not fit stays as it is: the check says
/// what it must be.
pub(crate) fn of(shape: Shape, node: &Node, labels: &Labels) -> Value {
    match shape {
        Shape::Text | Shape::Word(_) | Shape::Id => text(node),
        Shape::Millis(..) => duration(node, 1),
        Shape::Seconds(..) => duration(node, 1_000),
        Shape::Step => target(node, labels),
        Shape::Steps => steps(node, labels),
        Shape::Wholes(..) => list(node, weekday),
        Shape::Texts => list(node, text),
        Shape::Address => address(node),
        Shape::Addresses => list(node, address),
        Shape::Whole(..) | Shape::Number | Shape::Flag | Shape::Objects => node.json(),
    }
}

/// A text, or anything as JSON in a text.
pub(crate) fn text_or_json(node: &Node) -> Value {
    match node.content {
        Content::Scalar(..) => text(node),
        Content::List(_) | Content::Map(_) => Value::String(node.json().to_string()),
    }
}

/// `007` stays `007`.
fn text(node: &Node) -> Value {
    match &node.content {
        Content::Scalar(Value::Null, _) => Value::Null,
        Content::Scalar(_, text) => Value::String(text.clone()),
        Content::List(_) | Content::Map(_) => node.json(),
    }
}

/// One thing, or a list of them.
fn list(node: &Node, item: impl Fn(&Node) -> Value) -> Value {
    match node.list() {
        Some(items) => items.iter().map(item).collect(),
        None if node.is_null() => Value::Null,
        None => Value::Array(vec![item(node)]),
    }
}

fn target(node: &Node, labels: &Labels) -> Value {
    node.text()
        .map_or_else(|| node.json(), |written| json!(labels.target(written)))
}

fn steps(node: &Node, labels: &Labels) -> Value {
    let Some(entries) = node.map() else {
        return node.json();
    };
    let pairs = entries
        .iter()
        .map(|entry| (entry.key.clone(), target(&entry.value, labels)));
    Value::Object(pairs.collect())
}

/// `5s`, `1.5s`, `500ms`, `2m`, `1h`, or a number of units of `unit_ms`.
fn duration(node: &Node, unit_ms: i64) -> Value {
    let Content::Scalar(Value::String(written), _) = &node.content else {
        return node.json();
    };
    let millis = millis(written.trim()).filter(|millis| millis % unit_ms == 0);
    millis.map_or_else(|| node.json(), |millis| json!(millis / unit_ms))
}

fn millis(written: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((written.strip_suffix(name)?.trim_end(), *unit)))?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || part.len() > 3 || (number.contains('.') && !digits(part)) {
        return None;
    }
    let thousandths: i64 = format!("{part:0<3}").parse().ok()?;
    let whole: i64 = whole.parse().ok()?;
    let rest = thousandths.checked_mul(unit)?;
    let rest = (rest % 1_000 == 0).then_some(rest / 1_000)?;
    whole.checked_mul(unit)?.checked_add(rest)
}

/// `mon` is 1; Sunday is 0.
fn weekday(node: &Node) -> Value {
    const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let written = node.text().unwrap_or_default().to_lowercase();
    let named = |day: &str| {
        written.len() >= 3
            && written.starts_with(day)
            && written.bytes().all(|b| b.is_ascii_lowercase())
    };
    let found = DAYS.iter().position(|day| named(day));
    found.map_or_else(|| node.json(), |day| json!(day))
}

/// A number as people write it.
fn address(node: &Node) -> Value {
    match node.text() {
        Some(number) if number.starts_with('+') => json!({"type": "tel", "target": number}),
        Some(_) | None => node.json(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (written, expected) in [
            ("500ms", Some(500)),
            ("5s", Some(5_000)),
            ("5 s", Some(5_000)),
            ("1.5s", Some(1_500)),
            ("0.25s", Some(250)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("0.5ms", None),
            ("s", None),
            (".5s", None),
            ("5.s", None),
            ("-5s", None),
            ("5", None),
            ("5 apples", None),
            ("99999999999999999999s", None),
            ("9223372036854775807h", None),
        ] {
            assert_eq!(millis(written), expected, "{written}");
        }
    }
}
