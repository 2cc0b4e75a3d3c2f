//! Pauses between attempts to connect.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Doubles from the shortest to the longest pause, with jitter.
///
/// The jitter comes from the name and the number of the attempt, not from a
/// random source: many proxies spread out, and a simulation replays.
pub(crate) struct Backoff {
    name: String,
    min_ms: u64,
    max_ms: u64,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new(name: String, min_ms: u64, max_ms: u64) -> Self {
        Self {
            name,
            min_ms,
            max_ms,
            attempts: 0,
        }
    }

    /// Another one with the same pauses, from the shortest on.
    pub(crate) fn anew(&self) -> Self {
        Self::new(self.name.clone(), self.min_ms, self.max_ms)
    }

    /// Starts again with the shortest pause.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The next pause: between half of the doubled one and all of it.
    pub(crate) fn next(&mut self) -> Duration {
        let doubled = self
            .min_ms
            .saturating_mul(1 << self.attempts.min(16))
            .min(self.max_ms);
        self.attempts = self.attempts.saturating_add(1);
        let mut hasher = DefaultHasher::new();
        (&self.name, self.attempts).hash(&mut hasher);
        let half = doubled / 2;
        Duration::from_millis(doubled - half + hasher.finish() % (half + 1))
    }

    /// The longest pause.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_millis(self.max_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_jitter_and_start_again() {
        let mut backoff = Backoff::new("http://a".to_owned(), 500, 10_000);
        for most in [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
            let pause = u64::try_from(backoff.next().as_millis()).unwrap();
            assert!(pause >= most / 2 && pause <= most, "{pause} of {most}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(500));
    }
}
