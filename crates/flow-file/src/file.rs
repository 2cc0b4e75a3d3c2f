//! The whole file: its name, what it counts on, its steps.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use trunkline_domain::flow::check::{Finding, Given, Place, likely};
use trunkline_model::Action;
use trunkline_model::id::{ActionId, FlowId};
use uuid::Uuid;

use crate::step;
use crate::tree::{Entry, Node};

/// A flow as a file holds it.
#[derive(Debug, Clone, Default)]
pub struct FlowFile {
    pub name: String,
    pub detail: String,
    /// The flow that follows.
    pub on_complete_flow_id: FlowId,
    pub actions: Vec<Action>,
    /// Where each action comes from.
    pub places: Vec<Place>,
    /// What it counts on.
    pub given: Given,
}

impl FlowFile {
    /// The body of `POST /v1/flows`.
    #[must_use]
    pub fn create_request(&self) -> Value {
        let mut body = json!({
            "type": "flow",
            "name": self.name,
            "detail": self.detail,
            "actions": self.actions,
        });
        if !self.on_complete_flow_id.is_nil() {
            body["on_complete_flow_id"] = json!(self.on_complete_flow_id);
        }
        body
    }
}

const KEYS: &[&str] = &[
    "name",
    "detail",
    "on_complete_flow_id",
    "variables",
    "steps",
    "actions",
];

/// What a flow that VoIPbin answers holds besides.
const IGNORED: &[&str] = &[
    "id",
    "customer_id",
    "type",
    "persist",
    "direct_id",
    "direct_hash",
    "tm_create",
    "tm_update",
    "tm_delete",
];

/// Ids of labels are made under this name, then under the flow's.
const NAMESPACE: Uuid = Uuid::from_u128(0x6e5d_0c5b_4a53_4b7e_8d53_0a7f_10e0_f110);

/// Reads a file. There is no flow when it has no steps.
pub(crate) fn read(tree: &Node) -> (Option<FlowFile>, Vec<Finding>) {
    let mut findings = Vec::new();
    if let Some(items) = tree.list() {
        let flow = steps(items, FlowFile::default(), Form::Actions, &mut findings);
        return (Some(flow), findings);
    }
    let Some(entries) = tree.map() else {
        let found = Finding::error("unreadable", "this is no flow").line(tree.line);
        return (
            None,
            vec![found.help("begin with `steps:` and a list of steps")],
        );
    };
    let mut flow = FlowFile::default();
    let mut list = None;
    for entry in entries {
        match entry.key.as_str() {
            "name" => flow.name = text(entry, &mut findings),
            "detail" => flow.detail = text(entry, &mut findings),
            "on_complete_flow_id" => match text(entry, &mut findings).parse() {
                Ok(id) => flow.on_complete_flow_id = id,
                Err(_) => findings.push(wrong(entry, "is not the id of a flow")),
            },
            "variables" => flow.given.variables = Some(names(entry, &mut findings)),
            "steps" => list = Some((entry, Form::Steps)),
            "actions" => list = Some((entry, Form::Actions)),
            key if IGNORED.contains(&key) => {}
            key => {
                let found = Finding::error("unknown_key", format!("`{key}` is no part of a flow"));
                let guess = likely(key, KEYS.iter().copied());
                findings.push(found.line(entry.line).help(guess));
            }
        }
    }
    let Some((entry, form)) = list else {
        let found = Finding::error("no_steps", "the flow has no `steps`");
        findings.push(found.help("add `steps:` and below it a list, each with `- `"));
        return (None, findings);
    };
    let Some(items) = entry.value.list() else {
        findings.push(wrong(entry, "must be a list: each step begins with `- `"));
        return (None, findings);
    };
    if form == Form::Steps {
        flow.given.variables.get_or_insert_default();
    }
    let flow = steps(items, flow, form, &mut findings);
    (Some(flow), findings)
}

/// Steps as people write them, or actions as VoIPbin has them: there, `goto`
/// without a count does not jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Steps,
    Actions,
}

fn steps(items: &[Node], mut flow: FlowFile, form: Form, findings: &mut Vec<Finding>) -> FlowFile {
    let namespace = Uuid::new_v5(&NAMESPACE, flow.name.as_bytes());
    let labels = Labels::of(items, namespace);
    for (index, item) in items.iter().enumerate() {
        let (action, place, found) = step::read(item, index, &labels, form);
        findings.extend(found.into_iter().map(|finding| {
            let line = finding.line.or(place.line);
            Finding {
                step: place.label.clone(),
                ..finding.at(index).line(line)
            }
        }));
        flow.actions.push(action);
        flow.places.push(place);
    }
    flow
}

/// The ids of the labels in a file.
pub(crate) struct Labels {
    namespace: Uuid,
    ids: BTreeMap<String, ActionId>,
}

impl Labels {
    fn of(items: &[Node], namespace: Uuid) -> Self {
        let mut labels = Self {
            namespace,
            ids: BTreeMap::new(),
        };
        for item in items {
            if let Some(label) = step::label(item) {
                let id = labels.of_label(label);
                labels.ids.insert(label.to_owned(), id);
            }
        }
        labels
    }

    /// A UUID stays what it is; any other label gives the same one in every
    /// reading.
    pub(crate) fn of_label(&self, label: &str) -> ActionId {
        let made = || ActionId(Uuid::new_v5(&self.namespace, label.as_bytes()));
        label.parse().unwrap_or_else(|_| made())
    }

    /// The id of a step without a label. `#` cannot begin one.
    pub(crate) fn of_index(&self, index: usize) -> ActionId {
        let name = format!("#{index}");
        ActionId(Uuid::new_v5(&self.namespace, name.as_bytes()))
    }

    /// A target as actions have it: the id of a label, else what is written.
    pub(crate) fn target(&self, written: &str) -> String {
        let id = self.ids.get(written);
        id.map_or_else(|| written.to_owned(), ToString::to_string)
    }
}

fn text(entry: &Entry, findings: &mut Vec<Finding>) -> String {
    match entry.value.text() {
        Some(text) => text.to_owned(),
        None if entry.value.is_null() => String::new(),
        None => {
            findings.push(wrong(entry, "must be a text"));
            String::new()
        }
    }
}

/// A list of names, or a map: name and what it is for.
fn names(entry: &Entry, findings: &mut Vec<Finding>) -> BTreeSet<String> {
    if let Some(entries) = entry.value.map() {
        return entries.iter().map(|entry| entry.key.clone()).collect();
    }
    let texts = entry.value.list().map(|items| items.iter().map(Node::text));
    match texts.and_then(|texts| texts.collect::<Option<Vec<_>>>()) {
        Some(names) => names.into_iter().map(str::to_owned).collect(),
        None => {
            if !entry.value.is_null() {
                findings.push(wrong(entry, "must be a list of names"));
            }
            BTreeSet::new()
        }
    }
}

fn wrong(entry: &Entry, what: &str) -> Finding {
    Finding::error("wrong_key", format!("`{}` {what}", entry.key)).line(entry.line)
}
