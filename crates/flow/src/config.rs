//! Limits of the role.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use trunkline_domain::flow::Limits;

/// How flow-manager is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Requests worked on at the same time.
    pub workers: usize,
    /// Events worked on at the same time.
    pub event_workers: usize,
    /// Most rows of one list; a larger or negative `page_size` is cut to it.
    pub max_rows: u64,
    /// How often a change is decided anew when another writer was first.
    pub conflict_retries: u32,
    /// Persisted flows that a customer may have.
    pub flows_per_customer: i64,
    /// Actions of one flow.
    pub actions_per_flow: usize,
    /// Flows, and activeflows, that one `customer_deleted` event deletes.
    pub customer_batch: u64,
    /// Pause between two looks for what has expired, milliseconds.
    pub sweep_interval_ms: u64,
    /// How long the variables of an activeflow are kept after they were last
    /// written, milliseconds.
    pub keep_variables_ms: u64,
    /// How long the activeflow of a call may wait for its first action before the
    /// call is asked for, milliseconds: longer than any call rings.
    pub unbegun_after_ms: u64,
    /// What an activeflow may grow to.
    pub limits: Limits,
    /// The servers of customers that the action `fetch` asks.
    pub fetch: Fetch,
    /// How events and duties are worked off.
    pub delivery: trunkline_delivery::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 256,
            event_workers: 128,
            max_rows: 10_000,
            conflict_retries: 10,
            flows_per_customer: 10_000,
            actions_per_flow: 10_000,
            customer_batch: 1_000,
            sweep_interval_ms: 600_000,
            keep_variables_ms: 7 * 24 * 3_600_000,
            unbegun_after_ms: 600_000,
            limits: Limits::default(),
            fetch: Fetch::default(),
            delivery: trunkline_delivery::Config::default(),
        }
    }
}

/// How the action `fetch` asks a customer's server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fetch {
    /// Longest time for one answer, milliseconds: the connection and redirects
    /// included.
    pub timeout_ms: u64,
    /// Largest answer, bytes.
    pub max_answer_bytes: usize,
    /// Most actions in an answer.
    pub max_actions: usize,
    /// Servers that are asked at the same time; a further flow waits a moment.
    /// Below `workers`: each holds one of them.
    pub concurrency: usize,
    /// Those of one customer: a server that does not answer holds up its own
    /// customer only.
    pub concurrency_per_customer: usize,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            timeout_ms: 5_000,
            max_answer_bytes: 262_144,
            max_actions: 1_000,
            concurrency: 128,
            concurrency_per_customer: 16,
        }
    }
}

impl Fetch {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

impl Config {
    pub(crate) fn sweep_interval(&self) -> Duration {
        Duration::from_millis(self.sweep_interval_ms)
    }

    pub(crate) fn unbegun_after(&self) -> Duration {
        Duration::from_millis(self.unbegun_after_ms)
    }

    pub(crate) fn keep_variables(&self) -> Duration {
        Duration::from_millis(self.keep_variables_ms)
    }
}
