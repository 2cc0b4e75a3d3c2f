//! Which customers want no webhooks: as webhook-manager has answered, for as long
//! as it has said. Their events are written without one.
//!
//! Only a role that hears of every change of a customer may believe that; a
//! customer who changes is asked for again at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;

/// Customers that are remembered; when there are more, all are forgotten.
const MOST: usize = 10_000;

/// What is believed.
#[derive(Default)]
pub(crate) struct Interest {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Whether the role follows the customers.
    follows: bool,
    none_until: BTreeMap<CustomerId, Timestamp>,
    /// Changes of customers that were heard of.
    changes: u64,
}

impl Interest {
    /// From here on [`Interest::forget`] is called for every change.
    pub(crate) fn follow(&self) {
        self.known().follows = true;
    }

    /// Whether a webhook is to be handed over for the customer.
    pub(crate) fn wants(&self, customer: CustomerId, now: Timestamp) -> bool {
        let known = self.known();
        let until = known.none_until.get(&customer);
        until.is_none_or(|until| now >= *until)
    }

    /// How many changes were heard of before webhook-manager is asked.
    pub(crate) fn changes(&self) -> u64 {
        self.known().changes
    }

    /// webhook-manager, asked after `changes`, has said that the customer wants
    /// none.
    pub(crate) fn note_none(
        &self,
        customer: CustomerId,
        changes: u64,
        now: Timestamp,
        memory: Duration,
    ) {
        let mut known = self.known();
        if !known.follows || known.changes != changes {
            return;
        }
        if known.none_until.len() >= MOST {
            known.none_until.clear();
        }
        known.none_until.insert(customer, now.plus(memory));
    }

    /// The customer has changed.
    pub(crate) fn forget(&self, customer: CustomerId) {
        let mut known = self.known();
        known.changes += 1;
        known.none_until.remove(&customer);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Duration = Duration::from_secs(5);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn customer_wants_webhooks_until_it_is_said_otherwise_and_again_once_he_changes() {
        let (interest, customer) = (Interest::default(), CustomerId::random());
        interest.follow();
        assert!(interest.wants(customer, at(0)));
        let before = interest.changes();
        interest.note_none(customer, before, at(0), MEMORY);
        assert!(!interest.wants(customer, at(4)));
        assert!(interest.wants(CustomerId::random(), at(4)));
        assert!(interest.wants(customer, at(5)), "it is asked again");
        interest.note_none(customer, before, at(5), MEMORY);
        interest.forget(customer);
        assert!(interest.wants(customer, at(6)));
        interest.note_none(customer, before, at(6), MEMORY);
        assert!(
            interest.wants(customer, at(6)),
            "he changed while it was asked"
        );
    }

    #[test]
    fn role_that_does_not_follow_the_customers_always_asks() {
        let (interest, customer) = (Interest::default(), CustomerId::random());
        interest.note_none(customer, interest.changes(), at(0), MEMORY);
        assert!(interest.wants(customer, at(1)));
    }
}
