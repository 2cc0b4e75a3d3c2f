//! Requests that leave, and the replies to them.
//!
//! All replies of a session come through one queue; a correlation id says whose
//! each is. The reference makes a queue for every request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::topology;

/// Content type of every message, although the body is JSON (chapter 01 §1.5).
pub(crate) const CONTENT_TYPE: &str = "text/plain";

/// The broker refuses a longer expiration and ends the channel, milliseconds.
const LONGEST_EXPIRATION_MS: u128 = 0xffff_ffff;

/// The side of a session that asks.
pub(crate) struct Replies {
    channel: Channel,
    queue: ShortString,
    waiting: Arc<Waiting>,
    next: AtomicU64,
}

/// Who waits for which reply.
#[derive(Default)]
struct Waiting(Mutex<HashMap<u64, oneshot::Sender<Bytes>>>);

impl Waiting {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<u64, oneshot::Sender<Bytes>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request's place among those that wait. Dropping it gives the place up: a
/// late reply finds nobody.
pub(crate) struct Place {
    number: u64,
    waiting: Arc<Waiting>,
    /// Fails when the session has ended.
    pub(crate) reply: oneshot::Receiver<Bytes>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.with(|waiting| waiting.remove(&self.number));
    }
}

impl Replies {
    pub(crate) async fn begin(channel: Channel, over: CancellationToken) -> lapin::Result<Self> {
        let queue = topology::declare(&channel, &"".into(), topology::replies()).await?;
        let queue = queue.name().clone();
        let options = BasicConsumeOptions {
            no_ack: true,
            exclusive: true,
            ..BasicConsumeOptions::default()
        };
        let consumer = channel
            .basic_consume(queue.clone(), "".into(), options, FieldTable::default())
            .await?;
        let waiting = Arc::<Waiting>::default();
        tokio::spawn(hand_out(consumer, Arc::clone(&waiting), over));
        Ok(Self {
            channel,
            queue,
            waiting,
            next: AtomicU64::new(1),
        })
    }

    /// Where replies come.
    pub(crate) fn queue(&self) -> &ShortString {
        &self.queue
    }

    /// Takes a place for a reply.
    pub(crate) fn place(&self) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        self.waiting.with(|waiting| waiting.insert(number, sender));
        Place {
            number,
            waiting: Arc::clone(&self.waiting),
            reply,
        }
    }

    /// Sends a request whose reply comes to `place`. The broker throws it away when
    /// nobody has taken it within `patience`, for then the caller has left.
    pub(crate) async fn send(
        &self,
        queue: &ShortString,
        body: &Bytes,
        place: &Place,
        patience: Duration,
    ) -> lapin::Result<()> {
        let expiration = patience.as_millis().clamp(1, LONGEST_EXPIRATION_MS);
        let expiration = expiration.to_string();
        let properties = BasicProperties::default()
            .with_content_type(CONTENT_TYPE.into())
            .with_reply_to(self.queue.clone())
            .with_correlation_id(place.number.to_string().into())
            .with_expiration(expiration.into());
        self.channel
            .basic_publish(
                "".into(),
                queue.clone(),
                BasicPublishOptions::default(),
                body,
                properties,
            )
            .await
            .map(drop)
    }
}

/// Gives each reply to whoever waits for it, until the session ends; then nobody
/// waits any more.
async fn hand_out(mut consumer: Consumer, waiting: Arc<Waiting>, over: CancellationToken) {
    loop {
        let delivery = tokio::select! {
            biased;
            () = over.cancelled() => break,
            delivery = consumer.next() => delivery,
        };
        let Some(Ok(delivery)) = delivery else { break };
        let number = delivery.properties.correlation_id().as_ref();
        let number = number.and_then(|id| id.as_str().parse::<u64>().ok());
        match number.and_then(|number| waiting.with(|waiting| waiting.remove(&number))) {
            Some(caller) => {
                let _ = caller.send(delivery.data.into());
            }
            None => tracing::debug!(?number, "a reply came too late, or to nobody"),
        }
    }
    over.cancel();
    waiting.with(HashMap::clear);
}
