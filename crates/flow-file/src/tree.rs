//! A file as a tree that knows its lines.

use serde_json::{Map, Value};
use trunkline_domain::flow::check::Finding;

/// Why a text is no tree.
pub(crate) type Unreadable = Box<Finding>;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// From 1; JSON has none.
    pub(crate) line: Option<usize>,
    pub(crate) content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// What it is, and how it is written: `"007"` and `007` are both `007`.
    Scalar(Value, String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: Option<usize>,
    pub(crate) value: Node,
}

impl Node {
    /// The text of a scalar that is not null.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(Value::Null, _) | Content::List(_) | Content::Map(_) => None,
            Content::Scalar(_, text) => Some(text),
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.content, Content::Scalar(Value::Null, _))
    }

    pub(crate) fn list(&self) -> Option<&[Node]> {
        match &self.content {
            Content::List(items) => Some(items),
            Content::Scalar(..) | Content::Map(_) => None,
        }
    }

    pub(crate) fn map(&self) -> Option<&[Entry]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            Content::Scalar(..) | Content::List(_) => None,
        }
    }

    /// The same as JSON.
    pub(crate) fn json(&self) -> Value {
        match &self.content {
            Content::Scalar(value, _) => value.clone(),
            Content::List(items) => items.iter().map(Self::json).collect(),
            Content::Map(entries) => {
                let pairs = entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }
}
