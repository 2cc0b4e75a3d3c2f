//! What becomes of an event whose handler fails, for every carrier: it is
//! delivered again, later, and parked when it keeps failing.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use crate::parking::Parking;
use crate::port::{Message, Retry, Subscription};

/// Pause before an event that its parking could not deal with is delivered again, where
/// the subscription names no pauses at all.
const PARK_AGAIN: Duration = Duration::from_secs(120);

/// How the failures of one subscription are dealt with.
#[derive(Clone)]
pub struct Failing {
    queue: Arc<str>,
    delays: Arc<[Duration]>,
    longest_work: Duration,
    parking: Option<Arc<dyn Parking>>,
}

/// What a carrier does with an event that was worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It was handled: the carrier forgets it.
    Handled,
    /// It was not, and is kept elsewhere or by nobody: the carrier forgets it.
    GivenUp,
    /// It is to be delivered again.
    Again(Again),
}

/// An event is to be delivered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// How long from now.
    pub delay: Duration,
    /// Why, for the log.
    pub reason: String,
}

impl From<&Subscription> for Failing {
    fn from(subscription: &Subscription) -> Self {
        Self {
            queue: subscription.queue.name.as_str().into(),
            delays: subscription.retry_delays.clone().into(),
            longest_work: subscription.longest_work,
            parking: subscription.parking.clone(),
        }
    }
}

impl Failing {
    /// Runs the work of an event.
    pub async fn attempt(
        &self,
        run: BoxFuture<'static, Result<(), Retry>>,
        message: &Message,
    ) -> Settled {
        let Err(failure) = self.run(run).await else {
            return self.tell(message).await;
        };
        if let Some(delay) = self.next_delay(message, &failure) {
            tracing::warn!(queue = %self.queue, reason = failure.reason, delay_ms = %delay.as_millis(), "an event will be delivered again");
            let reason = failure.reason;
            return Settled::Again(Again { delay, reason });
        }
        self.park(message, &failure).await
    }

    async fn run(&self, run: BoxFuture<'static, Result<(), Retry>>) -> Result<(), Retry> {
        let bounded = timeout(self.longest_work, run);
        match AssertUnwindSafe(bounded).catch_unwind().await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => {
                let seconds = self.longest_work.as_secs();
                let reason = format!("the handler was not done within {seconds} s");
                Err(Retry::later(reason))
            }
            Err(_) => Err(Retry::later("the handler panicked")),
        }
    }

    /// None after the last one.
    fn next_delay(&self, message: &Message, failure: &Retry) -> Option<Duration> {
        if failure.hopeless {
            return None;
        }
        self.delays.get(message.retries as usize).copied()
    }

    /// Whoever has parked an event before hears that it was handled.
    async fn tell(&self, message: &Message) -> Settled {
        let Some(parking) = self.parking.as_ref().filter(|_| message.released) else {
            return Settled::Handled;
        };
        let told = AssertUnwindSafe(parking.handled(&self.queue, message))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err("it panicked".to_owned()));
        match told {
            Ok(()) => Settled::Handled,
            Err(why) => self
                .after_the_longest_pause(format!("it was handled, which cannot be noted: {why}")),
        }
    }

    async fn park(&self, message: &Message, failure: &Retry) -> Settled {
        let Some(parking) = &self.parking else {
            tracing::error!(queue = %self.queue, message_id = ?message.message_id, reason = failure.reason, "an event is dropped: it cannot be handled, and nobody parks it");
            return Settled::GivenUp;
        };
        let parked = AssertUnwindSafe(parking.park(&self.queue, message, &failure.reason))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err("parking panicked".to_owned()));
        let Err(why) = parked else {
            return Settled::GivenUp;
        };
        self.after_the_longest_pause(format!("{}; it cannot be parked: {why}", failure.reason))
    }

    fn after_the_longest_pause(&self, reason: String) -> Settled {
        let delay = self.delays.last().copied().unwrap_or(PARK_AGAIN);
        tracing::warn!(queue = %self.queue, reason, delay_ms = %delay.as_millis(), "an event will be delivered again");
        Settled::Again(Again { delay, reason })
    }
}
