//! What becomes of an event whose handler has failed: it is delivered again,
//! later, and parked when it keeps failing.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::events::{Delivery, Events};
use crate::parking::Parking;
use crate::port::{Message, Retry, Subscription};

/// Pause before an event that could not be parked is delivered again, where the
/// subscription names no pauses at all.
const PARK_AGAIN: Duration = Duration::from_secs(120);

/// Delivers failed events again, later, and parks those that keep failing.
#[derive(Clone)]
pub(super) struct RetryQueue {
    events: Weak<Events>,
    queue: Arc<str>,
    delays: Arc<[Duration]>,
    longest_work: Duration,
    parking: Option<Arc<dyn Parking>>,
    /// As many events may wait for their next delivery as may wait in the queue.
    room: Arc<Semaphore>,
}

impl RetryQueue {
    pub(super) fn new(events: &Arc<Events>, subscription: &Subscription) -> Self {
        let capacity = subscription.queue.capacity;
        Self {
            events: Arc::downgrade(events),
            queue: subscription.queue.name.as_str().into(),
            delays: subscription.retry_delays.clone().into(),
            longest_work: subscription.longest_work,
            parking: subscription.parking.clone(),
            room: Arc::new(Semaphore::new(capacity.clamp(1, Semaphore::MAX_PERMITS))),
        }
    }

    /// Runs the work of a delivery and does what its outcome asks for.
    pub(super) async fn work(self, run: BoxFuture<'static, Result<(), Retry>>, delivery: Delivery) {
        let bounded = timeout(self.longest_work, run);
        let outcome = AssertUnwindSafe(bounded).catch_unwind().await;
        let failure = match outcome {
            Ok(Ok(Ok(()))) => {
                let _ = delivery.done.send(());
                return;
            }
            Ok(Ok(Err(failure))) => failure,
            Ok(Err(_)) => {
                let seconds = self.longest_work.as_secs();
                Retry::later(format!("the handler was not done within {seconds} s"))
            }
            Err(_) => Retry::later("the handler panicked"),
        };
        match self.next_delay(&delivery.message, &failure) {
            Some(delay) => self.deliver_again(delivery, delay, &failure).await,
            None => self.park(delivery, failure).await,
        }
    }

    /// None after the last one.
    fn next_delay(&self, message: &Message, failure: &Retry) -> Option<Duration> {
        if failure.hopeless {
            return None;
        }
        self.delays.get(message.retries as usize).copied()
    }

    async fn deliver_again(self, delivery: Delivery, delay: Duration, failure: &Retry) {
        tracing::warn!(queue = %self.queue, reason = failure.reason, delay_ms = %delay.as_millis(), "an event will be delivered again");
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

    async fn park(self, delivery: Delivery, failure: Retry) {
        let message = &delivery.message;
        let Some(parking) = &self.parking else {
            tracing::error!(queue = %self.queue, message_id = ?message.message_id, reason = failure.reason, "an event is dropped: it cannot be handled, and nobody parks it");
            let _ = delivery.done.send(());
            return;
        };
        let parked = AssertUnwindSafe(parking.park(&self.queue, message, &failure.reason))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err("parking panicked".to_owned()));
        match parked {
            Ok(()) => {
                let _ = delivery.done.send(());
            }
            Err(why) => {
                let delay = self.delays.last().copied().unwrap_or(PARK_AGAIN);
                let reason = format!("{}; it cannot be parked: {why}", failure.reason);
                self.deliver_again(delivery, delay, &Retry { reason, ..failure })
                    .await;
            }
        }
    }
}
