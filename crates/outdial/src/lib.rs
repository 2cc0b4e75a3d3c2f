//! The outdial-manager role: lists of people to call (chapter 05 part B).
//!
//! It answers requests and publishes `outdial_*`. It has no timers, subscribes
//! to nothing and dials nobody: campaign-manager asks it which targets may be
//! dialed ([`available`]), claims one for an attempt ([`claim`]) and reports how
//! the attempt ended ([`report`]).

pub mod available;
pub mod claim;
pub mod config;
pub mod error;
pub mod metrics;
pub mod report;
pub mod rpc;
mod service;

pub use config::Config;
pub use error::Error;
pub use metrics::Metrics;
pub use service::{Deps, OutdialManager, Running, start};
