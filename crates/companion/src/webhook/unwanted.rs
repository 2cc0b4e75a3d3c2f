//! Which customers want no webhooks: remembered for a moment, so that the many
//! events of a call do not each look their customer up.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;

/// Customers that are remembered; when there are more, all are forgotten.
const MOST: usize = 10_000;

/// Customers without a server, and until when that is believed.
pub(super) struct Unwanted {
    known: Mutex<Known>,
    memory: Duration,
}

#[derive(Default)]
struct Known {
    until: BTreeMap<CustomerId, Timestamp>,
    /// Changes of customers that were heard of.
    changes: u64,
}

impl Unwanted {
    pub(super) fn new(memory: Duration) -> Self {
        Self {
            known: Mutex::default(),
            memory,
        }
    }

    /// Whether the customer is known to have no server; otherwise what
    /// [`Unwanted::note`] wants to know.
    pub(super) fn holds(&self, customer: CustomerId, now: Timestamp) -> Result<(), LookUp> {
        let known = self.known();
        let until = known.until.get(&customer);
        if until.is_some_and(|until| now < *until) {
            Ok(())
        } else {
            Err(LookUp(known.changes))
        }
    }

    /// The customer had no server when he was looked up; nothing is noted when a
    /// customer has changed meanwhile.
    pub(super) fn note(&self, customer: CustomerId, before: LookUp, now: Timestamp) {
        let mut known = self.known();
        if known.changes != before.0 {
            return;
        }
        if known.until.len() >= MOST {
            known.until.clear();
        }
        known.until.insert(customer, now.plus(self.memory));
    }

    /// The customer has changed.
    pub(super) fn forget(&self, customer: CustomerId) {
        let mut known = self.known();
        known.changes += 1;
        known.until.remove(&customer);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a look-up began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LookUp(u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customer_without_a_server_is_remembered_until_he_changes_or_time_passes() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let unwanted = Unwanted::new(Duration::from_secs(5));
        let customer = CustomerId::random();
        let look_up = unwanted.holds(customer, at(0)).unwrap_err();
        unwanted.note(customer, look_up, at(0));
        assert_eq!(unwanted.holds(customer, at(4)), Ok(()));
        assert!(unwanted.holds(CustomerId::random(), at(4)).is_err());
        let look_up = unwanted.holds(customer, at(5)).unwrap_err();
        unwanted.note(customer, look_up, at(5));
        unwanted.forget(customer);
        assert!(unwanted.holds(customer, at(6)).is_err());
        unwanted.note(customer, look_up, at(6));
        assert!(
            unwanted.holds(customer, at(6)).is_err(),
            "he changed while he was looked up"
        );
    }
}
