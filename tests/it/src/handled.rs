//! Which events were handled by every queue that they went into.
//!
//! Inside one process an event counts as published when it was handled. A broker takes it
//! over, and nobody tells the publisher what became of it; yet a test that goes on before
//! it was handled has proved nothing. All consumers of a house are in this process, so
//! their handlers can be watched: what was put into a queue is open until the handler of
//! that queue has done it, or has parked it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::timeout;
use trunkline_bus::{EventHandler, Message, Parking, Retry, Subscription, Work};

use crate::PATIENCE;

/// A queue and the body of an event.
type Key = (String, Bytes);

/// The events that are on their way in a house.
#[derive(Default, Clone)]
pub struct Handled(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Queues that are bound to an exchange.
    bound: BTreeMap<String, Vec<String>>,
    /// How many events with this body are open.
    open: BTreeMap<Key, usize>,
}

impl Handled {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event is on its way into every queue that is bound to the exchange.
    pub(crate) fn published(&self, exchange: &str, body: &Bytes) -> Vec<String> {
        let queues = self.state().bound.get(exchange).cloned();
        let queues = queues.unwrap_or_default();
        for queue in &queues {
            self.put(queue, body);
        }
        queues
    }

    /// An event is on its way into a queue.
    pub(crate) fn put(&self, queue: &str, body: &Bytes) {
        let key = (queue.to_owned(), body.clone());
        *self.state().open.entry(key).or_default() += 1;
    }

    /// An event was handled or parked, or did not get into the queue.
    pub(crate) fn settle(&self, queue: &str, body: &Bytes) {
        let key = (queue.to_owned(), body.clone());
        let mut state = self.state();
        if let Some(open) = state.open.get_mut(&key) {
            *open -= 1;
            if *open == 0 {
                state.open.remove(&key);
            }
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// Waits until no event with this body is open in these queues.
    ///
    /// # Panics
    ///
    /// When one stays open.
    pub(crate) async fn wait(&self, queues: &[String], body: &Bytes) {
        let settled = async {
            loop {
                let changed = self.0.changed.notified();
                let mut keys = queues.iter().map(|queue| (queue.clone(), body.clone()));
                if !keys.any(|key| self.state().open.contains_key(&key)) {
                    return;
                }
                changed.await;
            }
        };
        let text = String::from_utf8_lossy(body);
        timeout(PATIENCE, settled)
            .await
            .unwrap_or_else(|_| panic!("not handled in time: {text}"));
    }

    /// Events of these exchanges go into this queue from now on.
    pub(crate) fn bind(&self, queue: &str, exchanges: &[String]) {
        for exchange in exchanges {
            let mut state = self.state();
            let bound = state.bound.entry(exchange.clone()).or_default();
            if !bound.iter().any(|it| it == queue) {
                bound.push(queue.to_owned());
            }
        }
    }

    /// Watches what a subscription's handler does with its events.
    pub(crate) fn watch(
        &self,
        mut subscription: Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> (Subscription, Arc<dyn EventHandler>) {
        let parked = subscription.parking.take();
        let watched = Arc::new(Watched {
            handled: self.clone(),
            queue: subscription.queue.name.clone(),
            is_parked: parked.is_some(),
            attempts: subscription.retry_delays.len(),
            handler,
        });
        subscription.parking = parked.map(|parking| {
            let handled = self.clone();
            Arc::new(WatchedParking { handled, parking }) as Arc<dyn Parking>
        });
        (subscription, watched)
    }
}

struct Watched {
    handled: Handled,
    queue: String,
    /// Whether somebody keeps what cannot be handled.
    is_parked: bool,
    /// How often a failed event is delivered again.
    attempts: usize,
    handler: Arc<dyn EventHandler>,
}

impl EventHandler for Watched {
    fn accept(&self, message: Message) -> Work {
        let (handled, queue) = (self.handled.clone(), self.queue.clone());
        let body = message.body.clone();
        let is_last = message.retries as usize >= self.attempts;
        let is_parked = self.is_parked;
        let work = self.handler.accept(message);
        if work.is_nothing() {
            handled.settle(&queue, &body);
            return work;
        }
        let run = async move {
            let done = work.run.await;
            let dropped = |failed: &Retry| !is_parked && (is_last || failed.hopeless);
            if done.as_ref().err().is_none_or(dropped) {
                handled.settle(&queue, &body);
            }
            done
        };
        Work {
            run: Box::pin(run),
            ..work
        }
    }
}

struct WatchedParking {
    handled: Handled,
    parking: Arc<dyn Parking>,
}

#[async_trait]
impl Parking for WatchedParking {
    async fn park(&self, queue: &str, message: &Message, reason: &str) -> Result<(), String> {
        self.parking.park(queue, message, reason).await?;
        self.handled.settle(queue, &message.body);
        Ok(())
    }

    async fn handled(&self, queue: &str, message: &Message) -> Result<(), String> {
        self.parking.handled(queue, message).await
    }
}
