//! The carrier.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lapin::types::ShortString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use trunkline_bus::{
    Bus, Confirmation, Consumer, Error, EventHandler, QueueSpec, RequestHandler, Subscription,
};
use uuid::Uuid;

use crate::address::Address;
use crate::config::Config;
use crate::consume::{self, Manner, Wanted};
use crate::events::Subscribed;
use crate::metrics::Metrics;
use crate::publish::{self, Destination};
use crate::retry;
use crate::serve::Serving;
use crate::session::{Session, short};
use crate::supervisor;
use crate::topology::VolatileForm;

/// In place of a time that no clock reaches.
const FAR_FUTURE: Duration = Duration::from_secs(86_400 * 365);

/// How the connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not tried yet, or just lost.
    Connecting,
    /// There is one.
    Connected {
        /// Whether the broker has the plugin for delayed messages.
        delays: bool,
    },
    /// There is one, but the broker takes nothing.
    Blocked {
        /// What the broker says.
        reason: String,
    },
    /// There is none; it is tried again.
    Away {
        /// Why the last try failed.
        why: String,
    },
    /// There will be none.
    Closed,
}

/// The carrier over a broker. It connects in the background, for ever.
pub struct RabbitMq {
    shared: Arc<Shared>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

/// What the tasks of one carrier share.
pub(crate) struct Shared {
    pub(crate) address: Address,
    pub(crate) config: Config,
    pub(crate) name: String,
    pub(crate) metrics: Metrics,
    pub(crate) closing: CancellationToken,
    current: watch::Sender<Option<Arc<Session>>>,
    state: watch::Sender<State>,
    /// Queues that are to be consumed, and whether they are at the moment.
    consumed: Mutex<BTreeMap<String, bool>>,
    /// Exchanges that are declared in every session.
    own: Mutex<BTreeSet<ShortString>>,
    requests: Semaphore,
    unconfirmed: Arc<Semaphore>,
    durable_form: AtomicBool,
}

/// A queue's name among those that this process consumes.
pub(crate) struct Reserved {
    shared: Arc<Shared>,
    name: String,
}

impl Reserved {
    /// Tells whether the queue is consumed at the moment.
    pub(crate) fn tell(&self, consumed: bool) {
        let queue = self.name.clone();
        self.shared
            .consumed(|queues| queues.insert(queue, consumed));
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.shared.consumed(|queues| queues.remove(&self.name));
    }
}

/// Counts a request while its caller waits; he may leave at any time.
struct InFlight<'a>(&'a Metrics);

impl<'a> InFlight<'a> {
    fn count(metrics: &'a Metrics) -> Self {
        metrics.requests_in_flight.inc();
        Self(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.requests_in_flight.dec();
    }
}

fn places(number: usize) -> usize {
    number.clamp(1, Semaphore::MAX_PERMITS)
}

impl Shared {
    fn consumed<T>(&self, act: impl FnOnce(&mut BTreeMap<String, bool>) -> T) -> T {
        act(&mut self.consumed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One consumer per queue and process.
    pub(crate) fn reserve(self: &Arc<Self>, name: &str) -> Result<Reserved, Error> {
        let taken = self.consumed(|queues| match queues.contains_key(name) {
            true => true,
            false => queues.insert(name.to_owned(), false).is_some(),
        });
        if taken {
            return Err(Error::Consumed(name.to_owned()));
        }
        Ok(Reserved {
            shared: Arc::clone(self),
            name: name.to_owned(),
        })
    }

    fn own<T>(&self, act: impl FnOnce(&mut BTreeSet<ShortString>) -> T) -> T {
        act(&mut self.own.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Declares the exchanges that are to be there whenever we are connected.
    ///
    /// # Errors
    ///
    /// When the session is of no use. That the broker refuses one is not an error.
    pub(crate) async fn declare_own(&self, session: &Session) -> Result<(), Error> {
        for exchange in self.own(|own| own.clone()) {
            match session.declare_events(&exchange).await {
                Err(error @ Error::Refused { .. }) => {
                    tracing::error!(%exchange, %error, "an exchange of our own is missing");
                }
                declared => declared?,
            }
        }
        Ok(())
    }

    /// The session, as soon as there is one.
    ///
    /// # Errors
    ///
    /// There will be none any more.
    pub(crate) async fn session(&self) -> Result<Arc<Session>, Error> {
        let mut current = self.current.subscribe();
        tokio::select! {
            biased;
            () = self.closing.cancelled() => Err(Error::Closed),
            found = current.wait_for(usable) => {
                found.map_err(|_| Error::Closed)?.clone().ok_or(Error::Closed)
            }
        }
    }

    fn session_now(&self) -> Option<Arc<Session>> {
        let current = self.current.borrow();
        current
            .clone()
            .filter(|session| !session.over.is_cancelled())
    }

    /// A place among the unconfirmed events.
    pub(crate) async fn event_place(&self) -> Result<OwnedSemaphorePermit, Error> {
        let place = Arc::clone(&self.unconfirmed).acquire_owned();
        match timeout(self.config.publish_patience(), place).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(Error::Closed),
            Err(_) => Err(Error::Full("the broker's confirmations".to_owned())),
        }
    }

    pub(crate) fn pause(&self, failures: u32) -> Duration {
        self.config.pause(failures, rand::random())
    }

    pub(crate) fn volatile_form(&self) -> VolatileForm {
        if self.durable_form.load(Ordering::Relaxed) {
            VolatileForm::Durable
        } else {
            VolatileForm::Transient
        }
    }

    pub(crate) fn use_durable_form(&self) {
        self.durable_form.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_state(&self, state: State) {
        self.state.send_replace(state);
    }

    /// There is a connection; it is the `number`th.
    pub(crate) fn connected(&self, session: &Arc<Session>, number: u64) {
        if number > 1 {
            self.metrics.reconnections.inc();
        }
        self.metrics.connected.set(1);
        let delays = session.delays;
        tracing::info!(broker = %self.address, delays, "connected to the broker");
        self.set_state(State::Connected { delays });
        self.current.send_replace(Some(Arc::clone(session)));
    }

    pub(crate) fn lost(&self) {
        self.metrics.connected.set(0);
        self.set_state(State::Connecting);
        self.current.send_replace(None);
    }

    pub(crate) fn closed(&self) {
        self.lost();
        self.set_state(State::Closed);
    }

    fn fits(&self, body: &Bytes) -> Result<(), Error> {
        let (bytes, most) = (body.len(), self.config.message_max_bytes);
        if bytes > most {
            return Err(Error::TooLarge { bytes, most });
        }
        Ok(())
    }

    async fn request(&self, queue: &str, body: &Bytes, timeout: Duration) -> Result<Bytes, Error> {
        let now = Instant::now();
        let deadline = now.checked_add(timeout).unwrap_or(now + FAR_FUTURE);
        let name = short(queue)?;
        let _place = match timeout_at(deadline, self.requests.acquire()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(Error::Closed),
            Err(_) => return Err(Error::Full(queue.to_owned())),
        };
        let unsent = Error::Away {
            queue: queue.to_owned(),
            waited: timeout,
        };
        let session = timeout_at(deadline, self.way_to(&name))
            .await
            .unwrap_or(Err(unsent))?;
        let asked = ask(&session, &name, body, deadline);
        timeout_at(deadline, asked).await.unwrap_or_else(|_| {
            session.forget(&name);
            Err(Error::Timeout {
                queue: queue.to_owned(),
                waited: timeout,
            })
        })
    }

    /// A session that takes a request for this queue, as soon as there is one.
    ///
    /// # Errors
    ///
    /// There is no such queue, or no session will come any more.
    async fn way_to(&self, queue: &ShortString) -> Result<Arc<Session>, Error> {
        loop {
            let session = self.session().await?;
            match session.look_for(queue).await {
                Ok(()) => {}
                // It has ended, or is slow.
                Err(Error::Closed) => continue,
                Err(error) => return Err(error),
            }
            if self.takes_messages(&session).await {
                return Ok(session);
            }
        }
    }

    /// Waits while the broker takes nothing. A request that is handed over meanwhile
    /// would be sent when its caller has long left, and would begin to expire only
    /// then. `false`: the session has ended.
    async fn takes_messages(&self, session: &Session) -> bool {
        let mut state = self.state.subscribe();
        tokio::select! {
            biased;
            () = session.over.cancelled() => false,
            taking = state.wait_for(|state| !matches!(state, State::Blocked { .. })) => taking.is_ok(),
        }
    }
}

/// Sends a request and waits for its reply, which may never come.
async fn ask(
    session: &Session,
    queue: &ShortString,
    body: &Bytes,
    deadline: Instant,
) -> Result<Bytes, Error> {
    let lost = || Error::Disconnected(queue.to_string());
    let mut place = session.replies.place();
    let patience = deadline.saturating_duration_since(Instant::now());
    let asked = async {
        let sent = session.replies.send(queue, body, &place, patience).await;
        sent.map_err(|error| {
            session.end(&format!("requests cannot be sent: {error}"));
            lost()
        })?;
        (&mut place.reply).await.map_err(|_| lost())
    };
    tokio::select! {
        biased;
        reply = asked => reply,
        () = session.over.cancelled() => Err(lost()),
    }
}

fn usable(session: &Option<Arc<Session>>) -> bool {
    session
        .as_ref()
        .is_some_and(|session| !session.over.is_cancelled())
}

impl RabbitMq {
    /// Begins to connect. `name` is shown to whoever looks at the broker.
    #[must_use]
    pub fn start(address: Address, config: Config, name: &str, metrics: Metrics) -> Arc<Self> {
        let shared = Arc::new(Shared {
            address,
            name: name.to_owned(),
            metrics,
            closing: CancellationToken::new(),
            current: watch::Sender::new(None),
            state: watch::Sender::new(State::Connecting),
            consumed: Mutex::default(),
            own: Mutex::default(),
            requests: Semaphore::new(places(config.requests_in_flight)),
            unconfirmed: Arc::new(Semaphore::new(places(config.events_unconfirmed))),
            durable_form: AtomicBool::new(false),
            config,
        });
        let supervisor = tokio::spawn(supervisor::run(Arc::clone(&shared)));
        Arc::new(Self {
            shared,
            supervisor: Mutex::new(Some(supervisor)),
        })
    }

    /// How the connection is, as it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }

    /// Queues that are to be consumed and are not at the moment: all of them while
    /// there is no connection, some while the broker refuses them.
    #[must_use]
    pub fn queues_not_consumed(&self) -> Vec<String> {
        self.shared.consumed(|queues| {
            let missing = queues.iter().filter(|(_, consumed)| !**consumed);
            missing.map(|(name, _)| name.clone()).collect()
        })
    }

    /// Ends the connection in good order. Stop consumers before: what they work on
    /// cannot be acknowledged afterwards.
    pub async fn close(&self) {
        self.shared.closing.cancel();
        let supervisor = {
            let mut supervisor = self
                .supervisor
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            supervisor.take()
        };
        if let Some(supervisor) = supervisor {
            let _ = supervisor.await;
        }
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        self.shared.closing.cancel();
    }
}

#[async_trait]
impl Bus for RabbitMq {
    async fn request(&self, queue: &str, body: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        self.shared.fits(&body)?;
        let _counted = InFlight::count(&self.shared.metrics);
        self.shared.request(queue, &body, timeout).await
    }

    /// An outage is not waited for: who publishes keeps the event and comes again.
    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        self.shared.fits(&body)?;
        let exchange = short(exchange)?;
        let place = self.shared.event_place().await?;
        let session = self.shared.session_now().ok_or(Error::Closed)?;
        session.declare_events(&exchange).await?;
        let to = Destination {
            exchange,
            routing_key: "".into(),
        };
        let properties = publish::properties(message_id);
        Ok(publish::send(session, to, body, properties, place))
    }

    async fn declare_exchange(&self, exchange: &str) -> Result<(), Error> {
        let exchange = short(exchange)?;
        // Before there is a session for it: from the next one on it is declared there.
        self.shared.own(|own| own.insert(exchange.clone()));
        let mut failures = 0;
        loop {
            let session = self.shared.session().await?;
            let declared = session.declare_events(&exchange).await;
            if !matches!(declared, Err(Error::Closed)) {
                return declared;
            }
            tokio::time::sleep(self.shared.pause(failures)).await;
            failures += 1;
        }
    }

    async fn serve(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        let serving = Serving::new(queue.workers, handler);
        let wanted = Wanted::new(queue, Vec::new(), Manner::Consume)?;
        consume::start(&self.shared, wanted, serving).await
    }

    async fn stand_in(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        let serving = Serving::new(queue.workers, handler);
        let wanted = Wanted::new(queue, Vec::new(), Manner::StandIn)?;
        consume::start(&self.shared, wanted, serving).await
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Consumer, Error> {
        for delay in &subscription.retry_delays {
            retry::name(&subscription.queue.name, *delay)?;
        }
        let subscribed = Subscribed::new(Arc::clone(&self.shared), &subscription, handler);
        let (queue, exchanges) = (subscription.queue, subscription.exchanges);
        let wanted = Wanted::new(queue, exchanges, Manner::Consume)?;
        consume::start(&self.shared, wanted, subscribed).await
    }

    async fn redeliver(
        &self,
        queue: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        self.shared.fits(&body)?;
        let routing_key = short(queue)?;
        let place = self.shared.event_place().await?;
        let session = self.shared.session_now().ok_or(Error::Closed)?;
        session.forget(&routing_key);
        session.look_for(&routing_key).await?;
        let to = Destination {
            exchange: "".into(),
            routing_key,
        };
        let properties = publish::released(message_id);
        Ok(publish::send(session, to, body, properties, place))
    }
}
