//! Events that failed wait here for their next delivery.

use std::sync::{Arc, Weak};

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::events::{Delivery, Events};
use crate::failing::{Again, Failing, Settled};
use crate::port::{Message, Retry, Subscription};

/// Delivers failed events again, later, and has those parked that keep failing.
#[derive(Clone)]
pub(super) struct RetryQueue {
    events: Weak<Events>,
    failing: Failing,
    /// As many events may wait for their next delivery as may wait in the queue.
    room: Arc<Semaphore>,
}

impl RetryQueue {
    pub(super) fn new(events: &Arc<Events>, subscription: &Subscription) -> Self {
        let capacity = subscription.queue.capacity;
        Self {
            events: Arc::downgrade(events),
            failing: Failing::from(subscription),
            room: Arc::new(Semaphore::new(capacity.clamp(1, Semaphore::MAX_PERMITS))),
        }
    }

    /// Runs the work of a delivery and does what its outcome asks for.
    pub(super) async fn work(self, run: BoxFuture<'static, Result<(), Retry>>, delivery: Delivery) {
        match self.failing.attempt(run, &delivery.message).await {
            Settled::Again(again) => self.deliver_again(delivery, again).await,
            Settled::Handled | Settled::GivenUp => {
                let _ = delivery.done.send(());
            }
        }
    }

    async fn deliver_again(self, delivery: Delivery, again: Again) {
        // While there is no room this worker waits, then the queue, then the
        // publishers: failing events never pile up without bounds.
        let Ok(place) = Arc::clone(&self.room).acquire_owned().await else {
            return;
        };
        tokio::spawn(async move {
            sleep(again.delay).await;
            // Before the queue is waited for: a worker that waits for this place
            // may be what makes room there.
            drop(place);
            let Some(events) = self.events.upgrade() else {
                return;
            };
            let Delivery { message, done } = delivery;
            let message = Message {
                retries: message.retries.saturating_add(1),
                ..message
            };
            events.enqueue(Delivery { message, done }).await;
        });
    }
}
