//! JSON as a tree.

use serde_json::Value;
use trunkline_domain::flow::check::Finding;

use crate::tree::{Content, Entry, Node, Unreadable};

/// Reads JSON; its parser bounds the depth.
pub(crate) fn read(text: &str) -> Result<Node, Unreadable> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let line = Some(error.line()).filter(|line| *line > 0);
        Finding::error("unreadable", format!("this is not JSON: {error}")).line(line)
    })?;
    Ok(node(value))
}

fn node(value: Value) -> Node {
    let content = match value {
        Value::String(text) => Content::Scalar(Value::String(text.clone()), text),
        Value::Array(items) => Content::List(items.into_iter().map(node).collect()),
        Value::Object(map) => {
            let entry = |(key, value)| Entry {
                key,
                line: None,
                value: node(value),
            };
            Content::Map(map.into_iter().map(entry).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let text = value.to_string();
            Content::Scalar(value, text)
        }
    };
    Node {
        line: None,
        content,
    }
}
