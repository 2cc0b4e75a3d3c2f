//! The carrier inside one process.
//!
//! A queue exists from its first declaration on and keeps its messages while it
//! has no consumer, as a durable queue of a broker does. An event counts as
//! confirmed when every bound queue has worked it off: a sender that keeps its
//! event until then loses nothing when the process dies.

mod events;
mod requests;
mod retry;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::{join_all, ready};
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::error::Error;
use crate::port::{
    Bus, Confirmation, Consumer, EventHandler, Message, QueueSpec, RequestHandler, Subscription,
};
use events::{Events, Put};
use requests::Requests;

/// Longest wait of a publisher for a full queue.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(30);

/// The in-process carrier. Cloning it gives another handle to the same queues.
#[derive(Clone, Default)]
pub struct InProcess {
    shared: Arc<RwLock<Shared>>,
}

#[derive(Default)]
struct Shared {
    requests: HashMap<String, Arc<Requests>>,
    events: HashMap<String, Arc<Events>>,
    /// Exchange → the bound queues.
    bindings: HashMap<String, Arc<[Arc<Events>]>>,
}

impl Shared {
    fn bind(&mut self, exchange: String, queue: &Arc<Events>) {
        let bound = self.bindings.entry(exchange).or_default();
        if !bound.iter().any(|it| Arc::ptr_eq(it, queue)) {
            *bound = bound.iter().chain([queue]).cloned().collect();
        }
    }
}

impl InProcess {
    /// A bus without queues.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn read<T>(&self, look: impl FnOnce(&Shared) -> T) -> T {
        look(&self.shared.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, act: impl FnOnce(&mut Shared) -> T) -> T {
        act(&mut self.shared.write().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Bus for InProcess {
    async fn request(&self, queue: &str, body: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        let Some(requests) = self.read(|shared| shared.requests.get(queue).cloned()) else {
            return Err(Error::NoQueue(queue.to_owned()));
        };
        requests.request(body, timeout).await
    }

    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        let Some(bound) = self.read(|shared| shared.bindings.get(exchange).cloned()) else {
            return Ok(Box::pin(ready(Ok(()))));
        };
        let deadline = Instant::now() + PUBLISH_PATIENCE;
        let mut handled = Vec::new();
        for queue in bound.iter() {
            let message = Message {
                body: body.clone(),
                message_id,
                retries: 0,
                released: false,
            };
            match queue.put(message, deadline).await? {
                Put::Handled => {}
                Put::Accepted(finished) => handled.push(finished),
            }
        }
        Ok(confirmation(handled))
    }

    /// Whoever subscribes binds: there is nothing to find.
    async fn declare_exchange(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn serve(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        let requests = self.write(|shared| {
            let known = shared.requests.entry(queue.name.clone());
            Arc::clone(known.or_insert_with(|| Requests::new(&queue)))
        });
        requests.serve(queue.workers, handler)
    }

    async fn stand_in(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        // Nobody else can serve a queue of this process.
        self.serve(queue, handler).await
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Consumer, Error> {
        let events = self.write(|shared| {
            let known = shared.events.entry(subscription.queue.name.clone());
            Arc::clone(known.or_insert_with(|| Events::new(&subscription.queue)))
        });
        let consumer = events.subscribe(&subscription, handler)?;
        self.write(|shared| {
            for exchange in subscription.exchanges {
                shared.bind(exchange, &events);
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
        let Some(events) = self.read(|shared| shared.events.get(queue).cloned()) else {
            return Err(Error::NoQueue(queue.to_owned()));
        };
        let message = Message {
            body,
            message_id,
            retries: 0,
            released: true,
        };
        let deadline = Instant::now() + PUBLISH_PATIENCE;
        Ok(match events.put(message, deadline).await? {
            Put::Handled => Box::pin(ready(Ok(()))),
            Put::Accepted(finished) => confirmation(vec![finished]),
        })
    }
}

/// Resolves when every queue has worked the event off.
fn confirmation(mut handled: Vec<oneshot::Receiver<()>>) -> Confirmation {
    let last = handled.pop();
    match last {
        None => Box::pin(ready(Ok(()))),
        Some(only) if handled.is_empty() => {
            Box::pin(async move { only.await.map_err(|_| Error::Closed) })
        }
        Some(last) => {
            handled.push(last);
            Box::pin(async move {
                let all = join_all(handled).await;
                let safe = all.iter().all(Result::is_ok);
                if safe { Ok(()) } else { Err(Error::Closed) }
            })
        }
    }
}
