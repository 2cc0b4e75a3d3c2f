//! The deliverer: works off the deliveries that are due.
//!
//! A row is claimed by moving its due time behind the end of the attempt, and
//! counts an attempt by that: one that never came back counts too. Customers
//! share the room: one whose server is slow fills its own part only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use trunkline_bus::RpcError;
use trunkline_bus::metrics::millis;
use trunkline_model::id::CustomerId;
use trunkline_store::webhook_delivery::{self, Delivery};
use trunkline_store::{Batch, Error};

use super::State;
use super::post::{Failure, Poster};
use crate::owner;

/// How many deliveries of each customer are on their way.
#[derive(Default)]
struct OnTheirWay(BTreeMap<CustomerId, usize>);

impl OnTheirWay {
    fn add(&mut self, customer: CustomerId) {
        *self.0.entry(customer).or_default() += 1;
    }

    fn remove(&mut self, customer: CustomerId) {
        if let Some(number) = self.0.get_mut(&customer) {
            *number -= 1;
            if *number == 0 {
                self.0.remove(&customer);
            }
        }
    }

    fn of(&self, customer: CustomerId) -> usize {
        self.0.get(&customer).copied().unwrap_or(0)
    }

    fn with_at_least(&self, most: usize) -> Vec<CustomerId> {
        self.0
            .iter()
            .filter(|(_, number)| **number >= most)
            .map(|(customer, _)| *customer)
            .collect()
    }
}

pub(super) async fn run(state: Arc<State>, poster: Poster, stop: CancellationToken) {
    let poster = Arc::new(poster);
    let mut attempts: JoinSet<CustomerId> = JoinSet::new();
    let mut on_their_way = OnTheirWay::default();
    while !stop.is_cancelled() {
        let pause = match send_due(&state, &poster, &mut attempts, &mut on_their_way).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(%error, "webhooks wait: the deliveries cannot be read");
                state.config.idle_poll()
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = attempts.join_next() => {
                // An attempt that panicked is only known by its absence.
                if let Ok(customer) = ended { on_their_way.remove(customer) }
                if attempts.is_empty() { on_their_way = OnTheirWay::default() }
            }
            () = state.written.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    while attempts.join_next().await.is_some() {}
}

/// Claims what is due, as far as there is room, and sends it; returns how long
/// to pause.
async fn send_due(
    state: &Arc<State>,
    poster: &Arc<Poster>,
    attempts: &mut JoinSet<CustomerId>,
    on_their_way: &mut OnTheirWay,
) -> Result<Duration, Error> {
    let now = state.db.now().await?;
    let room = state.config.concurrency.saturating_sub(attempts.len());
    if room == 0 {
        return Ok(state.config.idle_poll());
    }
    let most = state.config.concurrency_per_customer;
    let busy = on_their_way.with_at_least(most);
    let limit = u32::try_from(room).unwrap_or(u32::MAX);
    let due = webhook_delivery::due_except(&*state.db, now, &busy, limit).await?;
    let (found, mut passed_over) = (due.len(), false);
    for delivery in due {
        if on_their_way.of(delivery.customer_id) >= most {
            passed_over = true;
            continue;
        }
        if !claim(state, &delivery).await? {
            continue;
        }
        on_their_way.add(delivery.customer_id);
        attempts.spawn(attempt(Arc::clone(state), Arc::clone(poster), delivery));
    }
    if found == 0 && busy.is_empty() {
        let next = webhook_delivery::next_due(&*state.db).await?;
        let pause = next.map_or(state.config.idle_poll(), |next| next.since(now));
        return Ok(pause.clamp(Duration::from_millis(1), state.config.idle_poll()));
    }
    if found == 0 {
        // What is due belongs to customers without room: the end of one of their
        // attempts wakes us.
        return Ok(state.config.idle_poll());
    }
    // More may be due: of the same customers when an attempt ends, of others now.
    Ok(if passed_over || found == room {
        Duration::from_millis(1)
    } else {
        state.config.idle_poll()
    })
}

/// Of several copies of the program one gets the row.
async fn claim(state: &State, delivery: &Delivery) -> Result<bool, Error> {
    let until = state.db.now().await?.plus(state.config.lease());
    match state
        .db
        .apply(Batch::new().with(webhook_delivery::retry(delivery, until)))
        .await
    {
        Ok(()) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Sends one delivery and notes what came of it.
async fn attempt(state: Arc<State>, poster: Arc<Poster>, mut delivery: Delivery) -> CustomerId {
    let customer_id = delivery.customer_id;
    // The claim has counted this attempt.
    delivery.attempts += 1;
    let started = Instant::now();
    let outcome = send(&state, &poster, &delivery).await;
    state
        .metrics
        .attempt_process_time
        .observe(millis(started.elapsed()));
    if let Err(error) = note(&state, &delivery, outcome).await {
        // The lease runs out and the delivery is tried again.
        tracing::warn!(%customer_id, %error, "the outcome of a delivery could not be noted");
    }
    customer_id
}

/// Why an attempt was none: nothing was sent.
enum Unsent {
    /// Whose delivery it is, and so the secret, is not known.
    Owner(RpcError),
    Store(Error),
}

async fn send(
    state: &State,
    poster: &Poster,
    delivery: &Delivery,
) -> Result<Result<(), Failure>, Unsent> {
    let owner = owner::find(&state.rpc, delivery.customer_id).await;
    let owner = owner.map_err(Unsent::Owner)?;
    let secret = owner.map(|owner| owner.webhook_secret).unwrap_or_default();
    let now = state.db.now().await.map_err(Unsent::Store)?;
    Ok(poster.post(delivery, &secret, now).await)
}

async fn note(
    state: &State,
    delivery: &Delivery,
    outcome: Result<Result<(), Failure>, Unsent>,
) -> Result<(), Error> {
    let (customer_id, id, attempts) = (delivery.customer_id, delivery.id, delivery.attempts);
    let failure = match outcome {
        Err(Unsent::Store(error)) => return Err(error),
        Err(Unsent::Owner(error)) => {
            // The server is not to blame, so it is not given up for this.
            tracing::warn!(%customer_id, %id, %error, "a webhook waits: customer-manager does not say whose it is");
            return postpone(state, delivery).await.map(drop);
        }
        Ok(Ok(())) => {
            state.metrics.delivered.inc();
            tracing::debug!(%customer_id, %id, attempts, "a webhook was delivered");
            let gone = Batch::new().with(webhook_delivery::delete(id));
            return state.db.apply(gone).await;
        }
        Ok(Err(failure)) => failure,
    };
    if failure.is_hopeless() || attempts >= state.config.max_attempts {
        return give_up(state, delivery, &failure).await;
    }
    state.metrics.failed.inc();
    let delay = postpone(state, delivery).await?;
    tracing::info!(%customer_id, %id, attempts, %failure, delay_ms = %delay.as_millis(), "a webhook will be tried again");
    Ok(())
}

/// Makes it due after a pause that grows with its attempts; returns the pause.
async fn postpone(state: &State, delivery: &Delivery) -> Result<Duration, Error> {
    let delay = state.config.retry_delay(delivery.attempts);
    let due_at = state.db.now().await?.plus(delay);
    let later = webhook_delivery::postpone(delivery.id, due_at);
    state.db.apply(Batch::new().with(later)).await?;
    Ok(delay)
}

/// It is kept until an operator says what becomes of it, unless too many are.
async fn give_up(state: &State, delivery: &Delivery, failure: &Failure) -> Result<(), Error> {
    let (customer_id, id, attempts) = (delivery.customer_id, delivery.id, delivery.attempts);
    let (why, most) = (failure.to_string(), state.config.max_parked);
    let parked = state.parking.park_webhook(delivery, &why, most).await?;
    state.metrics.dropped.inc();
    if parked {
        tracing::warn!(%customer_id, %id, attempts, %failure, "a webhook is given up and parked");
    } else {
        tracing::error!(%customer_id, %id, attempts, %failure, "a webhook is given up and lost: too many are parked already; release or discard some");
    }
    Ok(())
}
