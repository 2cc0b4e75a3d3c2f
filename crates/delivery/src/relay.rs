//! The relay: publishes what the outbox holds, in order, at least once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::value::RawValue;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::metrics::EventLabels;
use trunkline_bus::{Method, RpcError};
use trunkline_model::service::Service;
use trunkline_store::outbox;

use crate::ledger::Ledger;

/// Longest wait for the consumers of a published event.
const CONFIRMATION_PATIENCE: Duration = Duration::from_secs(60);

/// Attempts to hand a webhook to webhook-manager before it is given up. The
/// event itself is never given up.
const WEBHOOK_ATTEMPTS: i64 = 3;

pub(crate) async fn run(ledger: Arc<Ledger>, stop: CancellationToken) {
    let mut after = 0;
    let mut in_flight = JoinSet::new();
    loop {
        match publish_next(&ledger, after).await {
            Ok(Published {
                last: Some(last),
                more,
                finishing,
            }) => {
                after = last;
                in_flight.spawn(finishing);
                // What is written from here on wakes the relay.
                if more {
                    continue;
                }
            }
            Ok(Published { last: None, .. }) => {}
            Err(error) => {
                tracing::warn!(service = ledger.service().name(), %error, "events wait: the outbox cannot be worked off");
                ledger.metrics.retried.inc();
                after = 0;
                if let Failure::Store(error) = &error
                    && ledger.parking.set_aside_broken(error).await
                {
                    continue;
                }
            }
        }
        let Some(failed) = wait(&ledger, &mut in_flight, &stop).await else {
            break;
        };
        if failed {
            // Some rows are still there: read from the beginning, later.
            after = 0;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep(Duration::from_millis(ledger.config.retry_min_ms)) => {}
            }
        }
    }
    while in_flight.join_next().await.is_some() {}
}

/// Waits until there may be something to publish. True when a row is left over
/// from before; none when the relay is to stop.
async fn wait(
    ledger: &Ledger,
    in_flight: &mut JoinSet<bool>,
    stop: &CancellationToken,
) -> Option<bool> {
    let idle = tokio::time::sleep(ledger.config.idle_poll());
    tokio::pin!(idle);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            Some(outcome) = in_flight.join_next() => {
                if !matches!(outcome, Ok(true)) {
                    return Some(true);
                }
            }
            () = ledger.outbox_written.notified() => {
                tokio::time::sleep(ledger.config.outbox_gather()).await;
                return Some(false);
            }
            () = &mut idle => return Some(false),
        }
    }
}

struct Published {
    /// Last row that was read; none when there was nothing.
    last: Option<i64>,
    /// As many rows were read as may be at once.
    more: bool,
    /// Waits for confirmations and deletes the rows; true when all are gone.
    finishing: futures_util::future::BoxFuture<'static, bool>,
}

/// Hands the rows after `after` to the carrier, in order.
async fn publish_next(ledger: &Arc<Ledger>, after: i64) -> Result<Published, Failure> {
    let service = ledger.service();
    let rows = outbox::pending(ledger.db(), service, after, ledger.config.outbox_batch).await?;
    ledger
        .metrics
        .outbox_depth
        .set(i64::try_from(rows.len()).unwrap_or(i64::MAX));
    let more = rows.len() >= ledger.config.outbox_batch as usize;
    let last = rows.last().map(|row| row.seq);
    let mut waiting = Vec::with_capacity(rows.len());
    for row in rows {
        let bus = Arc::clone(ledger.rpc.bus());
        let body = bytes::Bytes::from(row.body.clone().into_bytes());
        let confirmation = bus.publish(&row.exchange, Some(row.id), body).await?;
        ledger.metrics_of_event(&row.body);
        waiting.push(Box::pin(finish(Arc::clone(ledger), row, confirmation)) as Safe);
    }
    let finishing = Box::pin(delete_safe(Arc::clone(ledger), waiting));
    Ok(Published {
        last,
        more,
        finishing,
    })
}

type Safe = futures_util::future::BoxFuture<'static, Option<uuid::Uuid>>;

/// Waits until the events are safe and deletes their rows at once; true when all
/// are gone.
async fn delete_safe(ledger: Arc<Ledger>, waiting: Vec<Safe>) -> bool {
    let expected = waiting.len();
    let safe: Vec<uuid::Uuid> = join_all(waiting).await.into_iter().flatten().collect();
    let all = safe.len() == expected;
    let deleted = ledger.db.apply(outbox::delete(&safe)).await;
    all && deleted.is_ok()
}

/// Waits until one event is safe; then its row may go.
async fn finish(
    ledger: Arc<Ledger>,
    row: outbox::Entry,
    confirmation: trunkline_bus::Confirmation,
) -> Option<uuid::Uuid> {
    let confirmed = tokio::time::timeout(CONFIRMATION_PATIENCE, confirmation).await;
    if !matches!(confirmed, Ok(Ok(()))) {
        tracing::warn!(
            seq = row.seq,
            "an event was not confirmed and will be published again"
        );
        ledger.metrics.retried.inc();
        return None;
    }
    if let Some(webhook) = &row.webhook
        && let Err(error) = send_webhook(&ledger, webhook).await
    {
        tracing::debug!(seq = row.seq, %error, "a webhook could not be handed over");
    }
    Some(row.id)
}

async fn send_webhook(ledger: &Ledger, webhook: &str) -> Result<(), RpcError> {
    let payload =
        RawValue::from_string(webhook.to_owned()).map_err(|e| RpcError::Answer(e.to_string()))?;
    let request = ledger
        .rpc
        .request(Method::Post, "/v1/webhooks")
        .raw(payload);
    let queue = Service::WEBHOOK.request_queue();
    let mut outcome = Ok(());
    for _ in 0..WEBHOOK_ATTEMPTS {
        outcome = ledger
            .rpc
            .send(&queue, &request, "webhook/webhooks", DEFAULT_TIMEOUT)
            .await
            .map(drop);
        match &outcome {
            Err(RpcError::Transport(trunkline_bus::Error::Timeout { .. })) => {}
            Ok(()) | Err(_) => break,
        }
    }
    outcome
}

impl Ledger {
    fn metrics_of_event(&self, body: &str) {
        #[derive(serde::Deserialize)]
        struct Kind {
            r#type: String,
        }
        if let Ok(kind) = serde_json::from_str::<Kind>(body) {
            self.rpc
                .metrics()
                .notify_total
                .get_or_create(&EventLabels {
                    r#type: kind.r#type,
                })
                .inc();
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] trunkline_store::Error),
    #[error(transparent)]
    Bus(#[from] trunkline_bus::Error),
}
