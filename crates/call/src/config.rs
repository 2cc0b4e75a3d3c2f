//! Options of the role.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Options of call-manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Requests worked on at once. The reference has 10.
    pub request_workers: usize,
    /// Events worked on at once; those of one channel stay in order. The
    /// reference has 20.
    pub event_workers: usize,
    /// Events that may wait.
    pub event_queue: usize,
    /// Base of the domains that incoming calls come for: `pstn.<base>` and so on.
    pub base_domain: String,
    /// Bucket that storage-manager is told for a recording's file. Trunkline's own keeps
    /// files in the media folder and looks at none.
    pub bucket_name: String,
    /// Stasis application of our channels.
    pub application: String,
    /// Type of a call's own bridge: a comma list of ARI's bridge types.
    pub bridge_type: String,
    /// Longest duration of a call, counted from when its channel entered Stasis,
    /// milliseconds.
    pub max_call_duration_ms: u64,
    /// Seconds until Asterisk gives up an unanswered channel.
    pub dial_timeout_s: u32,
    /// Pause between two comparisons of the rows with each Asterisk, milliseconds.
    pub reconcile_interval_ms: u64,
    /// Calls and channels younger than this are not compared, milliseconds.
    pub reconcile_grace_ms: u64,
    /// How long an Asterisk may leave everything unanswered before it counts as away,
    /// milliseconds: its proxy may have died, or not tell of such things.
    pub asterisk_away_after_ms: u64,
    /// How long an Asterisk may be away before its calls are taken as lost and
    /// ended, milliseconds. Until then nobody knows how they went, and nobody is
    /// dialed again.
    pub asterisk_lost_after_ms: u64,
    /// Live calls that one comparison looks at.
    pub reconcile_limit: u32,
    /// Keys that are kept of one call; further ones are not heard.
    pub digits_per_call: u32,
    /// How long after the end of a recording its files are asked for before they
    /// are given up, milliseconds.
    pub recording_give_up_ms: u64,
    /// Outgoing calls that a customer may begin per second, unless he has limits of
    /// his own; 0 is no limit.
    pub customer_calls_per_second: u32,
    /// Outgoing calls of a customer that have not ended, at most; 0 is no limit.
    pub customer_concurrent_calls: u32,
    /// Rows of a customer that one `customer_deleted` or `customer_frozen` event
    /// touches.
    pub customer_batch: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            request_workers: 256,
            event_workers: 2048,
            event_queue: 8_192,
            base_domain: "trunkline.localhost".to_owned(),
            bucket_name: String::new(),
            application: "voipbin".to_owned(),
            bridge_type: "mixing".to_owned(),
            max_call_duration_ms: 3_600_000,
            dial_timeout_s: 60,
            reconcile_interval_ms: 10_000,
            reconcile_grace_ms: 15_000,
            asterisk_away_after_ms: 20_000,
            asterisk_lost_after_ms: 600_000,
            reconcile_limit: 100_000,
            digits_per_call: 1_000,
            recording_give_up_ms: 86_400_000,
            customer_calls_per_second: 100,
            customer_concurrent_calls: 1_000,
            customer_batch: 1_000,
        }
    }
}

impl Config {
    pub(crate) fn max_call_duration(&self) -> Duration {
        Duration::from_millis(self.max_call_duration_ms)
    }

    pub(crate) fn reconcile_interval(&self) -> Duration {
        Duration::from_millis(self.reconcile_interval_ms)
    }

    pub(crate) fn asterisk_away_after(&self) -> Duration {
        Duration::from_millis(self.asterisk_away_after_ms)
    }

    pub(crate) fn asterisk_lost_after(&self) -> Duration {
        Duration::from_millis(self.asterisk_lost_after_ms)
    }

    pub(crate) fn recording_give_up(&self) -> Duration {
        Duration::from_millis(self.recording_give_up_ms)
    }

    pub(crate) fn reconcile_grace(&self) -> Duration {
        Duration::from_millis(self.reconcile_grace_ms)
    }
}
