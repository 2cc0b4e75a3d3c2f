//! The parking lot of a service: what cannot be handled is kept, counted, shown,
//! and put back when somebody says so (architecture decision 12).
//!
//! ```text
//!  queue ── fails, fails, fails ──> row ── release ──> the same queue, retries 0
//!                                    │                   ├─ handled: the row goes
//!                                    └── discard: gone   └─ fails: the row stays
//! ```
//!
//! * [`routes`] is how one sees and releases it, over the service's own queue.
//! * [`rows`] takes duties and events out of the way that no repetition can help,
//!   [`webhooks`] what a customer's server does not take.
//!
//! A service keeps at most `parked_max` of them. When it has that many, what
//! else fails is dropped, each with an error in the log and counted in
//! `parked_lost`: old evidence is worth more than new, and a full lot must not
//! stop the messages that can be handled.

mod release;
mod routes;
mod rows;
mod webhooks;

pub(crate) use rows::Unsent;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use trunkline_bus::{Bus, Event, Message, Parking};
use trunkline_model::service::Service;
use trunkline_model::{Timestamp, random, wire};
use trunkline_store::parked::{self, Kind, Parked};
use trunkline_store::{Batch, Database, Error, Statement};
use uuid::Uuid;

use crate::config::Config;
use crate::metrics::DeliveryMetrics;

/// Keeps what a service cannot handle.
pub struct ParkingLot {
    db: Arc<dyn Database>,
    bus: Arc<dyn Bus>,
    service: Service,
    config: Config,
    metrics: DeliveryMetrics,
    /// What is on its way back to its queue.
    releasing: Mutex<BTreeSet<Uuid>>,
}

impl ParkingLot {
    pub(crate) fn new(
        db: Arc<dyn Database>,
        bus: Arc<dyn Bus>,
        service: Service,
        config: Config,
        metrics: DeliveryMetrics,
    ) -> Arc<Self> {
        Arc::new(Self {
            db,
            bus,
            service,
            config,
            metrics,
            releasing: Mutex::default(),
        })
    }

    /// Says how many wait, once, at the start.
    pub(crate) async fn announce(&self) {
        self.recount().await;
        let waiting = self.metrics.parked_waiting.get();
        if waiting > 0 {
            tracing::warn!(
                service = self.service.name(),
                waiting,
                "parked messages wait for somebody to look at them: `trunkline parked list`"
            );
        }
    }

    async fn recount(&self) {
        match parked::count(&*self.db, self.service).await {
            Ok(count) => {
                self.metrics.parked_waiting.set(count);
            }
            Err(error) => tracing::debug!(%error, "what is parked cannot be counted"),
        }
    }

    async fn keep(&self, queue: &str, message: &Message, reason: &str) -> Result<(), Error> {
        let now = self.db.now().await?;
        if let Some(message_id) = message.message_id
            && let Some(known) =
                parked::of_message(&*self.db, self.service, queue, message_id).await?
        {
            let again = parked::again(known.id, reason, i64::from(message.retries), now);
            match self.db.apply(Batch::new().with(again)).await {
                Ok(()) => {
                    tracing::warn!(service = self.service.name(), id = %known.id, queue, reason, "a parked event has failed again and stays parked");
                    return Ok(());
                }
                // Somebody has discarded it meanwhile: it is a new one.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        let row = self.row_of_event(queue, message, reason, now);
        match self.insert(&row, Batch::new()).await? {
            Kept::Yes => {
                tracing::error!(service = self.service.name(), id = %row.id, queue, event = row.name, publisher = row.publisher, message_id = ?row.message_id, retries = row.retries, reason, "an event cannot be handled and is parked");
            }
            Kept::Already => {}
            Kept::Full => {
                self.metrics.parked_lost.inc();
                tracing::error!(service = self.service.name(), queue, event = row.name, publisher = row.publisher, message_id = ?row.message_id, bytes = row.body_bytes, reason, "an event cannot be handled and is lost: too many are parked already; release or discard some");
            }
        }
        Ok(())
    }

    fn row_of_event(&self, queue: &str, message: &Message, reason: &str, now: Timestamp) -> Parked {
        // What can be read of it is for people; an envelope that cannot be read
        // has neither.
        let event = wire::decode_bytes::<Event>(&message.body).unwrap_or_default();
        Parked {
            kind: Kind::Event,
            queue: queue.to_owned(),
            publisher: event.publisher,
            name: event.kind,
            message_id: message.message_id,
            retries: i64::from(message.retries),
            ..self.row(&message.body, reason, now)
        }
    }

    /// What every row has. The body is cut to what is kept of one.
    fn row(&self, body: &[u8], reason: &str, now: Timestamp) -> Parked {
        Parked {
            id: random::uuid(),
            service: self.service.name().to_owned(),
            body: body[..body.len().min(self.config.parked_body_bytes)].to_vec(),
            body_bytes: i64::try_from(body.len()).unwrap_or(i64::MAX),
            reason: reason.to_owned(),
            times: 1,
            tm_create: Some(now),
            tm_update: Some(now),
            ..Parked::default()
        }
    }

    /// Writes a new row, and with it whatever takes the thing out of its place.
    async fn insert(&self, row: &Parked, with: Batch) -> Result<Kept, Error> {
        let insert = parked::insert(row, self.config.parked_max);
        self.insert_with(insert, with).await
    }

    async fn insert_with(&self, insert: Statement, with: Batch) -> Result<Kept, Error> {
        let mut batch = Batch::new().with(insert);
        batch.extend(with.statements);
        let kept = match self.db.apply(batch).await {
            Ok(()) => Kept::Yes,
            Err(Error::Precondition { statement: 0, .. }) => Kept::Full,
            Err(error) if error.is_conflict() => Kept::Already,
            Err(error) => return Err(error),
        };
        if kept == Kept::Yes {
            self.metrics.parked.inc();
            self.recount().await;
        }
        Ok(kept)
    }
}

/// How writing a row went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    /// Another copy of it was faster.
    Already,
    /// There are too many.
    Full,
}

#[async_trait]
impl Parking for ParkingLot {
    async fn park(&self, queue: &str, message: &Message, reason: &str) -> Result<(), String> {
        let kept = self.keep(queue, message, reason).await;
        kept.map_err(|error| error.to_string())
    }

    async fn handled(&self, queue: &str, message: &Message) -> Result<(), String> {
        let done = self.forget(queue, message).await;
        done.map_err(|error| error.to_string())
    }
}
