//! What an activeflow may grow to (chapter 05 D.5.7). The reference's numbers
//! are the defaults; those it lacks are ours.

use serde::{Deserialize, Serialize};

/// Limits of activeflows and their variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Executed actions after which an activeflow ends: one more than this runs.
    pub executed_actions: i64,
    /// Stacks walked when an action is looked for, and stacks on top of each other.
    pub stacks: usize,
    /// Actions in all stacks of one activeflow.
    pub actions: usize,
    /// Activeflows that may start one after the other because the one before ended.
    pub completions: i64,
    /// Variables that a create request may bring.
    pub given_variables: usize,
    /// Size of one of them, bytes.
    pub given_value_bytes: usize,
    /// Size of all of them with their names, bytes.
    pub given_bytes: usize,
    /// Size of all variables of an activeflow with their names, and of a text
    /// with its variables filled in, bytes.
    pub variables_bytes: usize,
    /// How long after a move a repeated request for it gets the same action
    /// again, milliseconds.
    pub repeat_window_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            executed_actions: 100,
            stacks: 100,
            actions: 10_000,
            completions: 5,
            given_variables: 100,
            given_value_bytes: 32 * 1024,
            given_bytes: 64 * 1024,
            variables_bytes: 256 * 1024,
            repeat_window_ms: 10_000,
        }
    }
}
