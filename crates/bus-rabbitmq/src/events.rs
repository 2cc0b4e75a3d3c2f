//! Events that come.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lapin::Acker;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::time::sleep;
use trunkline_bus::failing::{Again, Failing, Settled};
use trunkline_bus::keyed::Keyed;
use trunkline_bus::{EventHandler, Message, Subscription, Work};
use uuid::Uuid;

use crate::consume::{Open, Worker};
use crate::metrics::{QueueLabels, RetryLabels};
use crate::publish;
use crate::rabbitmq::Shared;
use crate::retry::{self, Later};
use crate::session::Session;

/// Pause before an event is given back that could not be put aside for later.
const GIVE_BACK_AFTER: Duration = Duration::from_secs(1);

/// Works off the events of one queue: those of one key in order, others in
/// parallel, no more than there are workers.
pub(crate) struct Subscribed {
    shared: Arc<Shared>,
    handler: Arc<dyn EventHandler>,
    failing: Failing,
    keyed: Arc<Keyed>,
}

/// An event that is worked on.
struct Begun {
    shared: Arc<Shared>,
    session: Arc<Session>,
    queue: lapin::types::ShortString,
    message: Message,
    properties: BasicProperties,
    acker: Acker,
}

impl Subscribed {
    pub(crate) fn new(
        shared: Arc<Shared>,
        subscription: &Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Self {
        Self {
            shared,
            handler,
            failing: Failing::from(subscription),
            keyed: Keyed::new(subscription.queue.workers),
        }
    }
}

impl Worker for Subscribed {
    async fn take(&self, from: &Open, delivery: Delivery, _waited: bool) {
        // What nobody has begun when the session ends is delivered again.
        let Some(room) = from.session.while_it_lasts(self.keyed.room()).await else {
            return;
        };
        let Delivery {
            properties,
            data,
            acker,
            ..
        } = delivery;
        let message = message(data.into(), &properties);
        let work = Work::accepted_by(&*self.handler, message.clone());
        let begun = Begun {
            shared: Arc::clone(&self.shared),
            session: Arc::clone(&from.session),
            queue: from.queue.clone(),
            message,
            properties,
            acker,
        };
        if work.is_nothing() {
            begun.forget().await;
            return;
        }
        let failing = self.failing.clone();
        self.keyed.submit(work.key, room, async move {
            let settled = failing.attempt(work.run, &begun.message).await;
            begun.settle(settled).await;
        });
    }

    async fn idle(&self) {
        self.keyed.idle().await;
    }
}

fn message(body: Bytes, properties: &BasicProperties) -> Message {
    let id = properties.message_id().as_ref();
    Message {
        body,
        message_id: id.and_then(|id| Uuid::try_parse(id.as_str()).ok()),
        retries: retry::count(properties),
        released: publish::is_released(properties),
    }
}

impl Begun {
    async fn settle(self, settled: Settled) {
        match settled {
            Settled::Handled => self.forget().await,
            Settled::GivenUp => {
                let queue = self.queue.to_string();
                let dropped = &self.shared.metrics.event_dropped;
                dropped.get_or_create(&QueueLabels { queue }).inc();
                self.forget().await;
            }
            Settled::Again(again) => self.later(again).await,
        }
    }

    async fn forget(self) {
        let acknowledged = self.acker.ack(BasicAckOptions::default());
        if !matches!(self.session.while_it_lasts(acknowledged).await, Some(Ok(_))) {
            tracing::debug!("an event could not be acknowledged and will come again");
        }
    }

    /// Put aside for later; when that is not possible, given back.
    async fn later(self, again: Again) {
        let labels = RetryLabels {
            queue: self.queue.to_string(),
            retry_count: self.message.retries.saturating_add(1),
        };
        let later = Later {
            queue: self.queue.clone(),
            body: self.message.body.clone(),
            properties: self.properties.clone(),
            again,
        };
        let patience = self.shared.config.answer_timeout();
        let put = match self.shared.event_place().await {
            Ok(place) => later.send(&self.session, patience, place).await,
            Err(error) => Err(error),
        };
        match put {
            Ok(()) => {
                self.shared
                    .metrics
                    .event_retried
                    .get_or_create(&labels)
                    .inc();
                self.forget().await;
            }
            Err(error) => {
                tracing::warn!(queue = %self.queue, %error, "a failed event cannot be put aside and is given back");
                sleep(GIVE_BACK_AFTER).await;
                let back = BasicNackOptions {
                    requeue: true,
                    ..BasicNackOptions::default()
                };
                let _ = self.session.while_it_lasts(self.acker.nack(back)).await;
            }
        }
    }
}
