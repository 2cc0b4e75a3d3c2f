//! Flows: which action comes next, and what flow-manager's own actions do
//! (chapter 05 D).
//!
//! An activeflow is a pointer that walks over lists of actions:
//!
//! ```text
//!                 ┌───────────── walk ─────────────┐
//!  asked by ──>   │ next of current, or the forward │ ──> Pause::HandOver  call-manager does it
//!  next/continue  │ substitute its option           │ ──> Pause::Blocked   waits for `continue`
//!                 │ ours? do it and walk on         │ ──> Pause::Wants     a fact has to be read
//!                 └────────────────────────────────┘ ──> Pause::Finished, Pause::Failed
//! ```
//!
//! A [`machine::Machine`] holds one activeflow and its variables in memory and
//! walks until it pauses. Nothing of a walk is visible outside before the shell
//! has written all of it in one conditional batch, so a walk happens completely
//! or not at all, and a request that is repeated after a crash finds the state
//! that the first one found.
//!
//! [`stacks`] finds actions, [`substitution`] fills options in, [`action`] has
//! one file per action type, [`repeat`] decides what a request may do.

pub mod action;
pub mod check;
pub mod completion;
pub mod creation;
pub mod failure;
pub mod limits;
pub mod machine;
pub mod repeat;
pub mod stacks;
pub mod substitution;
pub mod validation;
pub mod variables;

pub use failure::Failure;
pub use limits::Limits;
pub use machine::{Machine, Pause, Want};
