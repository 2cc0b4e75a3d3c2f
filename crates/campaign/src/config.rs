//! Limits of the role.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_domain::campaign::{attempt, brake};

use crate::error::Error;

/// How campaign-manager is run.
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
    /// Who runs which campaign, and how.
    pub runner: RunnerConfig,
    /// How attempts are looked after.
    pub attempt: AttemptConfig,
    /// How events and duties are worked off.
    pub delivery: trunkline_delivery::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 64,
            event_workers: 256,
            max_rows: 10_000,
            conflict_retries: 5,
            runner: RunnerConfig::default(),
            attempt: AttemptConfig::default(),
            delivery: trunkline_delivery::Config::default(),
        }
    }
}

impl Config {
    /// Checks what the fields must be to each other.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] names the first field that does not fit.
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |field, detail| Err(Error::Config { field, detail });
        if self.workers == 0 {
            return refuse("workers", "must be at least 1");
        }
        if self.runner.lease_ttl_ms < 100 {
            return refuse("runner.lease_ttl_ms", "must be at least 100");
        }
        if self.runner.dials_at_once == 0 {
            return refuse("runner.dials_at_once", "must be at least 1");
        }
        // A create that is still on its way must not be taken for none.
        let last_create = self.attempt.create_within() + 2 * DEFAULT_TIMEOUT;
        if self.attempt.pauses().settled < last_create {
            return refuse(
                "attempt.check_after_ms",
                "must be at least create_within_ms and twice the time-out of a request",
            );
        }
        Ok(())
    }
}

/// Limits of the runners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunnerConfig {
    /// Campaigns that this process runs at the same time.
    pub max_campaigns: u32,
    /// How often campaigns without a runner are looked for, milliseconds.
    pub look_interval_ms: u64,
    /// How long a campaign stays this process's without renewal, milliseconds.
    /// It is renewed at half of that.
    pub lease_ttl_ms: u64,
    /// Attempts of one campaign that are being started at the same time.
    pub dials_at_once: usize,
    /// Most targets that are asked for at once.
    pub list_limit: u32,
    /// How long an answer about Asterisks or agents is used, milliseconds.
    pub view_ttl_ms: u64,
    /// Pause after a service was away, milliseconds.
    pub away_pause_ms: u64,
    /// Refused calls in a row that slow a campaign down.
    pub failing_creates: u32,
    /// Pause between two calls of a campaign that was slowed down, milliseconds.
    pub failing_pause_ms: u64,
    /// How long a target is left alone that could not be claimed, milliseconds.
    pub refused_target_pause_ms: u64,
}

impl Default for RunnerConfig {
    fn default() -> Self {
        Self {
            max_campaigns: 1_000,
            look_interval_ms: 1_000,
            lease_ttl_ms: 4_000,
            dials_at_once: 128,
            list_limit: 500,
            view_ttl_ms: 1_000,
            away_pause_ms: 1_000,
            failing_creates: 50,
            failing_pause_ms: 5_000,
            refused_target_pause_ms: 30_000,
        }
    }
}

/// How attempts are looked after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttemptConfig {
    /// Age of an attempt after which its call is no longer created,
    /// milliseconds. With the time-out of the request, well below
    /// `check_after_ms`.
    pub create_within_ms: u64,
    /// Age of an attempt at its first check, milliseconds: by then its call
    /// exists or never will.
    pub check_after_ms: u64,
    /// Pause between two checks of a live attempt, milliseconds.
    pub check_live_ms: u64,
    /// Pause between two checks while the service is away, milliseconds.
    pub check_away_ms: u64,
}

impl Default for AttemptConfig {
    fn default() -> Self {
        Self {
            create_within_ms: 5_000,
            check_after_ms: 15_000,
            check_live_ms: 30_000,
            check_away_ms: 5_000,
        }
    }
}

impl RunnerConfig {
    pub(crate) fn look_interval(&self) -> Duration {
        Duration::from_millis(self.look_interval_ms)
    }

    pub(crate) fn lease_ttl(&self) -> Duration {
        Duration::from_millis(self.lease_ttl_ms)
    }

    pub(crate) fn view_ttl(&self) -> Duration {
        Duration::from_millis(self.view_ttl_ms)
    }

    pub(crate) fn away_pause(&self) -> Duration {
        Duration::from_millis(self.away_pause_ms)
    }

    pub(crate) fn refused_target_pause(&self) -> Duration {
        Duration::from_millis(self.refused_target_pause_ms)
    }

    pub(crate) fn brake(&self) -> brake::Limits {
        brake::Limits {
            refused: self.failing_creates,
            pause: Duration::from_millis(self.failing_pause_ms),
        }
    }
}

impl AttemptConfig {
    pub(crate) fn create_within(&self) -> Duration {
        Duration::from_millis(self.create_within_ms)
    }

    pub(crate) fn pauses(&self) -> attempt::Pauses {
        attempt::Pauses {
            settled: Duration::from_millis(self.check_after_ms),
            live: Duration::from_millis(self.check_live_ms),
            away: Duration::from_millis(self.check_away_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit_and_a_check_that_is_too_early_does_not() {
        let mut config = Config::default();
        config.check().unwrap();
        config.attempt.check_after_ms = 8_000;
        let refused = config.check().unwrap_err().to_string();
        assert!(refused.contains("attempt.check_after_ms"), "{refused}");
    }
}
