//! Configuration, wiring and telemetry: the only crate that knows adapters.
//!
//! ```text
//! Config ──> data folder, lock ─> store ─> ports ─> roles ─> gateway, metrics ─> Asterisks
//!                                                     └── bus, closed for events until all are there
//! ```
//!
//! A [`Node`] is a whole Trunkline in one process, with nothing global: several
//! run side by side in a test. What the roles do is theirs; this crate only
//! decides who starts when, with what, and who stops first.

mod carrier;
mod classic_text;
pub mod config;
mod data_dir;
mod error;
mod first;
mod gate;
mod health;
pub mod inspect;
mod media;
mod metrics_server;
mod node;
mod process_metrics;
mod roles;
mod store_metrics;
pub mod telemetry;
pub mod token;

pub use config::go::{GoConfig, GoFlags};
pub use config::{Config, ConfigError, Environment, Flags, Role};
pub use error::Error;
pub use node::Node;
