//! The store's clock: virtual time, and the steps that it makes.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::time::Instant;
use trunkline_model::Timestamp;

/// When every world begins: 2026-01-01T00:00:00Z.
const EPOCH: i64 = 1_767_225_600_000_000;

/// Follows the runtime's paused clock. Two readings are never the same, as with
/// a real clock of microseconds.
pub struct VirtualClock {
    began: Instant,
    step: AtomicI64,
    last: AtomicI64,
}

impl VirtualClock {
    /// A clock that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            step: AtomicI64::new(0),
            last: AtomicI64::new(0),
        }
    }

    /// What the store takes for the time.
    pub fn read(&self) -> Timestamp {
        let now = self.true_micros() + self.step.load(Ordering::SeqCst);
        let last = self.last.load(Ordering::SeqCst);
        let reading = if now <= last { last + 1 } else { now };
        self.last.store(reading, Ordering::SeqCst);
        Timestamp::from_micros(reading)
    }

    /// Microseconds since 1970 without any step: Asterisk's clock.
    #[must_use]
    pub fn true_micros(&self) -> i64 {
        let elapsed = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX);
        EPOCH.saturating_add(elapsed)
    }

    /// Steps forward, or back.
    pub fn step(&self, ms: i64) {
        self.step
            .fetch_add(ms.saturating_mul(1_000), Ordering::SeqCst);
        self.last.store(0, Ordering::SeqCst);
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_never_reads_the_same_and_steps_as_told() {
        let clock = VirtualClock::new();
        let [first, second] = [clock.read(), clock.read()];
        assert!(second > first);
        clock.step(-500);
        let back = first.minus(std::time::Duration::from_millis(500));
        assert_eq!(clock.read(), back);
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        assert_eq!(clock.true_micros(), EPOCH + 1_000_000);
    }
}
