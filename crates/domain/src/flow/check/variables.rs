//! Variables that nothing sets before they are used: they read as nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use trunkline_model::Action;
use trunkline_model::action::Kind;

use super::paths::Paths;
use super::{Finding, Given, MOST_GUESSES, Steps, likely};
use crate::flow::substitution::names_in;

/// Names that are looked at; a flow with more that are unknown has other troubles.
const MOST_NAMES: usize = 100;

/// What the platform sets itself (chapter 05 D.6.4).
pub const PREDEFINED: &[&str] = &[
    "contact_case_id",
    "voipbin.activeflow.complete_count",
    "voipbin.activeflow.flow_id",
    "voipbin.activeflow.id",
    "voipbin.activeflow.reference_activeflow_id",
    "voipbin.activeflow.reference_id",
    "voipbin.activeflow.reference_type",
    "voipbin.call.destination.detail",
    "voipbin.call.destination.name",
    "voipbin.call.destination.target",
    "voipbin.call.destination.target_name",
    "voipbin.call.destination.type",
    "voipbin.call.digits",
    "voipbin.call.direction",
    "voipbin.call.id",
    "voipbin.call.master_call_id",
    "voipbin.call.source.detail",
    "voipbin.call.source.name",
    "voipbin.call.source.target",
    "voipbin.call.source.target_name",
    "voipbin.call.source.type",
    "voipbin.flow.reference_data",
    "voipbin.queue.detail",
    "voipbin.queue.id",
    "voipbin.queue.name",
    "voipbin.queuecall.id",
    "voipbin.queuecall.timeout_service",
    "voipbin.queuecall.timeout_wait",
    "voipbin.recording.filenames",
    "voipbin.recording.format",
    "voipbin.recording.id",
    "voipbin.recording.recording_name",
    "voipbin.recording.reference_id",
    "voipbin.recording.reference_type",
    "voipbin.tts.aws.voice_id",
    "voipbin.tts.elevenlabs.voice_id",
    "voipbin.tts.gcp.voice_id",
];

/// Uses of one name: steps, and the option of each.
type Uses = BTreeMap<String, Vec<(usize, String)>>;

pub(super) fn check(steps: &Steps<'_>, given: &Given) -> Vec<Finding> {
    let setters = Setters::of(steps.actions);
    let paths = Paths::of(steps.actions);
    let known = |name: &str| {
        PREDEFINED.contains(&name)
            || given
                .variables
                .as_ref()
                .is_some_and(|given| given.contains(name))
    };
    let uses = uses(steps.actions);
    let unknown = uses
        .iter()
        .filter(|(name, _)| !known(name))
        .take(MOST_NAMES);
    let mut findings = Vec::new();
    for (name, places) in unknown {
        let set = paths.after(setters.of_name(name));
        let first = places.iter().find(|(index, _)| !set.contains(index));
        if let Some((index, option)) = first {
            let guess = findings.len() < MOST_GUESSES;
            let found = unset(name, given, &setters, guess).at(*index);
            findings.push(found.field(format!("option.{option}")));
        }
    }
    findings
}

/// Steps that set variables.
struct Setters {
    by_name: BTreeMap<String, Vec<usize>>,
    /// Nobody knows which: actions from elsewhere, a name that is a variable.
    any: Vec<usize>,
}

impl Setters {
    fn of(actions: &[Action]) -> Self {
        let mut setters = Self {
            by_name: BTreeMap::new(),
            any: Vec::new(),
        };
        for (index, action) in actions.iter().enumerate() {
            if matches!(action.kind, Kind::Fetch | Kind::FetchFlow) {
                setters.any.push(index);
            }
            let Some(name) = name_set(action) else {
                continue;
            };
            if name.contains("${") {
                setters.any.push(index);
            } else {
                setters
                    .by_name
                    .entry(name.to_owned())
                    .or_default()
                    .push(index);
            }
        }
        setters
    }

    fn of_name(&self, name: &str) -> Vec<usize> {
        let named = self.by_name.get(name).into_iter().flatten();
        named.chain(&self.any).copied().collect()
    }
}

fn name_set(action: &Action) -> Option<&str> {
    if action.kind != Kind::VariableSet {
        return None;
    }
    action.option.as_ref()?.get("key")?.as_str()
}

fn uses(actions: &[Action]) -> Uses {
    let mut uses = Uses::new();
    for (index, action) in actions.iter().enumerate() {
        let empty = Map::new();
        let option = action.option.as_ref().unwrap_or(&empty);
        for (key, value) in option {
            let mut names = BTreeSet::new();
            collect(value, &mut names);
            if action.kind == Kind::Branch && key == "variable" {
                names.extend(
                    value
                        .as_str()
                        .filter(|name| !name.is_empty())
                        .map(str::to_owned),
                );
            }
            for name in names {
                // Adding to a variable is how one begins it, too.
                if name_set(action) != Some(name.as_str()) {
                    uses.entry(name).or_default().push((index, key.clone()));
                }
            }
        }
    }
    uses
}

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => names.extend(names_in(text).map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(map) => map.values().for_each(|value| collect(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn unset(name: &str, given: &Given, setters: &Setters, guess: bool) -> Finding {
    let ours = name.starts_with("voipbin.");
    let later = setters.by_name.contains_key(name);
    let message = match (ours, later) {
        (true, _) => format!("there is no variable `{name}`"),
        (false, true) => format!("`{name}` is set only after it is used here"),
        (false, false) => format!("nothing sets `{name}`"),
    };
    let found = if given.variables.is_some() {
        Finding::error("unset_variable", message)
    } else {
        Finding::warning("unset_variable", message)
    };
    let known = PREDEFINED.iter().copied();
    let set = setters.by_name.keys().map(String::as_str);
    let guess = likely(name, known.chain(set.filter(|_| guess)));
    found.help(match (guess.is_empty(), ours) {
        (false, _) => guess,
        (true, true) => "docs/flows.md lists those that there are".to_owned(),
        (true, false) => "set it with variable_set; if whoever starts the flow brings it, name it under `variables` of the file".to_owned(),
    })
}
