//! Sizes and time-outs of a file database.

use std::time::Duration;

/// How a file database is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Batches that may wait for the writer; further callers await a place.
    pub write_queue: usize,
    /// Most batches that are committed at once.
    pub group: usize,
    /// How long the first batch of a group waits for others before they are
    /// committed together: a commit costs far more than a batch. While many
    /// come it is up to sixteen times as long.
    pub group_wait: Duration,
    /// Reader connections, each on its own thread.
    pub readers: usize,
    /// Queries that may wait for a reader; further callers await a place.
    pub read_queue: usize,
    /// How long a lock of another process is waited for.
    pub busy_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            write_queue: 4096,
            group: 512,
            group_wait: Duration::from_millis(1),
            readers: 2,
            read_queue: 1024,
            busy_timeout: Duration::from_secs(5),
        }
    }
}
