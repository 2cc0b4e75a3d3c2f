//! The scheduler: sends each due row as the ordinary request that it is.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Method, Request, RpcError};
use trunkline_store::{Batch, Error, due};

use crate::ledger::Ledger;

/// Duties of one role that are on their way at the same time.
const IN_FLIGHT: usize = 256;

pub(crate) async fn run(ledger: Arc<Ledger>, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut in_flight = JoinSet::new();
    while !stop.is_cancelled() {
        while in_flight.try_join_next().is_some() {}
        let pause = match fire_due(&ledger, &room, &mut in_flight).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(service = ledger.service().name(), %error, "duties wait: the due rows cannot be read");
                if ledger.parking.set_aside_broken(&error).await {
                    continue;
                }
                ledger.config.idle_poll()
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = ledger.due_written.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    while in_flight.join_next().await.is_some() {}
}

/// Claims what is due and sends it; returns how long to pause.
async fn fire_due(
    ledger: &Arc<Ledger>,
    room: &Arc<Semaphore>,
    in_flight: &mut JoinSet<()>,
) -> Result<Duration, Error> {
    let service = ledger.service();
    // Until the next look is known, every new duty asks for one.
    ledger.next_look.store(i64::MAX, Ordering::SeqCst);
    let now = ledger.now().await?;
    let lease = ledger.config.due_lease();
    let free = u32::try_from(room.available_permits()).unwrap_or(u32::MAX);
    let limit = ledger.config.due_batch.min(free);
    if limit == 0 {
        return Ok(Duration::from_millis(5));
    }
    let claimed = due::claim(ledger.db(), service, now, now, lease, limit).await?;
    for entry in claimed {
        let Ok(permit) = Arc::clone(room).acquire_owned().await else {
            break;
        };
        let ledger = Arc::clone(ledger);
        in_flight.spawn(async move {
            fire(&ledger, entry).await;
            drop(permit);
        });
    }
    let next = due::next_due(ledger.db(), service).await?;
    let pause = next.map_or(ledger.config.idle_poll(), |next| next.since(now));
    let pause = pause.clamp(Duration::from_millis(1), ledger.config.idle_poll());
    ledger
        .next_look
        .store(now.plus(pause).as_micros(), Ordering::SeqCst);
    Ok(pause)
}

async fn fire(ledger: &Ledger, entry: due::Due) {
    let request = match request_of(ledger, &entry) {
        Ok(request) => request,
        Err(why) => {
            // No repetition can help it.
            if let Err(error) = ledger.parking.park_duty(&entry, &why).await {
                tracing::warn!(key = %entry.key, %error, "a duty that cannot be sent could not be parked");
            }
            return;
        }
    };
    ledger.metrics.due_fired.inc();
    let outcome = send(ledger, &entry, &request).await;
    let written = match outcome {
        Ok(()) => {
            ledger
                .db
                .apply(Batch::new().with(due::delete(entry.id, entry.attempts)))
                .await
        }
        Err(error) => {
            let delay = ledger.config.retry_delay(entry.attempts);
            tracing::warn!(key = %entry.key, %error, delay_ms = %delay.as_millis(), "a duty could not be done and will be tried again");
            ledger.metrics.retried.inc();
            match ledger.now().await {
                Ok(now) => {
                    ledger
                        .db
                        .apply(Batch::new().with(due::retry(
                            entry.id,
                            entry.attempts,
                            now.plus(delay),
                        )))
                        .await
                }
                Err(error) => Err(error),
            }
        }
    };
    if let Err(error) = written {
        // The lease runs out and the duty fires again.
        tracing::warn!(key = %entry.key, %error, "the outcome of a duty could not be noted");
    }
}

/// The request that a duty is.
fn request_of(ledger: &Ledger, entry: &due::Due) -> Result<Request, String> {
    let method = Method::parse(&entry.method)
        .ok_or_else(|| format!("`{}` is no method of a request", entry.method))?;
    let request = Request::new(ledger.service(), method, entry.uri.clone());
    let Some(data) = &entry.data else {
        return Ok(request);
    };
    match RawValue::from_string(data.clone()) {
        Ok(data) => Ok(request.raw(data)),
        Err(error) => Err(format!("its data is not JSON: {error}")),
    }
}

/// Any answer below 500 settles a duty: the receiver has seen it and decided.
async fn send(ledger: &Ledger, entry: &due::Due, request: &Request) -> Result<(), RpcError> {
    let timeout = ledger.config.due_request_timeout();
    let response = ledger
        .rpc
        .send(&entry.queue, request, "due", timeout)
        .await?;
    if response.status_code >= 500 {
        Err(RpcError::Status(response.status_code))
    } else {
        Ok(())
    }
}
