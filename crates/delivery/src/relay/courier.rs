//! Hands webhooks over to webhook-manager: at least once, whatever becomes of
//! the events around them, and bounded.
//!
//! A webhook that is not taken now stays in the table as a row that has only the
//! webhook left, with a time for the next attempt: memory holds few, and the
//! events behind it go on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde_json::value::RawValue;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Response, RpcError};
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_model::webhook::Taken;
use trunkline_model::{Timestamp, wire};
use trunkline_store::{Statement, outbox};
use uuid::Uuid;

use super::Event;
use crate::ledger::Ledger;

/// Webhooks of one role on their way to webhook-manager at the same time.
const AT_ONCE: usize = 64;

/// Webhooks that wait in memory for their turn; further ones wait in the table.
const WAITING: usize = 1_024;

/// How an attempt went.
pub(super) enum Ended {
    /// It needs no further one.
    Taken(Uuid),
    Refused(Event),
    /// Nobody knows: the attempt panicked.
    Lost(Uuid),
}

pub(super) struct Courier {
    ledger: Arc<Ledger>,
    on_the_way: FuturesUnordered<BoxFuture<'static, Ended>>,
    waiting: VecDeque<Event>,
    /// To be written down for later.
    postponed: Vec<Event>,
}

impl Courier {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            ledger,
            on_the_way: FuturesUnordered::new(),
            waiting: VecDeque::new(),
            postponed: Vec::new(),
        }
    }

    /// Hands the webhook over now, soon, or later.
    pub(super) fn take(&mut self, event: Event) {
        if self.on_the_way.len() < AT_ONCE {
            self.send(event);
        } else if self.waiting.len() < WAITING {
            self.waiting.push_back(event);
        } else {
            self.postponed.push(event);
        }
    }

    /// The next attempt that has ended. None when none is on its way.
    pub(super) async fn next(&mut self) -> Option<Ended> {
        let ended = self.on_the_way.next().await;
        if let Some(event) = self.waiting.pop_front() {
            self.send(event);
        }
        ended
    }

    fn send(&mut self, event: Event) {
        let (ledger, id) = (Arc::clone(&self.ledger), event.id);
        let attempt = tokio::spawn(async move {
            if hand_over(&ledger, &event).await {
                Ended::Taken(event.id)
            } else {
                Ended::Refused(event)
            }
        });
        let ended = async move { attempt.await.unwrap_or(Ended::Lost(id)) };
        self.on_the_way.push(Box::pin(ended));
    }

    pub(super) fn postpone(&mut self, event: Event) {
        self.postponed.push(event);
    }

    pub(super) fn has_postponed(&self) -> bool {
        !self.postponed.is_empty()
    }

    /// What to write down: rows that go because webhook-manager was asked for
    /// long enough, and the others with the time of their next attempt.
    pub(super) fn postponed(&self, now: Timestamp) -> (Vec<Uuid>, Vec<Statement>) {
        let config = &self.ledger.config;
        let (mut hopeless, mut later) = (Vec::new(), Vec::new());
        for event in &self.postponed {
            let age = event.tm_create.map(|created| now.since(created));
            if age.is_some_and(|age| age > config.webhook_patience()) {
                tracing::warn!(id = %event.id, attempts = event.attempts, "a webhook is dropped: webhook-manager has not taken it for too long");
                self.ledger.metrics.webhooks_lost.inc();
                hopeless.push(event.id);
            } else {
                let again = now.plus(config.retry_delay(event.attempts));
                later.push(outbox::published_without_webhook(event.id, again));
            }
        }
        (hopeless, later)
    }

    /// They are written down: the table remembers them from here on.
    pub(super) fn forget_postponed(&mut self) -> Vec<Uuid> {
        self.postponed.drain(..).map(|event| event.id).collect()
    }
}

/// True when it was taken, or refused for a reason that no repetition changes.
async fn hand_over(ledger: &Ledger, event: &Event) -> bool {
    let Some(webhook) = &event.webhook else {
        return true;
    };
    let payload = match RawValue::from_string(webhook.clone()) {
        Ok(payload) => payload,
        Err(error) => {
            tracing::error!(id = %event.id, %error, "a webhook is dropped: it is not JSON");
            return true;
        }
    };
    let mut request = ledger
        .rpc
        .request(Method::Post, "/v1/webhooks")
        .raw(payload);
    // A repetition can be recognized by it.
    request.request_id = event.id.to_string();
    let queue = Service::WEBHOOK.request_queue();
    let rpc = &ledger.rpc;
    let changes = ledger.interest.changes();
    let answer = rpc
        .send(&queue, &request, "webhook/webhooks", DEFAULT_TIMEOUT)
        .await;
    match answer {
        Ok(response) => {
            note_interest(ledger, webhook, &response, changes).await;
            response.status_code < 500
        }
        Err(RpcError::Transport(error)) if error.is_permanent() => {
            tracing::error!(id = %event.id, %error, "a webhook is dropped: it cannot be sent");
            ledger.metrics.webhooks_lost.inc();
            true
        }
        // Also where no webhook-manager is known: it may not have started yet, or the
        // node of a broker that has its queue is down.
        Err(error) => {
            tracing::debug!(id = %event.id, %error, "a webhook could not be handed over");
            ledger.metrics.retried.inc();
            false
        }
    }
}

/// Notes a customer who wants no webhooks, if the answer says so.
async fn note_interest(ledger: &Ledger, webhook: &str, answer: &Response, changes: u64) {
    #[derive(serde::Deserialize)]
    struct Whose {
        customer_id: CustomerId,
    }
    let said = answer.data.as_deref().map_or("", RawValue::get);
    let Ok(Taken { unwanted_for_ms }) = wire::decode(said) else {
        return;
    };
    if unwanted_for_ms == 0 || answer.status_code >= 300 {
        return;
    }
    if let (Ok(Whose { customer_id }), Ok(now)) = (wire::decode(webhook), ledger.now().await) {
        let memory = Duration::from_millis(unwanted_for_ms);
        ledger.interest.note_none(customer_id, changes, now, memory);
    }
}
