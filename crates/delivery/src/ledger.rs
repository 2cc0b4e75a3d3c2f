//! The ledger: how a role writes changes with what follows from them.

use std::sync::Arc;

use serde::Serialize;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Event, EventHandler, Rpc};
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_model::{Timestamp, random, webhook, wire};
use trunkline_store::{Batch, Database, Error, Statement, due, outbox};

use crate::config::Config;
use crate::duty::Duty;
use crate::held::Held;
use crate::inbox::{self, Inbox};
use crate::interest::Interest;
use crate::metrics::DeliveryMetrics;
use crate::outgoing::{Announced, Outgoing};
use crate::parking::ParkingLot;
use crate::{relay, scheduler};

/// The store of one role, with its outbox and its due rows.
pub struct Ledger {
    pub(crate) db: Arc<dyn Database>,
    pub(crate) rpc: Rpc,
    pub(crate) config: Config,
    pub(crate) metrics: DeliveryMetrics,
    pub(crate) parking: Arc<ParkingLot>,
    pub(crate) outgoing: Arc<Outgoing>,
    pub(crate) held: Held,
    pub(crate) interest: Interest,
    inbox: Arc<Inbox>,
}

/// The background tasks of a ledger.
pub struct Running {
    tasks: Vec<JoinHandle<()>>,
    inbox: Arc<Inbox>,
}

impl Running {
    /// Waits until all have ended, which the token given to
    /// [`Ledger::start`] tells them to. Consumers of events end before.
    pub async fn ended(self) {
        for task in self.tasks {
            let _ = task.await;
        }
        // What was handled since the inbox was told to end.
        self.inbox.write_rest().await;
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
        let outgoing = Outgoing::new(config.outbox_in_hand);
        let inbox = Inbox::new(
            Arc::clone(&db),
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
            outgoing,
            held: Held::default(),
            interest: Interest::default(),
            inbox,
        })
    }

    /// The store, for reading.
    #[must_use]
    pub fn db(&self) -> &dyn Database {
        &*self.db
    }

    /// The client that speaks in the name of the service.
    #[must_use]
    pub fn rpc(&self) -> &Rpc {
        &self.rpc
    }

    /// The store's clock.
    ///
    /// # Errors
    ///
    /// When the store is away.
    pub async fn now(&self) -> Result<Timestamp, Error> {
        self.db.now().await
    }

    /// Applies a batch and passes what it holds to the tasks that work it off.
    ///
    /// # Errors
    ///
    /// As [`Database::apply`].
    pub async fn apply(&self, mut batch: Batch) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        let effects: Vec<due::Effect> =
            batch.statements.iter().filter_map(due::effect_of).collect();
        let events: Vec<outbox::Entry> = batch
            .statements
            .iter()
            .filter_map(outbox::appended)
            .collect();
        let announced = (!events.is_empty()).then(|| self.outgoing.announce(events));
        if announced.as_ref().is_some_and(Announced::is_spilled) {
            batch.statements.iter_mut().for_each(outbox::leave);
        }
        self.db.apply(batch).await?;
        if let Some(announced) = announced {
            announced.committed();
        }
        for effect in effects {
            self.held.note(effect, self.config.due_lease());
        }
        Ok(())
    }

    /// Makes a handler do nothing when an event comes again that it has handled.
    #[must_use]
    pub fn once(&self, handler: Arc<dyn EventHandler>) -> Arc<dyn EventHandler> {
        self.inbox.before(handler)
    }

    /// The role hears of every change of a customer, and will tell
    /// [`Ledger::customer_changed`]: events of customers who want no webhooks
    /// are written without.
    pub fn follow_customers(&self) {
        self.interest.follow();
    }

    /// A customer has changed, and may want webhooks.
    pub fn customer_changed(&self, customer: CustomerId) {
        self.interest.forget(customer);
    }

    /// A plain event of this service: published, no webhook (chapter 01 §3.2).
    pub fn event<T: Serialize + ?Sized>(&self, now: Timestamp, kind: &str, data: &T) -> Statement {
        self.outbox_row(now, kind, data, None)
    }

    /// A webhook event: published with the complete resource, and sent to
    /// webhook-manager in its webhook shape unless the customer is nil or wants
    /// none.
    pub fn webhook_event<T: Serialize + ?Sized, W: Serialize + ?Sized>(
        &self,
        now: Timestamp,
        customer: CustomerId,
        kind: &str,
        data: &T,
        webhook: &W,
    ) -> Statement {
        let wanted = !customer.is_nil() && self.interest.wants(customer, now);
        let webhook =
            wanted.then(|| wire::text(&webhook::SendRequest::new(customer, kind, webhook)));
        self.outbox_row(now, kind, data, webhook)
    }

    fn outbox_row<T: Serialize + ?Sized>(
        &self,
        now: Timestamp,
        kind: &str,
        data: &T,
        webhook: Option<String>,
    ) -> Statement {
        let service = self.service();
        outbox::insert(&outbox::Entry {
            id: random::uuid(),
            service: service.name().to_owned(),
            exchange: service.event_exchange(),
            body: Event::written(service, kind, data),
            webhook,
            tm_create: Some(now),
            lease_until: Some(now.plus(self.config.outbox_lease())),
            ..outbox::Entry::default()
        })
    }

    /// A duty of this service; replaces the one with the same key.
    #[must_use]
    pub fn schedule(&self, now: Timestamp, duty: &Duty) -> Statement {
        // One that is due before the scheduler looks again is claimed at once.
        let soon = duty.due_at.since(now) <= self.config.idle_poll() && self.held.has_room();
        let lease_until = soon.then(|| duty.due_at.plus(self.config.due_lease()));
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
                lease_until,
                attempts: i64::from(soon),
                tm_create: Some(now),
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

    /// Starts the relay, the scheduler and the inbox; they end when `stop` is cancelled.
    #[must_use]
    pub fn start(self: &Arc<Self>, stop: &CancellationToken) -> Running {
        let parking = self.parking();
        let announce = tokio::spawn(async move { parking.announce().await });
        let relay = tokio::spawn(relay::run(Arc::clone(self), stop.clone()));
        let scheduler = tokio::spawn(scheduler::run(Arc::clone(self), stop.clone()));
        let inbox = tokio::spawn(inbox::run(Arc::clone(&self.inbox), stop.clone()));
        Running {
            tasks: vec![announce, relay, scheduler, inbox],
            inbox: Arc::clone(&self.inbox),
        }
    }
}
