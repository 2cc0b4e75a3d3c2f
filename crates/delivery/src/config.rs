//! Limits of the two tasks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How events and duties are worked off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Events read and published at once.
    pub outbox_batch: u32,
    /// How long an event waits for others, to be read, published and deleted
    /// with them, milliseconds.
    pub outbox_gather_ms: u64,
    /// Duties claimed at once.
    pub due_batch: u32,
    /// How long a claimed duty is ours, milliseconds. A request that is not
    /// answered by then is sent again.
    pub due_lease_ms: u64,
    /// Time-out of the request that a duty is, milliseconds.
    pub due_request_timeout_ms: u64,
    /// Longest pause between two looks at the tables, milliseconds.
    pub idle_poll_ms: u64,
    /// First pause after a failed attempt, milliseconds; doubles up to
    /// `retry_max_ms`.
    pub retry_min_ms: u64,
    /// Longest pause between two attempts, milliseconds.
    pub retry_max_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            outbox_batch: 512,
            outbox_gather_ms: 10,
            due_batch: 256,
            due_lease_ms: 30_000,
            due_request_timeout_ms: 10_000,
            idle_poll_ms: 1_000,
            retry_min_ms: 500,
            retry_max_ms: 30_000,
        }
    }
}

impl Config {
    pub(crate) fn idle_poll(&self) -> Duration {
        Duration::from_millis(self.idle_poll_ms)
    }

    pub(crate) fn outbox_gather(&self) -> Duration {
        Duration::from_millis(self.outbox_gather_ms)
    }

    pub(crate) fn due_lease(&self) -> Duration {
        Duration::from_millis(self.due_lease_ms)
    }

    pub(crate) fn due_request_timeout(&self) -> Duration {
        Duration::from_millis(self.due_request_timeout_ms)
    }

    /// Pause before attempt number `attempts + 1`.
    pub(crate) fn retry_delay(&self, attempts: i64) -> Duration {
        let doubled = self.retry_min_ms.saturating_mul(1 << attempts.clamp(0, 16));
        Duration::from_millis(doubled.min(self.retry_max_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let config = Config::default();
        let delays: Vec<u64> = [0, 1, 2, 40]
            .map(|n| u64::try_from(config.retry_delay(n).as_millis()).unwrap())
            .to_vec();
        assert_eq!(delays, [500, 1_000, 2_000, 30_000]);
    }
}
