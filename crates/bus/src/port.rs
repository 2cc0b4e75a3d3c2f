//! The port: what a carrier does for the roles.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::error::Error;
use crate::parking::Parking;

/// A carrier of requests and events.
///
/// Requests go to one consumer of a queue and are answered; events go to every
/// queue that is bound to an exchange. Queues are bounded: a full queue makes
/// the sender wait and then fail, it never grows.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Sends a request and waits for its reply. While nobody serves the queue it
    /// waits there; whoever begins to serve the queue before the time is over
    /// gets it, and nobody gets it later.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] leaves open whether the work was done; after
    /// [`Error::not_delivered`] it certainly was not. A carrier that cannot know
    /// whether a request was taken says `Timeout`.
    async fn request(&self, queue: &str, body: Bytes, timeout: Duration) -> Result<Bytes, Error>;

    /// Publishes an event to every queue bound to `exchange`, in the order of
    /// the calls. `message_id` lets consumers recognise a repetition.
    ///
    /// # Errors
    ///
    /// When the carrier did not accept it.
    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error>;

    /// Sees to it that an exchange is there for whoever binds to it: at once, and
    /// whenever the carrier has to begin anew. Each role does so for its own before
    /// it serves: services of the reference bind to it when they start, and never
    /// again.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`]: it is tried again whenever the carrier begins anew.
    async fn declare_exchange(&self, exchange: &str) -> Result<(), Error>;

    /// Serves a queue of requests.
    ///
    /// # Errors
    ///
    /// [`Error::Consumed`] when this process serves it already.
    async fn serve(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error>;

    /// Answers the requests of a queue while nobody serves it, in this process or in
    /// another, so that they do not wait for whoever may come. The queue exists from
    /// then on; whoever serves it gets all that comes.
    ///
    /// # Errors
    ///
    /// [`Error::Consumed`] when this process serves it already, or stands in.
    async fn stand_in(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error>;

    /// Consumes the events of some exchanges through a queue of one's own.
    ///
    /// # Errors
    ///
    /// [`Error::Consumed`] when this process consumes it already.
    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Consumer, Error>;

    /// Puts an event into one queue, whatever exchanges it is bound to: how a
    /// parked one comes back. It counts as never delivered before, and whoever parks
    /// for that queue hears when it was handled ([`Parking::handled`]): the
    /// confirmation says so only where nothing lies between.
    ///
    /// # Errors
    ///
    /// [`Error::NoQueue`] when nobody ever consumed this queue; otherwise when
    /// the carrier did not accept it.
    async fn redeliver(
        &self,
        queue: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error>;
}

/// Resolves when a published event is safe: handed over durably, handled, or
/// parked.
pub type Confirmation = BoxFuture<'static, Result<(), Error>>;

/// A queue and how much of it is worked on at once.
#[derive(Debug, Clone)]
pub struct QueueSpec {
    /// Its name.
    pub name: String,
    /// Messages worked on at the same time.
    pub workers: usize,
    /// Messages that may wait, where the carrier has a limit of its own.
    pub capacity: usize,
    /// The queue goes when nobody consumes it any more (the kind `volatile` of
    /// chapter 01 §1.3): for queues of one instance.
    pub volatile: bool,
    /// Names the consumer to whoever looks at a broker (chapter 01 §1.3); empty:
    /// the carrier chooses.
    pub tag: String,
    /// Whoever serves the queue is told which requests waited in it while nobody
    /// did ([`Delivered::waited`]).
    pub tells_waiting: bool,
}

impl QueueSpec {
    /// A queue with `workers` workers and room for 1,024 waiting messages.
    #[must_use]
    pub fn new(name: impl Into<String>, workers: usize) -> Self {
        Self {
            name: name.into(),
            workers,
            capacity: 1_024,
            volatile: false,
            tag: String::new(),
            tells_waiting: false,
        }
    }

    /// The same, for a queue that goes with its consumer.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// The same with a consumer of this name.
    #[must_use]
    pub fn tagged(mut self, tag: impl Into<String>) -> Self {
        self.tag = tag.into();
        self
    }

    /// The same for who must know what has waited.
    #[must_use]
    pub fn telling_waiting(mut self) -> Self {
        self.tells_waiting = true;
        self
    }
}

/// Longest time that a message may be worked on: far more than any takes that
/// goes well, and far longer than any caller waits.
pub const LONGEST_WORK: Duration = Duration::from_secs(300);

/// A queue that events of some exchanges flow into.
#[derive(Clone)]
pub struct Subscription {
    /// Where they wait.
    pub queue: QueueSpec,
    /// Exchanges bound to it. Each is declared before it is bound.
    pub exchanges: Vec<String>,
    /// Pauses before a failed event is delivered again (chapter 01 §1.4: 5 s,
    /// 30 s, 120 s). When it has failed after the last one too it is parked.
    pub retry_delays: Vec<Duration>,
    /// Longest time that one event may be worked on. Then its work is ended at
    /// the next `.await`, as the end of the process would, and it has failed: one
    /// that never ends must not hold its key and a worker for ever.
    pub longest_work: Duration,
    /// Who keeps what cannot be handled. Nobody: it is dropped and logged.
    pub parking: Option<Arc<dyn Parking>>,
}

impl Subscription {
    /// With the reference's pauses.
    #[must_use]
    pub fn new(queue: QueueSpec, exchanges: impl IntoIterator<Item = String>) -> Self {
        Self {
            queue,
            exchanges: exchanges.into_iter().collect(),
            retry_delays: [5, 30, 120].map(Duration::from_secs).into(),
            longest_work: LONGEST_WORK,
            parking: None,
        }
    }

    /// The same with somebody who keeps what cannot be handled.
    #[must_use]
    pub fn parked_by(mut self, parking: Arc<dyn Parking>) -> Self {
        self.parking = Some(parking);
        self
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription")
            .field("queue", &self.queue)
            .field("exchanges", &self.exchanges)
            .field("retry_delays", &self.retry_delays)
            .field("longest_work", &self.longest_work)
            .field("parks", &self.parking.is_some())
            .finish()
    }
}

/// A delivered message.
#[derive(Debug, Clone)]
pub struct Message {
    /// The encoded envelope.
    pub body: Bytes,
    /// The sender's id of it; a repetition has the same.
    pub message_id: Option<Uuid>,
    /// How often it failed before.
    pub retries: u32,
    /// It came by [`Bus::redeliver`].
    pub released: bool,
}

/// Answers requests.
#[async_trait]
pub trait RequestHandler: Send + Sync + 'static {
    /// Handles one request and returns the reply. `None` is "no reply at all",
    /// which some routes of the reference want (chapter 01 §2.4).
    async fn handle(&self, body: Bytes) -> Option<Bytes>;

    /// The same, with what the carrier knows of the request.
    async fn handle_delivered(&self, body: Bytes, delivered: Delivered) -> Option<Bytes> {
        let _ = delivered;
        self.handle(body).await
    }
}

/// What a carrier knows of a request besides its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Tells it from every other: when the process that works on it dies it is
    /// delivered again, to whatever copy, with the same identity, and no other request
    /// has that. Who makes something under an id of his own derives the id from it, so
    /// that a repetition finds what was made.
    pub identity: Option<Uuid>,
    /// It was delivered before, and nobody knows what became of it.
    pub again: bool,
    /// It came while nobody served the queue. Only where [`QueueSpec::tells_waiting`]
    /// asks for it, and for who stands in.
    pub waited: bool,
    /// The carrier throws it away when its caller does not wait any more. Without that
    /// it may come at any time.
    pub expires: bool,
}

/// Handles events.
pub trait EventHandler: Send + Sync + 'static {
    /// Takes an event: says under which key it must stay in order, and how it
    /// is worked off. Runs for one event after the other and must not block.
    fn accept(&self, message: Message) -> Work;
}

/// What is to be done with an event.
pub struct Work {
    /// Events with the same key are worked off one after the other in the order
    /// of arrival; different keys, and those without one, in parallel.
    pub key: Option<String>,
    /// The work. The event is acknowledged when it returns `Ok`.
    pub run: BoxFuture<'static, Result<(), Retry>>,
    /// How long it has to be known that the event was handled.
    pub remember: Remember,
}

/// How long it has to be known that an event was handled, so that a repetition
/// of it does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remember {
    /// There was nothing to do, and there will be nothing to do.
    Not,
    /// Its sender does not repeat it after a crash.
    InProcess,
    /// Its sender keeps it until it was handled, beyond the end of processes.
    Durably,
}

impl Work {
    /// `run` behind the earlier work of the same key.
    #[must_use]
    pub fn new(
        key: Option<String>,
        run: impl Future<Output = Result<(), Retry>> + Send + 'static,
    ) -> Self {
        Self {
            key,
            run: Box::pin(run),
            remember: Remember::Durably,
        }
    }

    /// What a handler makes of an event. For carriers: a handler that panics
    /// costs the delivery of this event and nothing else.
    #[must_use]
    pub fn accepted_by(handler: &dyn EventHandler, message: Message) -> Self {
        let released = message.released;
        let accepting = AssertUnwindSafe(|| handler.accept(message));
        let work = catch_unwind(accepting).unwrap_or_else(|_| {
            let failed = Err(Retry::later("the handler panicked"));
            Self::new(None, std::future::ready(failed))
        });
        if released && work.is_nothing() {
            // Somebody wants to know that it is over.
            return work.of_the_moment();
        }
        work
    }

    /// This work for an event that its sender does not repeat after a crash.
    #[must_use]
    pub fn of_the_moment(mut self) -> Self {
        self.remember = Remember::InProcess;
        self
    }

    /// Nothing to do.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            key: None,
            run: Box::pin(std::future::ready(Ok(()))),
            remember: Remember::Not,
        }
    }

    /// Whether the event means nothing to its receiver.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.remember == Remember::Not
    }

    /// Nothing can be done: the event cannot be read, now or ever.
    #[must_use]
    pub fn unreadable(reason: impl Into<String>) -> Self {
        Self::new(None, std::future::ready(Err(Retry::never(reason))))
    }
}

/// The event could not be handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Why, for the log and for whoever looks at what is parked.
    pub reason: String,
    /// A repetition cannot help either: the event is parked at once.
    pub hopeless: bool,
}

impl Retry {
    /// What is in the way may pass: the event is to be delivered again.
    #[must_use]
    pub fn later(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hopeless: false,
        }
    }

    /// No repetition can help.
    #[must_use]
    pub fn never(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hopeless: true,
        }
    }
}

/// A running consumer. Dropping it stops taking messages at once; messages that
/// wait stay in the queue.
pub struct Consumer {
    stop: Option<BoxFuture<'static, ()>>,
    _guard: Box<dyn Send + Sync>,
}

impl Consumer {
    /// `stop` ends the consumer and returns when work in progress is finished;
    /// `guard` ends it without waiting when dropped.
    #[must_use]
    pub fn new(stop: BoxFuture<'static, ()>, guard: Box<dyn Send + Sync>) -> Self {
        Self {
            stop: Some(stop),
            _guard: guard,
        }
    }

    /// Takes no more messages and waits until those in progress are finished.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            stop.await;
        }
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").finish_non_exhaustive()
    }
}
