//! How far an import is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What an import has done so far; shared with whoever shows it.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    /// Bytes of the file, and how many of them were read.
    pub(crate) size: AtomicU64,
    pub(crate) read: Arc<AtomicU64>,
    pub(crate) people: AtomicU64,
    pub(crate) created: AtomicU64,
    pub(crate) known: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) twice: AtomicU64,
    pub(crate) repeats: AtomicU64,
}

/// A moment of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Lines with a person that were sent or refused.
    pub done: u64,
    pub created: u64,
    /// On the list before.
    pub known: u64,
    /// Refused lines, those of people who are twice in the file included.
    pub refused: u64,
    /// Requests that were sent again.
    pub repeats: u64,
    /// People a second since the beginning.
    pub per_s: f64,
    /// Of the file, 0 to 1.
    pub share: f64,
    pub left: Option<Duration>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            size: AtomicU64::default(),
            read: Arc::default(),
            people: AtomicU64::default(),
            created: AtomicU64::default(),
            known: AtomicU64::default(),
            refused: AtomicU64::default(),
            twice: AtomicU64::default(),
            repeats: AtomicU64::default(),
        }
    }
}

impl Progress {
    /// How far it is now.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let (created, known) = (self.created.load(Relaxed), self.known.load(Relaxed));
        let refused = self.refused.load(Relaxed) + self.twice.load(Relaxed);
        let (read, size) = (self.read.load(Relaxed), self.size.load(Relaxed));
        let share = if size == 0 {
            0.0
        } else {
            (read as f64 / size as f64).min(1.0)
        };
        let passed = self.began.elapsed().as_secs_f64();
        let done = created + known + refused;
        let left = (share > 0.0 && passed > 1.0).then(|| passed * (1.0 - share) / share);
        Seen {
            done,
            created,
            known,
            refused,
            repeats: self.repeats.load(Relaxed),
            per_s: done as f64 / passed.max(1e-3),
            share,
            left: left.and_then(|left| Duration::try_from_secs_f64(left).ok()),
        }
    }
}
