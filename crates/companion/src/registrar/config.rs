//! Options of registrar-manager.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How trunks and phones are kept in every Asterisk. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Pause between two looks which Asterisks there are: one that comes gets everything
    /// at once.
    pub look_interval_ms: u64,
    /// Pause between two comparisons of the rows with every Asterisk.
    pub compare_interval_ms: u64,
    /// Time after which an object that was pushed is looked at again, although
    /// nothing says that it has changed.
    pub verify_interval_ms: u64,
    /// Most trunks, and most phones, that are pushed.
    pub max_objects: u32,
    /// Longest time that a create or a change waits until Asterisk has it; it gets
    /// it all the same.
    pub push_wait_ms: u64,
    /// How old what is shown of registrations and endpoints may be.
    pub state_fresh_ms: u64,
    /// Longest time that the test of a trunk waits for a carrier's answer to OPTIONS
    /// or REGISTER, and for a name to be resolved.
    pub probe_timeout_ms: u64,
    /// How long the call of a test may ring.
    pub test_ring_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            look_interval_ms: 1_000,
            compare_interval_ms: 15_000,
            verify_interval_ms: 600_000,
            max_objects: 10_000,
            push_wait_ms: 2_000,
            state_fresh_ms: 1_000,
            probe_timeout_ms: 4_000,
            test_ring_ms: 20_000,
        }
    }
}

impl Config {
    pub(super) fn look_interval(&self) -> Duration {
        Duration::from_millis(self.look_interval_ms)
    }

    pub(super) fn compare_interval(&self) -> Duration {
        Duration::from_millis(self.compare_interval_ms)
    }

    pub(super) fn verify_interval(&self) -> Duration {
        Duration::from_millis(self.verify_interval_ms)
    }

    pub(super) fn push_wait(&self) -> Duration {
        Duration::from_millis(self.push_wait_ms)
    }

    pub(super) fn state_fresh(&self) -> Duration {
        Duration::from_millis(self.state_fresh_ms)
    }

    pub(super) fn probe_timeout(&self) -> Duration {
        Duration::from_millis(self.probe_timeout_ms)
    }

    pub(super) fn test_ring(&self) -> Duration {
        Duration::from_millis(self.test_ring_ms)
    }
}
