//! A consumer of a queue, and how a message is handled by it.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use trunkline_bus::keyed::Keyed;
use trunkline_bus::{EventHandler, Message, Parking, RequestHandler, Response, Retry, Work};

use super::SimBus;
use super::queue::{Delivery, ReplyTo};

/// Who handles what a consumer gets.
pub(super) enum Handler {
    Requests(Arc<dyn RequestHandler>),
    Events {
        handler: Arc<dyn EventHandler>,
        retry_delays: Vec<Duration>,
        longest_work: Duration,
        parking: Option<Arc<dyn Parking>>,
    },
}

/// Pause before an event that could not be parked is delivered again.
const PARK_AGAIN: Duration = Duration::from_secs(120);

/// One consumer.
pub(super) struct Consumed {
    pub(super) process: u64,
    pub(super) tag: u64,
    pub(super) executor: Arc<Keyed>,
    workers: usize,
    handler: Handler,
    /// It gets messages only while there is no other.
    pub(super) stands_in: bool,
    unacked: Mutex<BTreeMap<u64, Delivery>>,
    /// Its process is not heard of.
    away: AtomicBool,
}

impl Consumed {
    pub(super) fn new(
        process: u64,
        tag: u64,
        workers: usize,
        handler: Handler,
        stands_in: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            process,
            tag,
            workers: workers.max(1),
            stands_in,
            // A delivery is acknowledged a moment before its job has ended.
            executor: Keyed::new(workers.max(1) * 2),
            handler,
            unacked: Mutex::default(),
            away: AtomicBool::new(false),
        })
    }

    /// Deliveries that are being handled, by tag.
    pub(super) fn unacked(&self) -> MutexGuard<'_, BTreeMap<u64, Delivery>> {
        self.unacked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }

    pub(super) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Room for one more delivery, if there is any now.
    pub(super) fn room(&self) -> Option<OwnedSemaphorePermit> {
        if self.is_away() || self.unacked().len() >= self.workers {
            return None;
        }
        self.executor.room().now_or_never()
    }
}

/// Starts handling one delivery.
pub(super) fn handle(
    bus: &SimBus,
    queue: &str,
    consumer: &Arc<Consumed>,
    room: OwnedSemaphorePermit,
    tag: u64,
    delivery: Delivery,
) {
    let delivered = Delivered {
        bus: bus.clone(),
        queue: queue.to_owned(),
        consumer: Arc::clone(consumer),
        tag,
    };
    match (&consumer.handler, delivery) {
        (Handler::Requests(handler), Delivery::Request { body, reply }) => {
            let handler = Arc::clone(handler);
            let job = delivered.answer(handler, body, reply);
            consumer.executor.submit(None, room, job);
        }
        (
            Handler::Events {
                handler,
                retry_delays,
                longest_work,
                parking,
            },
            Delivery::Event(message),
        ) => {
            let Work { key, run, .. } = Work::accepted_by(&**handler, message.clone());
            let again = retry_delays.get(message.retries as usize).copied();
            let run = bounded(*longest_work, run);
            let job = delivered.work(Box::pin(run), message, again, parking.clone());
            consumer.executor.submit(key, room, job);
        }
        // Nothing sends a request to a queue of events, or the other way round.
        (Handler::Requests(_), Delivery::Event(_))
        | (Handler::Events { .. }, Delivery::Request { .. }) => drop(delivered.acknowledge()),
    }
}

/// Work that never ends has failed.
async fn bounded(
    longest: Duration,
    run: BoxFuture<'static, Result<(), Retry>>,
) -> Result<(), Retry> {
    let ended = tokio::time::timeout(longest, run).await;
    ended.unwrap_or_else(|_| Err(Retry::later("the handler was not done in time")))
}

/// A delivery in the hands of a consumer.
struct Delivered {
    bus: SimBus,
    queue: String,
    consumer: Arc<Consumed>,
    tag: u64,
}

impl Delivered {
    /// False when the consumer is dead: nothing of what it did is heard of.
    fn acknowledge(&self) -> bool {
        self.bus.acknowledge(&self.queue, &self.consumer, self.tag)
    }

    async fn answer(self, handler: Arc<dyn RequestHandler>, body: Bytes, reply: ReplyTo) {
        if reply.is_given_up() {
            self.acknowledge();
            return;
        }
        let outcome = AssertUnwindSafe(handler.handle(body)).catch_unwind().await;
        let answer = outcome.unwrap_or_else(|_| {
            tracing::error!("a request handler panicked");
            Some(Response::bare(500).encode())
        });
        if self.acknowledge()
            && let Some(answer) = answer
        {
            reply.send(answer);
        }
    }

    async fn work(
        self,
        run: BoxFuture<'static, Result<(), Retry>>,
        message: Message,
        again: Option<Duration>,
        parking: Option<Arc<dyn Parking>>,
    ) {
        let outcome = AssertUnwindSafe(run).catch_unwind().await;
        let failure = match outcome {
            Ok(Ok(())) => {
                match parking.filter(|_| message.released) {
                    Some(parking) if parking.handled(&self.queue, &message).await.is_err() => {
                        self.again_after(PARK_AGAIN, message);
                    }
                    Some(_) | None => {
                        self.acknowledge();
                    }
                }
                return;
            }
            Ok(Err(failure)) => failure,
            Err(_) => {
                tracing::error!("an event handler panicked");
                Retry::later("the handler panicked")
            }
        };
        if let Some(delay) = again.filter(|_| !failure.hopeless) {
            self.again_after(delay, message);
            return;
        }
        let Some(parking) = parking else {
            tracing::error!(queue = %self.queue, reason = failure.reason, "an event is dropped: it cannot be handled, and nobody parks it");
            self.acknowledge();
            return;
        };
        match parking.park(&self.queue, &message, &failure.reason).await {
            Ok(()) => {
                self.acknowledge();
            }
            Err(_) => self.again_after(PARK_AGAIN, message),
        }
    }

    /// The broker holds the message meanwhile: the consumer may die.
    fn again_after(self, delay: Duration, message: Message) {
        if !self.acknowledge() {
            return;
        }
        let message = Message {
            retries: message.retries.saturating_add(1),
            ..message
        };
        let (bus, queue) = (self.bus, self.queue);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            bus.put(&queue, Delivery::Event(message));
        });
    }
}
