//! Sizes and time-outs of a file database.

use std::time::Duration;

/// How a file database is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Batches that may wait for the writer; further callers await a place.
    pub write_queue: usize,
    /// Most batches that are committed at once.
    pub group: usize,
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
            readers: 2,
            read_queue: 1024,
            busy_timeout: Duration::from_secs(5),
        }
    }
}
