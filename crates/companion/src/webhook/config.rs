//! Limits of the webhook role.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How webhooks are delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Requests worked on at the same time.
    pub workers: usize,
    /// Deliveries on their way at the same time.
    pub concurrency: usize,
    /// Deliveries of one customer on their way at the same time: a server that
    /// does not answer holds up its own customer only.
    pub concurrency_per_customer: usize,
    /// Time-out of one attempt, milliseconds.
    pub timeout_ms: u64,
    /// Attempts before a delivery is given up: parked, until an operator releases
    /// or discards it.
    pub max_attempts: i64,
    /// Pause after the first failed attempt, milliseconds; doubles up to
    /// `retry_max_ms`.
    pub retry_min_ms: u64,
    /// Longest pause between two attempts, milliseconds.
    pub retry_max_ms: u64,
    /// Longest pause between two looks at the table, milliseconds.
    pub idle_poll_ms: u64,
    /// Deliveries of one customer that may wait; further ones are dropped.
    pub max_waiting_per_customer: u64,
    /// Deliveries that are kept when they are given up; further ones are dropped.
    pub max_parked: u32,
    /// Largest body, bytes; a larger one is refused.
    pub max_body_bytes: usize,
    /// How long it is remembered that a customer has no server, milliseconds. It
    /// is forgotten at once when the customer changes.
    pub unwanted_memory_ms: u64,
    /// How events and duties are worked off.
    pub delivery: trunkline_delivery::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 10,
            concurrency: 64,
            concurrency_per_customer: 8,
            timeout_ms: 10_000,
            max_attempts: 10,
            retry_min_ms: 1_000,
            retry_max_ms: 300_000,
            idle_poll_ms: 1_000,
            max_waiting_per_customer: 10_000,
            max_parked: 5_000,
            max_body_bytes: 1_048_576,
            unwanted_memory_ms: 5_000,
            delivery: trunkline_delivery::Config::default(),
        }
    }
}

impl Config {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) fn idle_poll(&self) -> Duration {
        Duration::from_millis(self.idle_poll_ms.max(1))
    }

    pub(crate) fn unwanted_memory(&self) -> Duration {
        Duration::from_millis(self.unwanted_memory_ms)
    }

    /// How long a delivery that is on its way is nobody else's.
    pub(crate) fn lease(&self) -> Duration {
        self.timeout().saturating_mul(3)
    }

    /// Pause after `attempts` failed attempts.
    pub(crate) fn retry_delay(&self, attempts: i64) -> Duration {
        let doubled = self
            .retry_min_ms
            .saturating_mul(1 << (attempts - 1).clamp(0, 30));
        Duration::from_millis(doubled.min(self.retry_max_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let config = Config::default();
        let delays = [1, 2, 3, 100].map(|attempts| config.retry_delay(attempts).as_secs());
        assert_eq!(delays, [1, 2, 4, 300]);
    }
}
