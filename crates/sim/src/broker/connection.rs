//! The connection of one process to the broker: what the process calls its bus.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};
use trunkline_bus::{
    Bus, Confirmation, Consumer, Error, EventHandler, Message, QueueSpec, RequestHandler,
    Subscription,
};
use uuid::Uuid;

use super::SimBus;
use super::consumer::{Consumed, Handler};
use super::queue::{Delivery, Queue, ReplyTo};

/// Longest wait of a publisher for a full queue.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(30);

/// One process at the broker.
pub struct Connection {
    bus: SimBus,
    process: u64,
}

impl Connection {
    pub(super) fn new(bus: SimBus, process: u64) -> Self {
        Self { bus, process }
    }

    /// The process has died: its consumers are gone, and somebody else gets what
    /// they had not acknowledged.
    pub fn lost(&self) {
        self.bus.drop_process(self.process);
    }

    /// The broker has not heard of the process for too long: somebody else gets
    /// what it had not acknowledged, and it gets nothing more.
    pub fn cut(&self) {
        self.bus.set_aside(self.process);
    }

    /// The process has connected again.
    pub fn restored(&self) {
        self.bus.take_in(self.process);
    }

    /// Waits for room in a queue and puts a message in.
    async fn enqueue(
        &self,
        queue: &str,
        delivery: Delivery,
        deadline: Instant,
    ) -> Result<(), Error> {
        loop {
            let room = self.bus.with(|state| {
                let queue = state.queues.get(queue)?;
                Some((!queue.is_full(), Arc::clone(&queue.room)))
            });
            let Some((free, room)) = room else {
                return Err(Error::NoQueue(queue.to_owned()));
            };
            if free {
                self.bus.put(queue, delivery);
                return Ok(());
            }
            if timeout_at(deadline, room.notified()).await.is_err() {
                return Err(Error::Full(queue.to_owned()));
            }
        }
    }

    fn consume(
        &self,
        spec: &QueueSpec,
        handler: Handler,
        stands_in: bool,
    ) -> Result<Consumer, Error> {
        let consumer = self.bus.with(|state| {
            let (tag, turn) = (state.tag(), state.dice.roll());
            let queue = state
                .queues
                .entry(spec.name.clone())
                .or_insert_with(|| Queue::new(spec.capacity, turn));
            if queue.consumers.iter().any(|it| it.process == self.process) {
                return Err(Error::Consumed(spec.name.clone()));
            }
            let consumer = Consumed::new(self.process, tag, spec.workers, handler, stands_in);
            queue.consumers.push(Arc::clone(&consumer));
            Ok(consumer)
        })?;
        self.bus.pump(&spec.name);
        let end = Arc::new(End {
            bus: self.bus.clone(),
            queue: spec.name.clone(),
            tag: consumer.tag,
        });
        let ending = Arc::clone(&end);
        let stop = async move {
            ending.take_no_more();
            consumer.executor.idle().await;
        };
        Ok(Consumer::new(Box::pin(stop), Box::new(end)))
    }
}

/// The end of a consumer: it gets no further messages.
struct End {
    bus: SimBus,
    queue: String,
    tag: u64,
}

impl End {
    fn take_no_more(&self) {
        self.bus.with(|state| {
            if let Some(queue) = state.queues.get_mut(&self.queue) {
                queue.remove(|consumer| consumer.tag == self.tag);
            }
        });
        // Who stands in may be the next.
        self.bus.pump(&self.queue);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.take_no_more();
    }
}

#[async_trait]
impl Bus for Connection {
    async fn request(&self, queue: &str, body: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        let deadline = Instant::now() + timeout;
        let (sender, answer) = oneshot::channel();
        let reply = ReplyTo::new(sender);
        self.enqueue(queue, Delivery::Request { body, reply }, deadline)
            .await?;
        if let Ok(Ok(answer)) = timeout_at(deadline, answer).await {
            return Ok(answer);
        }
        // No reply will come: the caller waits in vain.
        sleep_until(deadline).await;
        Err(Error::Timeout {
            queue: queue.to_owned(),
            waited: timeout,
        })
    }

    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        let deadline = Instant::now() + PUBLISH_PATIENCE;
        let bound = self
            .bus
            .with(|state| state.bindings.get(exchange).cloned())
            .unwrap_or_default();
        for queue in bound {
            let message = Message {
                body: body.clone(),
                message_id,
                retries: 0,
                released: false,
            };
            self.enqueue(&queue, Delivery::Event(message), deadline)
                .await?;
        }
        Ok(Box::pin(std::future::ready(Ok(()))))
    }

    async fn declare_exchange(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn serve(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        self.consume(&queue, Handler::Requests(handler), false)
    }

    async fn stand_in(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        self.consume(&queue, Handler::Requests(handler), true)
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Consumer, Error> {
        let name = subscription.queue.name.clone();
        self.bus.with(|state| {
            for exchange in subscription.exchanges {
                let bound = state.bindings.entry(exchange).or_default();
                bound.insert(name.clone());
            }
        });
        let handler = Handler::Events {
            handler,
            retry_delays: subscription.retry_delays,
            longest_work: subscription.longest_work,
            parking: subscription.parking,
        };
        self.consume(&subscription.queue, handler, false)
    }

    async fn redeliver(
        &self,
        queue: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        let message = Message {
            body,
            message_id,
            retries: 0,
            released: true,
        };
        let deadline = Instant::now() + PUBLISH_PATIENCE;
        self.enqueue(queue, Delivery::Event(message), deadline)
            .await?;
        Ok(Box::pin(std::future::ready(Ok(()))))
    }
}
