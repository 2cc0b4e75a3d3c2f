//! YAML as a tree: one document of maps, lists and scalars.
//!
//! What makes YAML surprising is refused with a word: anchors and aliases (a few
//! lines that stand for millions), tags, keys that stand twice. Scalars are
//! YAML 1.2's: `yes` and `no` are texts.

use std::collections::BTreeSet;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Number, Value};
use trunkline_domain::flow::check::Finding;

use crate::tree::{Content, Entry, Node, Unreadable};

/// Deepest nesting.
const MOST_DEPTH: usize = 32;
/// Values in a file.
const MOST_NODES: usize = 200_000;

/// A list or a map that is being read.
enum Open {
    List(Option<usize>, Vec<Node>),
    Map(Option<usize>, OpenMap),
}

#[derive(Default)]
struct OpenMap {
    entries: Vec<Entry>,
    keys: BTreeSet<String>,
    /// A key whose value comes next, and its line.
    key: Option<(String, Option<usize>)>,
}

/// Reads YAML.
pub(crate) fn read(text: &str) -> Result<Node, Unreadable> {
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder::default();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let line = Some(error.marker().line());
            Finding::error("unreadable", format!("this is not YAML: {}", error.info())).line(line)
        })?;
        builder.take(event, span)?;
    }
    let empty = || Box::new(Finding::error("unreadable", "the file is empty"));
    builder.root.ok_or_else(empty)
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Unreadable> {
        let line = Some(span.start.line());
        let refuse = |message: &str, help: &str| {
            Err(Box::new(
                Finding::error("unreadable", message).line(line).help(help),
            ))
        };
        match event {
            Event::Alias(_) => refuse("`*` stands for another part of the file", "write it out"),
            Event::Scalar(_, _, anchor, _)
            | Event::SequenceStart(anchor, _)
            | Event::MappingStart(anchor, _)
                if anchor > 0 =>
            {
                refuse(
                    "`&` gives a part of the file a name",
                    "write it out where it is used",
                )
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => refuse(
                "`!` gives a value a type",
                "quote a text that begins with !",
            ),
            Event::DocumentStart(_) if self.root.is_some() => {
                refuse("the file holds several documents", "one flow is one file")
            }
            Event::Scalar(text, style, _, None) => self.scalar(&text, style, line),
            Event::SequenceStart(_, None) => self.begin(Open::List(line, Vec::new()), line),
            Event::MappingStart(_, None) => self.begin(Open::Map(line, OpenMap::default()), line),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, part: Open, line: Option<usize>) -> Result<(), Unreadable> {
        if self.open.len() >= MOST_DEPTH {
            let message = format!("it is nested deeper than {MOST_DEPTH} levels");
            return Err(Box::new(Finding::error("unreadable", message).line(line)));
        }
        if let Some(Open::Map(_, OpenMap { key: None, .. })) = self.open.last() {
            let message = "a key must be a text";
            return Err(Box::new(Finding::error("unreadable", message).line(line)));
        }
        self.open.push(part);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Unreadable> {
        let (line, content) = match self.open.pop() {
            Some(Open::List(line, items)) => (line, Content::List(items)),
            Some(Open::Map(line, map)) => (line, Content::Map(map.entries)),
            // The parser pairs them.
            None => return Ok(()),
        };
        self.add(Node { line, content })
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        line: Option<usize>,
    ) -> Result<(), Unreadable> {
        if let Some(Open::Map(_, map)) = self.open.last_mut()
            && map.key.is_none()
        {
            if !map.keys.insert(text.to_owned()) {
                let message = format!("`{text}` stands here twice");
                return Err(Box::new(Finding::error("unreadable", message).line(line)));
            }
            map.key = Some((text.to_owned(), line));
            return Ok(());
        }
        let value = if style == ScalarStyle::Plain {
            plain(text)
        } else {
            Value::String(text.to_owned())
        };
        self.add(Node {
            line,
            content: Content::Scalar(value, text.to_owned()),
        })
    }

    fn add(&mut self, node: Node) -> Result<(), Unreadable> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            let message = format!("the file has more than {MOST_NODES} values");
            return Err(Box::new(
                Finding::error("unreadable", message).line(node.line),
            ));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, map)) => {
                if let Some((key, line)) = map.key.take() {
                    map.entries.push(Entry {
                        key,
                        line,
                        value: node,
                    });
                }
            }
        }
        Ok(())
    }
}

/// What a word without quotes is (YAML 1.2, core schema; numbers as JSON has
/// them, so that `007` and `+49` stay what they are).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => {
            let number = serde_json::from_str::<Number>(text);
            number.map_or_else(|_| Value::String(text.to_owned()), Value::Number)
        }
    }
}
