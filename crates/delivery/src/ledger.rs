//! The ledger: how a role writes changes with what follows from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Event, Rpc};
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_model::{Timestamp, random, webhook, wire};
use trunkline_store::{Batch, Database, Error, Statement, due, outbox};

use crate::config::Config;
use crate::duty::Duty;
use crate::metrics::DeliveryMetrics;
use crate::parking::ParkingLot;
use crate::{relay, scheduler};

/// The store of one role, with its outbox and its due rows.
pub struct Ledger {
    pub(crate) db: Arc<dyn Database>,
    pub(crate) rpc: Rpc,
    pub(crate) config: Config,
    pub(crate) metrics: DeliveryMetrics,
    pub(crate) parking: Arc<ParkingLot>,
    pub(crate) outbox_written: Notify,
    pub(crate) due_written: Notify,
    /// When the scheduler looks at the due rows next, microseconds; duties that
    /// are due later need not wake it.
    pub(crate) next_look: AtomicI64,
}

/// The two tasks of a ledger.
pub struct Running {
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Waits until both have ended, which the token given to
    /// [`Ledger::start`] tells them to.
    pub async fn ended(self) {
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

impl Ledger {
    /// The ledger of the service that `rpc` speaks for.
    #[must_use]
    pub fn new(
        db: Arc<dyn Database>,
        rpc: Rpc,
        config: Config,
        metrics: DeliveryMetrics,
    ) -> Arc<Self> {
        let parking = ParkingLot::new(
            Arc::clone(&db),
            Arc::clone(rpc.bus()),
            rpc.publisher(),
            config.clone(),
            metrics.clone(),
        );
        Arc::new(Self {
            db,
            rpc,
            config,
            metrics,
            parking,
            outbox_written: Notify::new(),
            due_written: Notify::new(),
            next_look: AtomicI64::new(i64::MAX),
        })
    }

    /// The store, for reading.
    #[must_use]
    pub fn db(&self) -> &dyn Database {
        &*self.db
    }

    /// The store's clock.
    ///
    /// # Errors
    ///
    /// When the store is away.
    pub async fn now(&self) -> Result<Timestamp, Error> {
        self.db.now().await
    }

    /// Applies a batch and wakes the tasks that work off what it holds.
    ///
    /// # Errors
    ///
    /// As [`Database::apply`].
    pub async fn apply(&self, batch: Batch) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        let events = batch
            .statements
            .iter()
            .any(|it| outbox::appended(it).is_some());
        let first_due = batch
            .statements
            .iter()
            .filter_map(due::effect_of)
            .filter_map(|effect| match effect {
                due::Effect::Written(due) => due.due_at,
                due::Effect::Cancelled { .. } | due::Effect::CancelledAllOf { .. } => None,
            })
            .min();
        self.db.apply(batch).await?;
        if events {
            self.outbox_written.notify_one();
        }
        let next_look = self.next_look.load(Ordering::SeqCst);
        if first_due.is_some_and(|due| due.as_micros() < next_look) {
            self.due_written.notify_one();
        }
        Ok(())
    }

    /// A plain event of this service: published, no webhook (chapter 01 §3.2).
    pub fn event<T: Serialize + ?Sized>(&self, now: Timestamp, kind: &str, data: &T) -> Statement {
        self.outbox_row(now, kind, data, None)
    }

    /// A webhook event: published with the complete resource, and sent to
    /// webhook-manager in its webhook shape unless the customer is nil.
    pub fn webhook_event<T: Serialize + ?Sized, W: Serialize + ?Sized>(
        &self,
        now: Timestamp,
        customer: CustomerId,
        kind: &str,
        data: &T,
        webhook: &W,
    ) -> Statement {
        let webhook = (!customer.is_nil())
            .then(|| wire::encode(&webhook::SendRequest::new(customer, kind, webhook)));
        self.outbox_row(now, kind, data, webhook)
    }

    fn outbox_row<T: Serialize + ?Sized>(
        &self,
        now: Timestamp,
        kind: &str,
        data: &T,
        webhook: Option<Vec<u8>>,
    ) -> Statement {
        let service = self.service();
        let event = Event::new(service, kind, data);
        outbox::insert(&outbox::Entry {
            id: random::uuid(),
            service: service.name().to_owned(),
            exchange: service.event_exchange(),
            body: String::from_utf8_lossy(&wire::encode(&event)).into_owned(),
            webhook: webhook.map(|webhook| String::from_utf8_lossy(&webhook).into_owned()),
            tm_create: Some(now),
            ..outbox::Entry::default()
        })
    }

    /// A duty of this service; replaces the one with the same key.
    #[must_use]
    pub fn schedule(&self, now: Timestamp, duty: &Duty) -> Statement {
        due::upsert(
            self.db.dialect(),
            &due::Due {
                id: random::uuid(),
                service: self.service().name().to_owned(),
                key: duty.key.clone(),
                owner: duty.owner.clone(),
                due_at: Some(duty.due_at),
                queue: duty.queue.clone(),
                uri: duty.uri.clone(),
                method: duty.method.as_str().to_owned(),
                data: duty.data.as_deref().map(|data| data.get().to_owned()),
                tm_create: Some(now),
                ..due::Due::default()
            },
        )
    }

    /// Takes a duty back.
    #[must_use]
    pub fn cancel(&self, key: &str) -> Statement {
        due::delete_by_key(self.service(), key)
    }

    /// Takes all duties of an owner back.
    #[must_use]
    pub fn cancel_all_of(&self, owner: impl ToString) -> Statement {
        due::delete_by_owner(self.service(), &owner.to_string())
    }

    /// Where what this service cannot handle is kept. It belongs into each of its
    /// subscriptions, and its routes into its router.
    #[must_use]
    pub fn parking(&self) -> Arc<ParkingLot> {
        Arc::clone(&self.parking)
    }

    /// The service that this ledger belongs to.
    #[must_use]
    pub fn service(&self) -> Service {
        self.rpc.publisher()
    }

    /// Starts the relay and the scheduler; they end when `stop` is cancelled.
    #[must_use]
    pub fn start(self: &Arc<Self>, stop: &CancellationToken) -> Running {
        let parking = self.parking();
        let announce = tokio::spawn(async move { parking.announce().await });
        let relay = tokio::spawn(relay::run(Arc::clone(self), stop.clone()));
        let scheduler = tokio::spawn(scheduler::run(Arc::clone(self), stop.clone()));
        Running {
            tasks: vec![announce, relay, scheduler],
        }
    }
}
