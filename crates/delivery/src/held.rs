//! Duties that are claimed and wait, in memory, for their time.
//!
//! A duty that is due before the scheduler's next look is claimed by the very
//! statement that writes it: it need not be read back. It is held from the
//! commit of its batch on. Cancelling or replacing it in this process takes it
//! out again; another process that cancels it deletes the row, and the firing
//! that may follow finds its reason gone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use trunkline_store::due::{Due, Effect};

/// Duties held at the same time; further ones wait in the table.
const LIMIT: usize = 10_000;

/// The duties held by one role.
#[derive(Default)]
pub(crate) struct Held {
    duties: Mutex<BTreeMap<(Instant, u64), Claimed>>,
    /// How many were held so far: those of one moment come out in this order.
    number: AtomicU64,
    /// A scheduler works off what is held.
    open: AtomicBool,
    /// One is due earlier than all others.
    pub(crate) earlier: Notify,
}

/// A duty and until when it may be sent: what is left of the lease then is for
/// the request.
struct Claimed {
    duty: Due,
    send_until: Instant,
}

impl Held {
    fn duties(&self) -> MutexGuard<'_, BTreeMap<(Instant, u64), Claimed>> {
        self.duties.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on duties may be claimed when they are written.
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }

    /// Lets go of every duty.
    pub(crate) fn close(&self) -> Vec<Due> {
        self.open.store(false, Ordering::SeqCst);
        let held = std::mem::take(&mut *self.duties());
        held.into_values().map(|claimed| claimed.duty).collect()
    }

    /// Whether one more may be claimed when it is written.
    pub(crate) fn has_room(&self) -> bool {
        self.open.load(Ordering::SeqCst) && self.duties().len() < LIMIT
    }

    /// How many should have been sent by now.
    pub(crate) fn overdue(&self, now: Instant) -> usize {
        self.duties().range(..=(now, u64::MAX)).count()
    }

    /// Holds a claimed duty until `at`.
    pub(crate) fn hold(&self, duty: Due, at: Instant, lease: Duration) {
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        let claimed = Claimed {
            duty,
            send_until: at + lease / 2,
        };
        let mut duties = self.duties();
        duties.insert((at, number), claimed);
        let is_first = duties.keys().next() == Some(&(at, number));
        drop(duties);
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// What a committed statement did. A duty that its statement has claimed is
    /// held.
    pub(crate) fn note(&self, effect: Effect, lease: Duration) {
        match effect {
            Effect::Written(duty) => {
                self.duties().retain(|_, held| held.duty.key != duty.key);
                let (Some(due_at), Some(now), Some(_)) =
                    (duty.due_at, duty.tm_create, duty.lease_until)
                else {
                    return;
                };
                self.hold(*duty, Instant::now() + due_at.since(now), lease);
            }
            Effect::Cancelled { key } => self.duties().retain(|_, held| held.duty.key != key),
            Effect::CancelledAllOf { owner } => {
                self.duties().retain(|_, held| held.duty.owner != owner);
            }
        }
    }

    /// When the first of them is due.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.duties().keys().next().map(|(at, _)| *at)
    }

    /// The next one that is due. One that is not certainly ours any longer is
    /// let go: whoever claims it next does it.
    pub(crate) fn take_due(&self, now: Instant) -> Option<Due> {
        let mut duties = self.duties();
        loop {
            let first = duties.first_entry()?;
            if first.key().0 > now {
                return None;
            }
            let claimed = first.remove();
            if now < claimed.send_until {
                return Some(claimed.duty);
            }
            tracing::debug!(key = %claimed.duty.key, "a duty was held for too long and is let go");
        }
    }
}

#[cfg(test)]
mod tests {
    use trunkline_model::Timestamp;

    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn written(key: &str, owner: &str, in_ms: i64) -> Effect {
        let now = Timestamp::system_now();
        let due_at = now.plus_millis(in_ms);
        Effect::Written(Box::new(Due {
            key: key.into(),
            owner: owner.into(),
            due_at: Some(due_at),
            tm_create: Some(now),
            lease_until: Some(due_at.plus(LEASE)),
            ..Due::default()
        }))
    }

    fn due(held: &Held) -> Vec<String> {
        let now = Instant::now();
        std::iter::from_fn(|| held.take_due(now).map(|duty| duty.key)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn duties_come_out_when_they_are_due_in_order() {
        let held = Held::default();
        for (key, in_ms) in [("c", 30), ("a", 10), ("b", 20)] {
            held.note(written(key, "o", in_ms), LEASE);
        }
        assert!(due(&held).is_empty());
        tokio::time::advance(Duration::from_millis(20)).await;
        assert_eq!(due(&held), ["a", "b"]);
        tokio::time::advance(Duration::from_millis(10)).await;
        assert_eq!(due(&held), ["c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn cancelled_and_replaced_duties_do_not_come_out() {
        let held = Held::default();
        for (key, owner) in [("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")] {
            held.note(written(key, owner, 0), LEASE);
        }
        held.note(Effect::CancelledAllOf { owner: "x".into() }, LEASE);
        held.note(Effect::Cancelled { key: "c".into() }, LEASE);
        held.note(written("d", "y", 50), LEASE);
        assert!(due(&held).is_empty());
        tokio::time::advance(Duration::from_millis(50)).await;
        assert_eq!(due(&held), ["d"]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_was_away_for_too_long_for_the_lease_does_nothing() {
        let held = Held::default();
        held.note(written("a", "x", 0), LEASE);
        tokio::time::advance(LEASE / 2).await;
        assert!(due(&held).is_empty(), "somebody else may claim it");
        assert!(held.first().is_none());
    }
}
