//! Limits of the background tasks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How events and duties are worked off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Events read from the table at once.
    pub outbox_batch: u32,
    /// How long an event waits for others, to be published with them,
    /// milliseconds.
    pub outbox_gather_ms: u64,
    /// Events in hand at the same time: written, and not yet known to be safe.
    /// Further ones wait in the table only.
    pub outbox_in_hand: usize,
    /// How long another copy leaves an event to the one that wrote it,
    /// milliseconds. It is prolonged while the event is in hand.
    pub outbox_lease_ms: u64,
    /// Longest wait for an event to be handled before it is published again,
    /// milliseconds. Longer than the pauses of consumers that fail.
    pub outbox_patience_ms: u64,
    /// How long webhook-manager is asked to take a webhook before the webhook
    /// is dropped, milliseconds.
    pub webhook_patience_ms: u64,
    /// Ids of handled events that are remembered in memory.
    pub inbox_window: usize,
    /// How long the id of a handled event is kept, milliseconds.
    pub inbox_keep_ms: u64,
    /// How long what is done waits for others, to be noted with them,
    /// milliseconds.
    pub settle_ms: u64,
    /// Duties claimed at once.
    pub due_batch: u32,
    /// How far ahead duties are claimed, milliseconds.
    pub due_ahead_ms: u64,
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
    /// Messages that a role keeps because they cannot be handled; further ones
    /// are dropped, each with an error in the log.
    pub parked_max: u32,
    /// As much as is kept of one of them, bytes. A longer one can be looked at
    /// but not released.
    pub parked_body_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            outbox_batch: 512,
            outbox_gather_ms: 10,
            outbox_in_hand: 10_000,
            outbox_lease_ms: 5_000,
            outbox_patience_ms: 300_000,
            webhook_patience_ms: 3_600_000,
            inbox_window: 100_000,
            inbox_keep_ms: 600_000,
            settle_ms: 100,
            due_batch: 256,
            due_ahead_ms: 250,
            due_lease_ms: 15_000,
            due_request_timeout_ms: 10_000,
            idle_poll_ms: 1_000,
            retry_min_ms: 500,
            retry_max_ms: 30_000,
            parked_max: 10_000,
            parked_body_bytes: 1_048_576,
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

    pub(crate) fn outbox_lease(&self) -> Duration {
        Duration::from_millis(self.outbox_lease_ms)
    }

    /// Of an event in hand, and of a webhook that waits for its next attempt.
    pub(crate) fn longest_lease(&self) -> Duration {
        Duration::from_millis(self.outbox_lease_ms.max(self.retry_max_ms))
    }

    pub(crate) fn outbox_patience(&self) -> Duration {
        Duration::from_millis(self.outbox_patience_ms)
    }

    pub(crate) fn webhook_patience(&self) -> Duration {
        Duration::from_millis(self.webhook_patience_ms)
    }

    pub(crate) fn inbox_keep(&self) -> Duration {
        Duration::from_millis(self.inbox_keep_ms)
    }

    pub(crate) fn settle(&self) -> Duration {
        Duration::from_millis(self.settle_ms)
    }

    pub(crate) fn due_ahead(&self) -> Duration {
        Duration::from_millis(self.due_ahead_ms)
    }

    pub(crate) fn due_lease(&self) -> Duration {
        Duration::from_millis(self.due_lease_ms)
    }

    pub(crate) fn due_request_timeout(&self) -> Duration {
        Duration::from_millis(self.due_request_timeout_ms)
    }

    pub(crate) fn retry_min(&self) -> Duration {
        Duration::from_millis(self.retry_min_ms)
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
        let pauses: Vec<u64> = [0, 1, 2, 60]
            .map(|attempts| config.retry_delay(attempts).as_millis() as u64)
            .to_vec();
        assert_eq!(pauses, [500, 1_000, 2_000, 30_000]);
    }
}
