//! Limits and times.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the broker is used. The address stands beside it, because it is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Longest time for TCP, TLS and the handshake, milliseconds.
    pub connect_timeout_ms: u64,
    /// Proposed heartbeat, seconds. A connection without a word for twice as long
    /// is given up.
    pub heartbeat_s: u16,
    /// How often the broker is asked something that it must answer, milliseconds:
    /// a broker that stands still is noticed long before a heartbeat is missed.
    pub probe_interval_ms: u64,
    /// Longest wait for that answer, and for that of every declaration, milliseconds.
    pub answer_timeout_ms: u64,
    /// First pause between two tries to connect, milliseconds; doubled each time, with
    /// a random part.
    pub retry_min_ms: u64,
    /// Longest pause between two tries, milliseconds.
    pub retry_max_ms: u64,
    /// Requests that may wait for their replies at the same time; further callers
    /// wait for a place.
    pub requests_in_flight: usize,
    /// Events that may be published and not yet confirmed; further ones wait.
    pub events_unconfirmed: usize,
    /// Longest wait of an event for such a place, milliseconds.
    pub publish_patience_ms: u64,
    /// Largest message that is sent, bytes.
    pub message_max_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 30_000,
            heartbeat_s: 10,
            probe_interval_ms: 5_000,
            answer_timeout_ms: 5_000,
            retry_min_ms: 100,
            retry_max_ms: 2_000,
            requests_in_flight: 4_096,
            events_unconfirmed: 1_024,
            publish_patience_ms: 30_000,
            message_max_bytes: 16 * 1024 * 1024,
        }
    }
}

impl Config {
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn probe_interval(&self) -> Duration {
        Duration::from_millis(self.probe_interval_ms.max(1))
    }

    pub(crate) fn answer_timeout(&self) -> Duration {
        Duration::from_millis(self.answer_timeout_ms)
    }

    pub(crate) fn retry_max(&self) -> Duration {
        Duration::from_millis(self.retry_max_ms)
    }

    pub(crate) fn publish_patience(&self) -> Duration {
        Duration::from_millis(self.publish_patience_ms)
    }

    /// The pause after the `n`th failure in a row, from 0: between half of the step
    /// and all of it. `chance` is from 0 to 1.
    pub(crate) fn pause(&self, n: u32, chance: f64) -> Duration {
        let doubled = self.retry_min_ms.saturating_mul(1 << n.min(16));
        let step = Duration::from_millis(doubled.min(self.retry_max_ms));
        step.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_differ() {
        let config = Config::default();
        assert_eq!(config.pause(0, 1.0), Duration::from_millis(100));
        assert_eq!(config.pause(0, 0.0), Duration::from_millis(50));
        assert_eq!(config.pause(2, 1.0), Duration::from_millis(400));
        assert_eq!(config.pause(60, 1.0), Duration::from_secs(2));
    }
}
