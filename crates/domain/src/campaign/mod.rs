//! Campaigns: who is dialed when, how fast, and what an attempt came to
//! (chapter 05 part A, architecture decision 13 and §6).
//!
//! Decisions only: the shell in `crates/campaign` gathers what they need and
//! carries out what they return.

pub mod attempt;
pub mod brake;
pub mod flow;
pub mod pacing;
pub mod rules;
pub mod status;
pub mod target;
pub mod tick;
