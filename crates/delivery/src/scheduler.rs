//! The scheduler: sends each due row as the ordinary request that it is.
//!
//! The table is looked at when the next row in it is due, at most every
//! `due_ahead_ms` unless rows are many, and at least every `idle_poll_ms`; each
//! look claims what is due until `due_ahead_ms` later. Between two looks duties
//! wait in memory ([`crate::held`]). Rows of duties that are done are deleted in
//! bulk: after a crash some are sent again, and their receivers see that the
//! reason has gone.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Method, Request, RpcError};
use trunkline_store::{Batch, Error, Statement, due};

use crate::ledger::Ledger;

/// Duties of one role that are on their way at the same time.
const IN_FLIGHT: usize = 256;

/// Attempts after which a duty that its receiver fails to do is somebody's
/// concern; said once.
const CONCERNING: i64 = 20;

/// Pause while as many are claimed as can be sent soon.
const NO_ROOM: Duration = Duration::from_millis(20);

pub(crate) async fn run(ledger: Arc<Ledger>, stop: CancellationToken) {
    let mut scheduler = Scheduler::new(ledger);
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        never = scheduler.work() => match never {},
    }
    while let Some(ended) = scheduler.in_flight.join_next().await {
        scheduler.outcomes.extend(ended.ok().flatten());
    }
    // What was not sent need not wait for its lease.
    for duty in scheduler.ledger.held.close() {
        if let Some(due_at) = duty.due_at {
            let free = due::retry(duty.id, duty.attempts, due_at);
            scheduler.outcomes.push(free);
        }
    }
    scheduler.settle().await;
}

struct Scheduler {
    ledger: Arc<Ledger>,
    in_flight: JoinSet<Option<Statement>>,
    /// What becomes of the rows of duties that were sent.
    outcomes: Vec<Statement>,
    settle_at: Option<Instant>,
    look_at: Instant,
    /// The rows that a process before this one had claimed are free.
    freed: bool,
}

impl Scheduler {
    fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            // Where other copies may run, claims of a dead one run out.
            freed: ledger.db.dialect().is_shared(),
            ledger,
            in_flight: JoinSet::new(),
            outcomes: Vec::new(),
            settle_at: None,
            look_at: Instant::now(),
        }
    }

    async fn work(&mut self) -> Infallible {
        loop {
            let room = self.in_flight.len() < IN_FLIGHT;
            let first = self.ledger.held.first().filter(|_| room);
            let wake_at = [Some(self.look_at), self.settle_at, first]
                .into_iter()
                .flatten()
                .fold(self.look_at, Instant::min);
            tokio::select! {
                biased;
                Some(ended) = self.in_flight.join_next() => {
                    // A duty whose task panicked is free again after its lease.
                    self.outcomes.extend(ended.ok().flatten());
                    self.settle_soon();
                }
                () = sleep_until(wake_at) => {
                    let now = Instant::now();
                    if self.settle_at.is_some_and(|at| at <= now) {
                        self.settle().await;
                    }
                    if self.look_at <= now {
                        self.look().await;
                    }
                    self.send_due();
                }
                () = self.ledger.held.earlier.notified() => self.send_due(),
            }
        }
    }

    /// Claims what is due soon, and finds out when to look next.
    async fn look(&mut self) {
        let pause = match self.claim().await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(service = self.ledger.service().name(), %error, "duties wait: the due rows cannot be read");
                if self.ledger.parking.set_aside_broken(&error).await {
                    return;
                }
                self.ledger.config.idle_poll()
            }
        };
        self.look_at = Instant::now() + pause;
    }

    async fn claim(&mut self) -> Result<Duration, Error> {
        let ledger = &self.ledger;
        let (service, config) = (ledger.service(), &ledger.config);
        if !self.freed {
            let free = Batch::new().with(due::free_all(service));
            ledger.db.apply(free).await?;
            self.freed = true;
        }
        ledger.held.open();
        // Duties that nobody can send now are left to others.
        let unsent = self.in_flight.len() + ledger.held.overdue(Instant::now());
        let room = (2 * IN_FLIGHT).saturating_sub(unsent);
        let limit = config
            .due_batch
            .min(u32::try_from(room).unwrap_or(u32::MAX));
        if limit == 0 || !ledger.held.has_room() {
            return Ok(config.idle_poll().min(NO_ROOM));
        }
        let now = ledger.now().await?;
        let by = now.plus(config.due_ahead());
        let claimed = due::claim(ledger.db(), service, now, by, config.due_lease(), limit).await?;
        let full = claimed.len() >= limit as usize;
        for duty in claimed {
            let wait = duty
                .due_at
                .map_or(Duration::ZERO, |due_at| due_at.since(now));
            ledger
                .held
                .hold(duty, Instant::now() + wait, config.due_lease());
        }
        if full {
            return Ok(Duration::from_millis(1));
        }
        let next = due::next_due(ledger.db(), service).await?;
        let pause = next.map_or(config.idle_poll(), |next| next.since(now));
        Ok(pause.clamp(Duration::from_millis(1), config.idle_poll()))
    }

    fn send_due(&mut self) {
        let now = Instant::now();
        while self.in_flight.len() < IN_FLIGHT
            && let Some(duty) = self.ledger.held.take_due(now)
        {
            let ledger = Arc::clone(&self.ledger);
            self.in_flight
                .spawn(async move { fire(&ledger, duty).await });
        }
    }

    fn settle_soon(&mut self) {
        let at = Instant::now() + self.ledger.config.settle();
        self.settle_at.get_or_insert(at);
    }

    /// Notes the outcomes of many duties at once.
    async fn settle(&mut self) {
        self.settle_at = None;
        if self.outcomes.is_empty() {
            return;
        }
        let batch: Batch = self.outcomes.iter().cloned().collect();
        match self.ledger.db.apply(batch).await {
            Ok(()) => self.outcomes.clear(),
            Err(error) => {
                // Where it stays so, the leases run out and the duties fire again.
                tracing::warn!(service = self.ledger.service().name(), %error, "the outcome of duties cannot be noted yet");
                self.settle_at = Some(Instant::now() + self.ledger.config.retry_min());
            }
        }
    }
}

/// Sends one duty; returns what becomes of its row. None: it is settled, or
/// nobody knows and its lease runs out.
async fn fire(ledger: &Ledger, entry: due::Due) -> Option<Statement> {
    let request = match request_of(ledger, &entry) {
        Ok(request) => request,
        Err(why) => {
            // No repetition can help it.
            if let Err(error) = ledger.parking.park_duty(&entry, &why).await {
                tracing::warn!(key = %entry.key, %error, "a duty that cannot be sent could not be parked");
            }
            return None;
        }
    };
    ledger.metrics.due_fired.inc();
    let error = match send(ledger, &entry, &request).await {
        Ok(()) => return Some(due::delete(entry.id, entry.attempts)),
        Err(error) => error,
    };
    let delay = ledger.config.retry_delay(entry.attempts);
    if entry.attempts == CONCERNING && is_refused(&error) {
        tracing::error!(key = %entry.key, queue = entry.queue, uri = entry.uri, %error, attempts = entry.attempts, "a duty fails again and again; it is repeated until it is done");
    }
    tracing::warn!(key = %entry.key, %error, delay_ms = %delay.as_millis(), "a duty could not be done and will be tried again");
    ledger.metrics.retried.inc();
    match ledger.now().await {
        Ok(now) => Some(due::retry(entry.id, entry.attempts, now.plus(delay))),
        Err(error) => {
            tracing::warn!(key = %entry.key, %error, "the outcome of a duty could not be noted");
            None
        }
    }
}

/// Whether its receiver is there and fails, which time alone does not cure. A
/// duty is repeated all the same: nobody else remembers it, and the receiver may
/// be mended.
fn is_refused(error: &RpcError) -> bool {
    matches!(error, RpcError::Status(status) if *status != 503)
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
