//! The carrier inside one process.
//!
//! A queue exists from its first declaration on and keeps its messages while it
//! has no consumer, as a durable queue of a broker does. An event counts as
//! confirmed when every bound queue has worked it off: a sender that keeps its
//! event until then loses nothing when the process dies.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use crate::envelope::Response;
use crate::error::Error;
use crate::keyed::Keyed;
use crate::parking::Parking;
use crate::port::{
    Bus, Confirmation, Consumer, EventHandler, Message, QueueSpec, RequestHandler, Retry,
    Subscription, Work,
};

/// Longest wait of a publisher for a full queue.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(30);

/// Pause before an event that could not be parked is delivered again, where the
/// subscription names no pauses at all.
const PARK_AGAIN: Duration = Duration::from_secs(120);

/// The in-process carrier. Cloning it gives another handle to the same queues.
#[derive(Clone, Default)]
pub struct InProcess {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    queues: HashMap<String, Queue>,
    /// Exchange → names of the bound queues.
    bindings: HashMap<String, Vec<String>>,
}

/// Where a queue's messages wait. The receiving end is away while somebody
/// consumes and comes back when he stops.
struct Queue {
    sender: mpsc::Sender<Delivery>,
    receiver: Option<mpsc::Receiver<Delivery>>,
}

enum Delivery {
    Request {
        body: Bytes,
        reply: oneshot::Sender<Bytes>,
    },
    Event {
        message: Message,
        done: oneshot::Sender<()>,
    },
}

impl InProcess {
    /// A bus without queues.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with_shared<T>(&self, act: impl FnOnce(&mut Shared) -> T) -> T {
        act(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn sender(&self, queue: &str) -> Option<mpsc::Sender<Delivery>> {
        self.with_shared(|shared| shared.queues.get(queue).map(|queue| queue.sender.clone()))
    }

    fn bound_to(&self, exchange: &str) -> Vec<(String, mpsc::Sender<Delivery>)> {
        self.with_shared(|shared| {
            let names = shared.bindings.get(exchange).cloned().unwrap_or_default();
            names
                .into_iter()
                .filter_map(|name| {
                    shared
                        .queues
                        .get(&name)
                        .map(|queue| (name, queue.sender.clone()))
                })
                .collect()
        })
    }

    fn take_receiver(&self, spec: &QueueSpec) -> Result<mpsc::Receiver<Delivery>, Error> {
        self.with_shared(|shared| {
            let queue = shared.queues.entry(spec.name.clone()).or_insert_with(|| {
                let (sender, receiver) = mpsc::channel(spec.capacity.max(1));
                Queue {
                    sender,
                    receiver: Some(receiver),
                }
            });
            queue
                .receiver
                .take()
                .ok_or_else(|| Error::Consumed(spec.name.clone()))
        })
    }

    fn give_back(&self, queue: &str, receiver: mpsc::Receiver<Delivery>) {
        self.with_shared(|shared| {
            if let Some(queue) = shared.queues.get_mut(queue) {
                queue.receiver = Some(receiver);
            }
        });
    }

    /// Starts a consumer: `work` turns each delivery into a job.
    fn consume(
        &self,
        spec: &QueueSpec,
        mut work: impl FnMut(Delivery) -> Option<(Option<String>, Job)> + Send + 'static,
    ) -> Result<Consumer, Error> {
        let mut receiver = self.take_receiver(spec)?;
        let (stop, mut stopped) = watch::channel(false);
        let (ended, end) = oneshot::channel();
        let executor = Keyed::new(spec.workers);
        let bus = self.clone();
        let name = spec.name.clone();
        tokio::spawn(async move {
            loop {
                let room = tokio::select! {
                    biased;
                    _ = stopped.changed() => break,
                    room = executor.room() => room,
                };
                let delivery = tokio::select! {
                    biased;
                    _ = stopped.changed() => break,
                    delivery = receiver.recv() => delivery,
                };
                let Some(delivery) = delivery else { break };
                if let Some((key, job)) = work(delivery) {
                    executor.submit(key, room, job);
                }
            }
            bus.give_back(&name, receiver);
            executor.idle().await;
            let _ = ended.send(());
        });
        let stop = Arc::new(stop);
        let ending = Arc::clone(&stop);
        let finish = async move {
            let _ = ending.send(true);
            let _ = end.await;
        };
        Ok(Consumer::new(Box::pin(finish), Box::new(stop)))
    }
}

type Job = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

#[async_trait]
impl Bus for InProcess {
    async fn request(&self, queue: &str, body: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        let deadline = Instant::now() + timeout;
        let sender = self
            .sender(queue)
            .ok_or_else(|| Error::NoQueue(queue.to_owned()))?;
        let (reply, answer) = oneshot::channel();
        match timeout_at(deadline, sender.send(Delivery::Request { body, reply })).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Error::Closed),
            Err(_) => return Err(Error::Full(queue.to_owned())),
        }
        match timeout_at(deadline, answer).await {
            Ok(Ok(body)) => Ok(body),
            // No reply will come: a caller of the reference waits in vain as well.
            Ok(Err(_)) => {
                tokio::time::sleep_until(deadline).await;
                Err(Error::Timeout {
                    queue: queue.to_owned(),
                    waited: timeout,
                })
            }
            Err(_) => Err(Error::Timeout {
                queue: queue.to_owned(),
                waited: timeout,
            }),
        }
    }

    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        let deadline = Instant::now() + PUBLISH_PATIENCE;
        let mut handled = Vec::new();
        for (name, sender) in self.bound_to(exchange) {
            let (done, finished) = oneshot::channel();
            let message = Message {
                body: body.clone(),
                message_id,
                retries: 0,
            };
            match timeout_at(deadline, sender.send(Delivery::Event { message, done })).await {
                Ok(Ok(())) => handled.push(finished),
                Ok(Err(_)) => return Err(Error::Closed),
                Err(_) => return Err(Error::Full(name)),
            }
        }
        Ok(Box::pin(async move {
            let all = join_all(handled).await;
            if all.iter().all(Result::is_ok) {
                Ok(())
            } else {
                Err(Error::Closed)
            }
        }))
    }

    async fn serve(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        self.consume(&queue, move |delivery| match delivery {
            Delivery::Request { body, reply } => {
                let handler = Arc::clone(&handler);
                Some((None, Box::pin(answer(handler, body, reply)) as Job))
            }
            // Nothing binds a queue of requests to an exchange.
            Delivery::Event { .. } => None,
        })
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Consumer, Error> {
        let name = subscription.queue.name.clone();
        let again = RetryQueue {
            bus: self.clone(),
            queue: name.clone(),
            delays: subscription.retry_delays.into(),
            parking: subscription.parking,
            room: Arc::new(Semaphore::new(subscription.queue.capacity.max(1))),
        };
        let consumer = self.consume(&subscription.queue, move |delivery| match delivery {
            Delivery::Event { message, done } => {
                let Work { key, run, .. } = handler.accept(message.clone());
                Some((key, Box::pin(again.clone().work(run, message, done)) as Job))
            }
            Delivery::Request { .. } => None,
        })?;
        self.with_shared(|shared| {
            for exchange in subscription.exchanges {
                let bound = shared.bindings.entry(exchange).or_default();
                if !bound.contains(&name) {
                    bound.push(name.clone());
                }
            }
        });
        Ok(consumer)
    }

    async fn redeliver(
        &self,
        queue: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        let sender = self
            .sender(queue)
            .ok_or_else(|| Error::NoQueue(queue.to_owned()))?;
        let (done, handled) = oneshot::channel();
        let message = Message {
            body,
            message_id,
            retries: 0,
        };
        let deadline = Instant::now() + PUBLISH_PATIENCE;
        match timeout_at(deadline, sender.send(Delivery::Event { message, done })).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Error::Closed),
            Err(_) => return Err(Error::Full(queue.to_owned())),
        }
        Ok(Box::pin(
            async move { handled.await.map_err(|_| Error::Closed) },
        ))
    }
}

/// Answers one request. The caller always gets an answer, also when the handler
/// fails; a request whose caller has given up is not executed.
async fn answer(handler: Arc<dyn RequestHandler>, body: Bytes, reply: oneshot::Sender<Bytes>) {
    if reply.is_closed() {
        tracing::debug!("a request is dropped: its caller has given up");
        return;
    }
    let outcome = AssertUnwindSafe(handler.handle(body)).catch_unwind().await;
    let answer = outcome.unwrap_or_else(|_| {
        tracing::error!("a request handler panicked");
        Some(Response::bare(500).encode())
    });
    if let Some(answer) = answer {
        let _ = reply.send(answer);
    }
}

/// Delivers failed events again, later, and parks those that keep failing.
#[derive(Clone)]
struct RetryQueue {
    bus: InProcess,
    queue: String,
    delays: Arc<[Duration]>,
    parking: Option<Arc<dyn Parking>>,
    /// As many events may wait for their next delivery as may wait in the queue.
    room: Arc<Semaphore>,
}

impl RetryQueue {
    async fn work(
        self,
        run: futures_util::future::BoxFuture<'static, Result<(), Retry>>,
        message: Message,
        done: oneshot::Sender<()>,
    ) {
        let outcome = AssertUnwindSafe(run).catch_unwind().await;
        let failure = match outcome {
            Ok(Ok(())) => {
                let _ = done.send(());
                return;
            }
            Ok(Err(failure)) => failure,
            Err(_) => Retry::later("the handler panicked"),
        };
        match self.next_delay(&message, &failure) {
            Some(delay) => self.deliver_again(message, done, delay, &failure).await,
            None => self.park(message, done, failure).await,
        }
    }

    /// None after the last one.
    fn next_delay(&self, message: &Message, failure: &Retry) -> Option<Duration> {
        if failure.hopeless {
            return None;
        }
        self.delays.get(message.retries as usize).copied()
    }

    async fn deliver_again(
        self,
        message: Message,
        done: oneshot::Sender<()>,
        delay: Duration,
        failure: &Retry,
    ) {
        tracing::warn!(queue = %self.queue, reason = failure.reason, delay_ms = %delay.as_millis(), "an event will be delivered again");
        let Some(sender) = self.bus.sender(&self.queue) else {
            return;
        };
        // While there is no room this worker waits, then the queue, then the
        // publishers: failing events never pile up without bounds.
        let Ok(place) = Arc::clone(&self.room).acquire_owned().await else {
            return;
        };
        tokio::spawn(async move {
            sleep(delay).await;
            // Before the queue is waited for: a worker that waits for this place
            // may be what makes room there.
            drop(place);
            let message = Message {
                retries: message.retries.saturating_add(1),
                ..message
            };
            let _ = sender.send(Delivery::Event { message, done }).await;
        });
    }

    async fn park(self, message: Message, done: oneshot::Sender<()>, failure: Retry) {
        let Some(parking) = &self.parking else {
            tracing::error!(queue = %self.queue, message_id = ?message.message_id, reason = failure.reason, "an event is dropped: it cannot be handled, and nobody parks it");
            let _ = done.send(());
            return;
        };
        let parked = AssertUnwindSafe(parking.park(&self.queue, &message, &failure.reason))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err("parking panicked".to_owned()));
        match parked {
            Ok(()) => {
                let _ = done.send(());
            }
            Err(why) => {
                let delay = self.delays.last().copied().unwrap_or(PARK_AGAIN);
                let reason = format!("{}; it cannot be parked: {why}", failure.reason);
                self.deliver_again(message, done, delay, &Retry { reason, ..failure })
                    .await;
            }
        }
    }
}
