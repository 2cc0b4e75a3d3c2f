//! The flow-manager role: flows, activeflows and their variables (chapter 05 D).
//!
//! * [`rpc`] answers requests, [`subscribe`] takes events of customer-manager.
//! * [`activeflow`], [`flow`] and [`variable`] gather rows, let
//!   `trunkline_domain::flow` decide, and write what it decided.
//! * [`sweep`] forgets what has only a limited life.
//!
//! Every change of an activeflow is one batch whose precondition is that the row
//! is as it was read, with its events in it. Whoever was not first reads again
//! and decides again; there is no lock.

mod activeflow;
mod config;
mod error;
mod flow;
mod manager;
mod metrics;
mod orphans;
mod rpc;
mod subscribe;
mod sweep;
mod variable;

pub use config::Config;
pub use error::Error;
pub use manager::{Deps, FlowManager, Running, start};
pub use metrics::Metrics;
