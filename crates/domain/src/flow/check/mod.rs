//! Checking a flow before anybody is called: what will not work, and what is
//! probably not meant.
//!
//! flow-manager takes any list of known types (`validation`), as the reference
//! does; what is wrong with it shows on the first call. This says it earlier:
//!
//! | file | finds |
//! | --- | --- |
//! | [`options`] | options that a type does not have, or of another shape |
//! | [`content`] | options that fit and do not work: `talk` without text |
//! | [`paths`] | steps that do not exist, that nothing leads to, that go round for ever |
//! | [`variables`] | variables that nothing sets before they are used |
//!
//! Pure. A step is named by its label where it has one, so that a person finds
//! it; `flow-file` brings labels and lines.

mod content;
pub mod options;
mod paths;
pub mod variables;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use trunkline_model::Action;
use trunkline_model::action::Kind;
use trunkline_model::activeflow::ReferenceType;

use super::action::{self, Executor};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does not work.
    Error,
    /// It works, and probably not as it is meant.
    Warning,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// Which rule found it: `unknown_step`.
    pub rule: &'static str,
    /// The step's place in the list, from 0; absent when it is about the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The step's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub step: String,
    /// Where it stands in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The part of the action: `option.duration`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help: String,
}

impl Finding {
    /// One about no step in particular.
    #[must_use]
    pub fn new(severity: Severity, rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity,
            rule,
            index: None,
            step: String::new(),
            line: None,
            field: String::new(),
            message: message.into(),
            help: String::new(),
        }
    }

    #[must_use]
    pub fn error(rule: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, rule, message)
    }

    #[must_use]
    pub fn warning(rule: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, rule, message)
    }

    #[must_use]
    pub fn at(self, index: usize) -> Self {
        Self {
            index: Some(index),
            ..self
        }
    }

    #[must_use]
    pub fn line(self, line: Option<usize>) -> Self {
        Self { line, ..self }
    }

    #[must_use]
    pub fn field(self, field: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            ..self
        }
    }

    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: help.into(),
            ..self
        }
    }

    /// Whether it keeps the flow from working.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// What a flow can count on.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Variables that whoever starts it brings. `None`: nobody knows, so a
    /// variable that nothing sets is worth a warning only.
    pub variables: Option<BTreeSet<String>>,
}

/// Where a step comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Its name; empty when it has none.
    pub label: String,
    /// From 1.
    pub line: Option<usize>,
    /// Where each option stands that has a line of its own.
    pub options: BTreeMap<String, usize>,
}

impl Place {
    /// The line of a field of the action, else its own.
    fn line_of(&self, field: &str) -> Option<usize> {
        let option = field.strip_prefix("option.").unwrap_or_default();
        let name = option.split('.').next().unwrap_or_default();
        self.options.get(name).copied().or(self.line)
    }
}

/// The steps that are checked, with their names.
struct Steps<'a> {
    actions: &'a [Action],
    places: &'a [Place],
}

impl Steps<'_> {
    /// A step's name for people.
    fn name(&self, index: usize) -> String {
        match self.places.get(index) {
            Some(place) if !place.label.is_empty() => format!("`{}`", place.label),
            Some(_) | None => format!("step {}", index + 1),
        }
    }
}

/// Checks a list of actions. `places` may be empty; else there is one for each.
#[must_use]
pub fn check(actions: &[Action], places: &[Place], given: &Given) -> Vec<Finding> {
    let steps = Steps { actions, places };
    let mut findings = Vec::new();
    if actions.is_empty() {
        let found = Finding::warning("no_steps", "the flow has no steps and ends at once");
        return vec![found];
    }
    for (index, action) in actions.iter().enumerate() {
        let mut of_step = kind(action);
        if of_step.iter().all(|finding| !finding.is_error()) {
            of_step.extend(options::check(action));
            // A wrong option is told once.
            if of_step.iter().all(|finding| !finding.is_error()) {
                of_step.extend(content::check(action));
            }
        }
        findings.extend(of_step.into_iter().map(|finding| finding.at(index)));
    }
    findings.extend(paths::check(&steps));
    findings.extend(variables::check(&steps, given));
    for finding in &mut findings {
        let place = finding.index.and_then(|index| places.get(index));
        if let Some(place) = place {
            finding.line = place.line_of(&finding.field);
            finding.step.clone_from(&place.label);
        }
    }
    findings.sort_by_key(|finding| finding.index);
    findings
}

/// Types that do not exist, or are skipped.
fn kind(action: &Action) -> Vec<Finding> {
    let kind = &action.kind;
    if *kind == Kind::None {
        let found = Finding::error("unknown_type", "the step has no type");
        return vec![
            found
                .field("type")
                .help("say what it does: talk, play, hangup, …"),
        ];
    }
    if *kind == Kind::Empty {
        let found = Finding::error("unknown_type", "`empty` is for services only");
        return vec![found.field("type").help("leave the step out")];
    }
    if !Kind::known().contains(kind) {
        let known = Kind::known().iter().map(Kind::as_str);
        let found = Finding::error("unknown_type", format!("`{kind}` is no type of action"));
        return vec![found.field("type").help(likely(kind.as_str(), known))];
    }
    if is_skipped(kind) {
        let message = format!("this version skips `{kind}`: the flow goes on behind it");
        return vec![Finding::warning("skipped_type", message).field("type")];
    }
    Vec::new()
}

/// Whether this version does nothing for a type, whatever it belongs to.
fn is_skipped(kind: &Kind) -> bool {
    let of = |reference| action::executor(kind, &reference);
    match of(ReferenceType::Call).or(of(ReferenceType::Api)) {
        None | Some(Executor::NotBuilt) => true,
        Some(Executor::CallManager) => !crate::call::action::is_built(kind),
        Some(Executor::FlowManager) => false,
    }
}

/// Letters that may be wrong in a word that is recognised all the same.
const MOST_SLIPS: usize = 2;

/// Findings for which a similar name is looked for among all names of a flow.
const MOST_GUESSES: usize = 20;

/// "did you mean …", where something known is written almost like that.
#[must_use]
pub fn likely<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    let nearest = known
        .filter(|known| !known.is_empty() && known.len().abs_diff(given.len()) <= MOST_SLIPS)
        .map(|known| (distance(given, known), known))
        .min();
    match nearest {
        Some((distance, known)) if distance <= MOST_SLIPS && distance < known.len() => {
            format!("did you mean `{known}`?")
        }
        Some(_) | None => String::new(),
    }
}

/// Letters to add, drop, change or swap with their neighbour to make one word of
/// the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (
        a.to_lowercase().chars().take(64).collect(),
        b.chars().collect(),
    );
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
