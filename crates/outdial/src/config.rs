//! Limits of the role.

use serde::{Deserialize, Serialize};

/// How outdial-manager is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Requests worked on at the same time.
    pub workers: usize,
    /// Most rows of one list or of one answer to `available`; a larger or
    /// negative `page_size` is cut to it.
    pub max_rows: u64,
    /// How often a change is decided anew when another writer was first.
    pub conflict_retries: u32,
    /// How events and duties are worked off.
    pub delivery: trunkline_delivery::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 64,
            max_rows: 10_000,
            conflict_retries: 5,
            delivery: trunkline_delivery::Config::default(),
        }
    }
}
