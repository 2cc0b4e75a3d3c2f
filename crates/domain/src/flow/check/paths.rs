//! Where a flow can go: steps that are not there, steps that nothing leads to,
//! rounds that never end, a last step that leads nowhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use trunkline_model::Action;
use trunkline_model::action::Kind;
use trunkline_model::id::ActionId;

use super::content::target;
use super::options::{self, Shape, is_open};
use super::{Finding, MOST_GUESSES, Steps, is_skipped, likely};

/// Which steps may follow each.
pub(super) struct Paths {
    next: Vec<Vec<usize>>,
    /// Jumps that happen so many times at most.
    bounded: Vec<Vec<usize>>,
    /// A target is only known when it runs: it may be any step.
    open: bool,
}

impl Paths {
    pub(super) fn of(actions: &[Action]) -> Self {
        let places = places(actions);
        let place = |target: &str| {
            let id: ActionId = target.parse().ok()?;
            places.get(&id).copied()
        };
        let mut paths = Self {
            next: Vec::new(),
            bounded: Vec::new(),
            open: false,
        };
        for (index, action) in actions.iter().enumerate() {
            let targets = targets(action);
            paths.open |= targets.iter().any(|(_, target)| is_open(target));
            let jumps: Vec<usize> = targets.iter().filter_map(|(_, at)| place(at)).collect();
            let onward = follower(actions, index, &places);
            let is_goto = action.kind == Kind::Goto;
            let mut next = if is_goto { Vec::new() } else { jumps.clone() };
            next.extend(onward);
            paths.next.push(next);
            let jumps = action
                .option
                .as_ref()
                .and_then(|option| option.get("loop_count"))
                .map_or(Vec::new(), |count| {
                    if count.as_i64().unwrap_or(0) > 0 {
                        jumps
                    } else {
                        Vec::new()
                    }
                });
            paths.bounded.push(if is_goto { jumps } else { Vec::new() });
        }
        paths
    }

    /// Steps that may run after one of `from`, themselves only if there is a way
    /// round.
    pub(super) fn after(&self, from: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let follow = |at: usize| self.next[at].iter().chain(&self.bounded[at]).copied();
        let mut found = BTreeSet::new();
        let mut waiting: Vec<usize> = from.into_iter().flat_map(follow).collect();
        while let Some(at) = waiting.pop() {
            if found.insert(at) {
                waiting.extend(follow(at));
            }
        }
        found
    }
}

/// The first step of each id.
fn places(actions: &[Action]) -> BTreeMap<ActionId, usize> {
    let mut places = BTreeMap::new();
    for (index, action) in actions.iter().enumerate() {
        if !action.id.is_nil() {
            places.entry(action.id).or_insert(index);
        }
    }
    places
}

/// Where the options of an action lead: the option's name and the target.
fn targets(action: &Action) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    for row in options::of(&action.kind) {
        match row.shape {
            Shape::Step => {
                let to = target(action, row.name);
                found.extend(to.map(|to| (row.name.to_owned(), to)));
            }
            Shape::Steps => {
                let option = action
                    .option
                    .as_ref()
                    .and_then(|option| option.get(row.name));
                let entries = option.and_then(Value::as_object).into_iter().flatten();
                found.extend(entries.filter_map(|(value, to)| {
                    Some((format!("{}.{value}", row.name), to.as_str()?))
                }));
            }
            Shape::Text
            | Shape::Word(_)
            | Shape::Whole(..)
            | Shape::Millis(..)
            | Shape::Seconds(..)
            | Shape::Number
            | Shape::Flag
            | Shape::Id
            | Shape::Wholes(..)
            | Shape::Texts
            | Shape::Address
            | Shape::Addresses
            | Shape::Objects => {}
        }
    }
    found
}

/// The step that follows when an action does not jump.
fn follower(actions: &[Action], index: usize, places: &BTreeMap<ActionId, usize>) -> Option<usize> {
    let action = &actions[index];
    if ends(action) || action.kind == Kind::Branch {
        return None;
    }
    if !action.next_id.is_nil() {
        return places.get(&action.next_id).copied();
    }
    Some(index + 1).filter(|next| *next < actions.len())
}

fn ends(action: &Action) -> bool {
    matches!(action.kind, Kind::Hangup | Kind::Stop)
}

pub(super) fn check(steps: &Steps<'_>) -> Vec<Finding> {
    let actions = steps.actions;
    let paths = Paths::of(actions);
    let mut findings = doubles(steps);
    findings.extend(missing(steps));
    // One wrong name makes everything behind it look lost.
    let is_whole = findings.iter().all(|finding| !finding.is_error());
    let mut reached = paths.after([0]);
    reached.insert(0);
    if is_whole && !paths.open {
        for index in (0..actions.len()).filter(|index| !reached.contains(index)) {
            let found = Finding::warning("unreachable_step", "no way leads here");
            findings.push(
                found
                    .at(index)
                    .help("let a step lead here, or leave it out"),
            );
        }
    }
    findings.extend(endless(steps, &paths, &reached));
    findings.extend(end(steps, &reached));
    findings
}

fn doubles(steps: &Steps<'_>) -> Vec<Finding> {
    let places = places(steps.actions);
    let doubled = |(index, action): (usize, &Action)| {
        let first = *places.get(&action.id)?;
        if first == index {
            return None;
        }
        let first_name = steps.name(first);
        let message = format!("another step has this name already ({first_name})");
        let found = Finding::error("double_step", message).at(index).field("id");
        Some(found.help("give it a name of its own"))
    };
    steps
        .actions
        .iter()
        .enumerate()
        .filter_map(doubled)
        .collect()
}

fn missing(steps: &Steps<'_>) -> Vec<Finding> {
    let places = places(steps.actions);
    let labels: Vec<&str> = steps
        .places
        .iter()
        .map(|place| place.label.as_str())
        .collect();
    let mut findings = Vec::new();
    // Looking for what was meant compares a name with every other.
    let labels_for = |findings: &Vec<Finding>| {
        if findings.len() < MOST_GUESSES {
            labels.as_slice()
        } else {
            &[]
        }
    };
    for (index, action) in steps.actions.iter().enumerate() {
        let unknown = |to: &str| {
            let id = to.parse::<ActionId>();
            let known = id.is_ok_and(|id| places.contains_key(&id));
            !known && !is_open(to)
        };
        for (name, to) in targets(action) {
            if unknown(to) {
                let found = no_such(to, labels_for(&findings)).at(index);
                findings.push(found.field(format!("option.{name}")));
            }
        }
        if !action.next_id.is_nil() && !places.contains_key(&action.next_id) {
            let found = no_such(&action.next_id.to_string(), &[]).at(index);
            findings.push(found.field("next_id"));
        }
    }
    findings
}

fn no_such(to: &str, labels: &[&str]) -> Finding {
    let found = Finding::error(
        "unknown_step",
        format!("it leads to `{to}`, and there is no such step"),
    );
    found.help(likely(to, labels.iter().copied()))
}

/// Rounds of steps that take no time and change nothing: they run until the limit
/// of steps ends the flow, in no time.
fn endless(steps: &Steps<'_>, paths: &Paths, reached: &BTreeSet<usize>) -> Vec<Finding> {
    let at_once: BTreeSet<usize> = reached
        .iter()
        .copied()
        .filter(|index| takes_no_time(&steps.actions[*index]))
        .collect();
    let rounds = rounds(&paths.next, &at_once);
    let told = |round: Vec<usize>| {
        let first = *round.first()?;
        let names: Vec<String> = round
            .iter()
            .take(5)
            .map(|index| steps.name(*index))
            .collect();
        let dots = if round.len() > 5 { ", …" } else { "" };
        let message = format!(
            "these steps go round without waiting for anything, until the flow is ended: {}{dots}",
            names.join(", ")
        );
        let found = Finding::error("endless_loop", message).at(first);
        Some(found.help("put a step between them that takes time, such as talk or digits_receive, or count the rounds with goto and loop_count"))
    };
    rounds.into_iter().filter_map(told).collect()
}

fn takes_no_time(action: &Action) -> bool {
    let is_async = || {
        let option = action.option.as_ref();
        option.and_then(|option| option.get("async")) == Some(&Value::Bool(true))
    };
    match action.kind {
        Kind::Talk => is_async(),
        Kind::Block
        | Kind::Beep
        | Kind::DigitsReceive
        | Kind::DigitsSend
        | Kind::Echo
        | Kind::Fetch
        | Kind::FetchFlow
        | Kind::Hangup
        | Kind::Play
        | Kind::Sleep
        | Kind::Stop
        | Kind::StreamEcho => false,
        // What a variable holds may end the round.
        Kind::VariableSet => false,
        Kind::Branch
        | Kind::Goto
        | Kind::Answer
        | Kind::ConditionCallDigits
        | Kind::ConditionCallStatus
        | Kind::ConditionDatetime
        | Kind::ConditionVariable
        | Kind::RecordingStart
        | Kind::RecordingStop
        | Kind::WebhookSend
        | Kind::None
        | Kind::Empty
        | Kind::Mute
        | Kind::Other(_) => true,
        Kind::AiSummary
        | Kind::AiTalk
        | Kind::AiTask
        | Kind::Amd
        | Kind::Call
        | Kind::CaseCreate
        | Kind::ConfbridgeJoin
        | Kind::ConferenceJoin
        | Kind::Connect
        | Kind::ConversationSend
        | Kind::EmailSend
        | Kind::ExternalMediaStart
        | Kind::ExternalMediaStop
        | Kind::MessageSend
        | Kind::QueueJoin
        | Kind::TranscribeRecording
        | Kind::TranscribeStart
        | Kind::TranscribeStop => is_skipped(&action.kind),
    }
}

/// Groups of steps of `among` each of which leads to each (Kosaraju: once along
/// the arrows for the order, once against them).
fn rounds(next: &[Vec<usize>], among: &BTreeSet<usize>) -> Vec<Vec<usize>> {
    let mut back: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for from in among {
        for to in next[*from].iter().filter(|to| among.contains(to)) {
            back.entry(*to).or_default().push(*from);
        }
    }
    let mut rounds = Vec::new();
    let mut seen = BTreeSet::new();
    for root in finished(next, among).into_iter().rev() {
        if !seen.insert(root) {
            continue;
        }
        let mut group = BTreeSet::from([root]);
        let mut waiting = vec![root];
        while let Some(at) = waiting.pop() {
            for from in back.get(&at).into_iter().flatten() {
                if seen.insert(*from) {
                    group.insert(*from);
                    waiting.push(*from);
                }
            }
        }
        if group.len() > 1 || next[root].contains(&root) {
            rounds.push(group.into_iter().collect());
        }
    }
    rounds
}

/// The steps in the order in which a search in depth leaves them.
fn finished(next: &[Vec<usize>], among: &BTreeSet<usize>) -> Vec<usize> {
    let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
    for root in among {
        if !seen.insert(*root) {
            continue;
        }
        // A step, and which of its followers is looked at next.
        let mut path = vec![(*root, 0)];
        while let Some((at, which)) = path.pop() {
            let Some(to) = next[at].get(which).copied() else {
                order.push(at);
                continue;
            };
            path.push((at, which + 1));
            if among.contains(&to) && seen.insert(to) {
                path.push((to, 0));
            }
        }
    }
    order
}

/// Behind the last step there is nothing: the call is hung up.
fn end(steps: &Steps<'_>, reached: &BTreeSet<usize>) -> Option<Finding> {
    let last = steps.actions.len().checked_sub(1)?;
    let action = &steps.actions[last];
    let falls_off = reached.contains(&last)
        && !ends(action)
        && action.kind != Kind::Branch
        && action.next_id.is_nil();
    falls_off.then(|| {
        let message = "the flow ends behind this step without saying so; a call is hung up then";
        let found = Finding::warning("no_end", message).at(last);
        found.help("end it with `hangup`, or with `stop` where there is no call")
    })
}
