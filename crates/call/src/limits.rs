//! Limits of customers: how many outgoing calls each may begin per second, and
//! have at the same time. The rule is `trunkline_domain::call::limits`.
//!
//! The counts are in memory, so that a call costs no query: taken from the rows
//! at the start and anew now and then, moved by one in between. So they are
//! right again after a crash, and about right while several copies of the role
//! share the work: each counts its own, and all see the rows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_domain::call::limits::{Allowance, Limits, admit};
use trunkline_domain::call::outgoing::{self, Refused};
use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;
use trunkline_model::limits::CustomerLimits;
use trunkline_store::{Database, Error, call as calls, customer_limits};

use crate::config::Config;

/// The counts of every customer.
#[derive(Clone, Default)]
pub(crate) struct CallLimits(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    customers: HashMap<CustomerId, Counts>,
    /// Limits that single customers have for themselves.
    own: HashMap<CustomerId, Limits>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// Calls that have not ended.
    live: u32,
    /// Calls that are being made and have no row yet.
    coming: u32,
    allowance: Option<Allowance>,
}

/// A call that may be made; dropped before it is made, it does not count.
pub(crate) struct Admission {
    limits: CallLimits,
    customer: CustomerId,
    made: bool,
}

impl Admission {
    /// The call's row is written.
    pub(crate) fn made(mut self) {
        self.made = true;
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut inner = self.limits.lock();
        let counts = inner.customers.entry(self.customer).or_default();
        counts.coming = counts.coming.saturating_sub(1);
        counts.live += u32::from(self.made);
    }
}

impl CallLimits {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limits that hold for a customer.
    pub(crate) fn of(&self, config: &Config, customer: CustomerId) -> Limits {
        if outgoing::is_internal(customer) {
            return Limits::default();
        }
        let own = self.lock().own.get(&customer).copied();
        own.unwrap_or(Limits {
            calls_per_second: config.customer_calls_per_second,
            concurrent_calls: config.customer_concurrent_calls,
        })
    }

    /// Lets a call of `customer` in.
    pub(crate) fn admit(
        &self,
        config: &Config,
        customer: CustomerId,
        now: Timestamp,
    ) -> Result<Admission, Refused> {
        let limits = self.of(config, customer);
        let mut inner = self.lock();
        let counts = inner.customers.entry(customer).or_default();
        let allowance = counts.allowance.unwrap_or(Allowance::full(limits, now));
        let live = counts.live.saturating_add(counts.coming);
        counts.allowance = Some(admit(limits, allowance, live, now)?);
        counts.coming += 1;
        Ok(Admission {
            limits: self.clone(),
            customer,
            made: false,
        })
    }

    /// An outgoing call of `customer` has ended.
    pub(crate) fn ended(&self, customer: CustomerId) {
        if let Some(counts) = self.lock().customers.get_mut(&customer) {
            counts.live = counts.live.saturating_sub(1);
        }
    }

    /// Limits of a customer's own were written.
    pub(crate) fn changed(&self, limits: &CustomerLimits) {
        let mut inner = self.lock();
        inner.own.insert(limits.customer_id, own(limits));
        if let Some(counts) = inner.customers.get_mut(&limits.customer_id) {
            counts.allowance = None;
        }
    }

    /// Takes counts and limits from the rows.
    pub(crate) async fn recount(&self, db: &dyn Database) -> Result<(), Error> {
        let found = customer_limits::all(db).await?;
        let live = calls::live_outgoing(db).await?;
        let mut inner = self.lock();
        inner.own = found
            .iter()
            .map(|limits| (limits.customer_id, own(limits)))
            .collect();
        for counts in inner.customers.values_mut() {
            counts.live = 0;
        }
        for (customer, count) in live {
            let counts = inner.customers.entry(customer).or_default();
            counts.live = u32::try_from(count).unwrap_or(u32::MAX);
        }
        Ok(())
    }
}

fn own(limits: &CustomerLimits) -> Limits {
    let number = |value: i64| u32::try_from(value.max(0)).unwrap_or(u32::MAX);
    Limits {
        calls_per_second: number(limits.calls_per_second),
        concurrent_calls: number(limits.concurrent_calls),
    }
}
