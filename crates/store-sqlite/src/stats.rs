//! What the writer has done, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// A copy of the counters. `batches / commits` is the mean size of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Batches that were applied.
    pub batches: u64,
    /// Batches that were refused or failed.
    pub refused: u64,
    /// Transactions that were committed.
    pub commits: u64,
    /// Batches in the last group.
    pub last_group: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    batches: AtomicU64,
    refused: AtomicU64,
    commits: AtomicU64,
    last_group: AtomicU64,
}

impl Counters {
    pub(crate) fn group(&self, applied: u64, refused: u64, commits: u64) {
        self.batches.fetch_add(applied, Ordering::Relaxed);
        self.refused.fetch_add(refused, Ordering::Relaxed);
        self.commits.fetch_add(commits, Ordering::Relaxed);
        self.last_group.store(applied + refused, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Stats {
        Stats {
            batches: self.batches.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            last_group: self.last_group.load(Ordering::Relaxed),
        }
    }
}
