//! The campaign-manager role: campaigns, their attempts and outplans (chapter
//! 05 part A).
//!
//! ```text
//!   requests ─ rpc ─ change, status ──────┐
//!   events ─── subscribe ── attempt::done ─┴─> rows, events, duties ─> runner::supervisor
//!                                │                                         │ one runner
//!                                ▼                                         ▼ per campaign
//!                  reports ─> outdial-manager      gather ─ domain::campaign::tick ─ attempt::place, runner::finish
//!                                                  watch ── attempt::look, runner::held
//! ```
//!
//! A campaign that runs is a row; a runner is only what works it off. Whatever
//! is killed at any moment, the rows say what is to be done, and another runner
//! goes on with it.

mod attempt;
mod change;
pub mod config;
pub mod error;
pub mod invariants;
mod links;
mod manager;
pub mod metrics;
mod queue;
mod reports;
mod resources;
mod rpc;
mod runner;
mod status;
mod subscribe;

pub use config::Config;
pub use error::Error;
pub use manager::{CampaignManager, Deps, Running, start};
pub use metrics::Metrics;
