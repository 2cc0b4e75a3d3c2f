//! The relay: publishes the events of one service, in order, at least once.
//!
//! ```text
//!  line (memory) ──┐            ┌─ confirmed ──> webhook, if any ──> done ──┐
//!                  ├─> publish ─┤                                           ├─> settle:
//!  table ──────────┘            └─ not confirmed ──> published again        │   rows go,
//!    at the start, of copies that died, when the line was full              │   many at once
//!                                            webhook refused ──> postponed ─┘
//! ```
//!
//! Events that this process writes come through memory ([`crate::outgoing`]) and
//! are not read back. The table is read at the start, when the line was full,
//! and now and then for what nobody has in hand: rows whose lease has run out.
//! An event that the carrier never takes, because it is too large, is parked, and
//! those behind it go on. Rows are deleted in bulk, so a crash means that some events
//! are published again; the inbox of their receivers makes that harmless.

mod courier;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use trunkline_bus::metrics::{EventLabels, millis};
use trunkline_bus::{Confirmation, Error as BusError};
use trunkline_model::Timestamp;
use trunkline_store::{Batch, Error, outbox};
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::parking::Unsent;
use courier::Courier;

pub(crate) async fn run(ledger: Arc<Ledger>, stop: CancellationToken) {
    let mut relay = Relay::new(ledger);
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        never = relay.work() => match never {},
    }
    // What is known to be safe by now need not be published again.
    relay.note_confirmations();
    relay.settle().await;
}

/// An event in hand.
#[derive(Debug, Clone)]
struct Event {
    id: Uuid,
    /// Empty: it is published, only its webhook is left.
    exchange: String,
    body: Bytes,
    webhook: Option<String>,
    attempts: i64,
    tm_create: Option<Timestamp>,
}

impl From<outbox::Entry> for Event {
    fn from(entry: outbox::Entry) -> Self {
        Self {
            id: entry.id,
            exchange: entry.exchange,
            body: entry.body.into_bytes().into(),
            webhook: entry.webhook,
            attempts: entry.attempts,
            tm_create: entry.tm_create,
        }
    }
}

/// Where the next events come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// From the line of this process.
    Line,
    /// From the table, whatever is behind this place: nobody else writes it, so
    /// all of it is of a process that has ended.
    Everything { after: i64 },
    /// From the table, what nobody has in hand.
    Abandoned,
}

struct Relay {
    ledger: Arc<Ledger>,
    source: Source,
    /// To be published, in order.
    backlog: VecDeque<Event>,
    /// Published; each resolves to whether it is safe.
    in_flight: FuturesUnordered<BoxFuture<'static, (Event, bool)>>,
    /// Not safe: to be published again at a time.
    again: Vec<(Instant, Event)>,
    courier: Courier,
    /// Safe: the rows may go.
    done: Vec<Uuid>,
    settle_at: Option<Instant>,
    /// The carrier does not take events before this.
    pause_until: Option<Instant>,
    look_at: Instant,
    /// The table is to be looked at once the line is empty.
    look: bool,
    prolong_at: Instant,
}

impl Relay {
    fn new(ledger: Arc<Ledger>) -> Self {
        let source = if ledger.db.dialect().is_shared() {
            Source::Abandoned
        } else {
            Source::Everything { after: 0 }
        };
        let now = Instant::now();
        Self {
            courier: Courier::new(Arc::clone(&ledger)),
            ledger,
            source,
            backlog: VecDeque::new(),
            in_flight: FuturesUnordered::new(),
            again: Vec::new(),
            done: Vec::new(),
            settle_at: None,
            pause_until: None,
            look_at: now,
            look: false,
            prolong_at: now,
        }
    }

    async fn work(&mut self) -> Infallible {
        loop {
            let wake_at = self.wake_at();
            tokio::select! {
                biased;
                Some((event, safe)) = self.in_flight.next() => {
                    self.note(event, safe);
                    self.note_confirmations();
                }
                Some(ended) = self.courier.next() => self.note_webhook(ended),
                () = sleep_until(wake_at) => self.on_time().await,
                () = self.ledger.outgoing.written.notified() => {
                    sleep(self.ledger.config.outbox_gather()).await;
                    self.move_on().await;
                }
            }
        }
    }

    /// When there is something to do, whatever happens.
    fn wake_at(&self) -> Instant {
        let again = self.again.iter().map(|(at, _)| *at).min();
        [self.settle_at, self.pause_until, again]
            .into_iter()
            .flatten()
            .fold(self.look_at, Instant::min)
    }

    async fn on_time(&mut self) {
        let now = Instant::now();
        if self.settle_at.is_some_and(|at| at <= now) {
            self.settle().await;
        }
        if self.prolong_at <= now {
            self.prolong_at = now + self.ledger.config.outbox_lease() / 2;
            prolong(&self.ledger).await;
        }
        if self.look_at <= now {
            self.look_at = now + self.ledger.config.idle_poll();
            self.look = true;
        }
        self.pause_until = self.pause_until.filter(|at| *at > now);
        let due = self.again.extract_if(.., |(at, _)| *at <= now);
        self.backlog.extend(due.map(|(_, event)| event));
        self.move_on().await;
    }

    /// Publishes what there is, as far as the carrier takes it.
    async fn move_on(&mut self) {
        loop {
            self.publish().await;
            if self.pause_until.is_some() || !self.backlog.is_empty() {
                return;
            }
            match self.fetch().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(service = self.ledger.service().name(), %error, "events wait: the outbox cannot be read");
                    self.ledger.metrics.retried.inc();
                    if !self.ledger.parking.set_aside_broken(&error).await {
                        return;
                    }
                }
            }
        }
    }

    /// Gets the next events; false when there are none for now.
    async fn fetch(&mut self) -> Result<bool, Error> {
        let (config, outgoing) = (&self.ledger.config, &self.ledger.outgoing);
        if self.source == Source::Line {
            self.backlog
                .extend(outgoing.take_ready().into_iter().map(Event::from));
            let looks = self.backlog.is_empty() && self.look && !outgoing.is_spilling();
            if looks || outgoing.begin_catching_up() {
                self.source = Source::Abandoned;
                self.look = false;
            }
            let some = !self.backlog.is_empty() || self.source != Source::Line;
            self.ledger
                .metrics
                .outbox_depth
                .set(i64::try_from(outgoing.in_hand()).unwrap_or(i64::MAX));
            return Ok(some);
        }
        if outgoing.in_hand() >= config.outbox_in_hand.max(1) && !self.in_flight.is_empty() {
            return Ok(false);
        }
        // Asked first: what is written from here on need not be in this page.
        let caught_up = outgoing.caught_up();
        let found = match self.source {
            Source::Everything { after } => self.read_everything(after).await?,
            Source::Line | Source::Abandoned => take_abandoned(&self.ledger).await?,
        };
        if found.is_empty() && self.source == Source::Abandoned {
            if !caught_up {
                return Ok(false);
            }
            self.source = Source::Line;
        }
        self.backlog.extend(found.into_iter().map(Event::from));
        Ok(true)
    }

    /// Reads on up to the first event of this process: that one, and what is
    /// behind it, comes through the line.
    async fn read_everything(&mut self, after: i64) -> Result<Vec<outbox::Entry>, Error> {
        let (ledger, limit) = (&self.ledger, self.ledger.config.outbox_batch);
        let mut page = outbox::pending(ledger.db(), ledger.service(), after, limit).await?;
        let ours = ledger.outgoing.first_in_hand(&page);
        page.truncate(ours.unwrap_or(page.len()));
        self.source = match page.last() {
            Some(last) if ours.is_none() => Source::Everything { after: last.seq },
            Some(_) | None => Source::Line,
        };
        Ok(ledger.outgoing.take_in_hand(page))
    }

    /// Hands the backlog to the carrier, in order.
    async fn publish(&mut self) {
        while self.pause_until.is_none()
            && let Some(event) = self.backlog.front()
        {
            if event.exchange.is_empty() {
                if let Some(event) = self.backlog.pop_front() {
                    self.safe(event);
                }
                continue;
            }
            let (bus, begun) = (self.ledger.rpc.bus(), Instant::now());
            let published = bus.publish(&event.exchange, Some(event.id), event.body.clone());
            match published.await {
                Ok(confirmation) => {
                    if let Some(event) = self.backlog.pop_front() {
                        self.ledger.count(&event.body, begun.elapsed());
                        self.await_confirmation(event, confirmation);
                    }
                }
                Err(error) => self.not_taken(&error).await,
            }
        }
    }

    /// The carrier has refused the first event of the backlog. One that it will never
    /// take makes way for those behind it.
    async fn not_taken(&mut self, error: &BusError) {
        if error.is_permanent() {
            let Some(event) = self.backlog.front() else {
                return;
            };
            match set_aside(&self.ledger, event, error).await {
                Ok(()) => {
                    if let Some(event) = self.backlog.pop_front() {
                        self.safe(event);
                    }
                    return;
                }
                Err(error) => {
                    tracing::warn!(service = self.ledger.service().name(), %error, "events wait: the first cannot be sent, and not be parked yet");
                }
            }
        } else {
            tracing::warn!(service = self.ledger.service().name(), %error, "events wait: the carrier does not take them");
        }
        self.ledger.metrics.retried.inc();
        self.pause_until = Some(Instant::now() + self.ledger.config.retry_min());
    }

    fn await_confirmation(&mut self, event: Event, mut confirmation: Confirmation) {
        if let Some(outcome) = (&mut confirmation).now_or_never() {
            self.note(event, outcome.is_ok());
            return;
        }
        let patience = self.ledger.config.outbox_patience();
        let waiting = async move {
            let outcome = timeout(patience, confirmation).await;
            (event, matches!(outcome, Ok(Ok(()))))
        };
        self.in_flight.push(Box::pin(waiting));
    }

    fn note_confirmations(&mut self) {
        while let Some(Some((event, safe))) = self.in_flight.next().now_or_never() {
            self.note(event, safe);
        }
    }

    fn note(&mut self, mut event: Event, safe: bool) {
        if safe {
            self.safe(event);
            return;
        }
        tracing::warn!(id = %event.id, "an event was not confirmed and will be published again");
        self.ledger.metrics.retried.inc();
        let pause = self.ledger.config.retry_delay(event.attempts);
        event.attempts += 1;
        self.again.push((Instant::now() + pause, event));
    }

    /// The event is safe; its webhook, if it has one, is not.
    fn safe(&mut self, event: Event) {
        if event.webhook.is_some() {
            // It may be put off and wait in the table.
            self.courier.take(event);
        } else {
            self.done.push(event.id);
        }
        self.settle_soon();
    }

    fn note_webhook(&mut self, ended: courier::Ended) {
        match ended {
            courier::Ended::Taken(id) => self.done.push(id),
            courier::Ended::Refused(event) => self.courier.postpone(event),
            // Its lease runs out.
            courier::Ended::Lost(id) => self.ledger.outgoing.let_go(&[id]),
        }
        self.settle_soon();
    }

    fn settle_soon(&mut self) {
        let at = Instant::now() + self.ledger.config.settle();
        self.settle_at.get_or_insert(at);
    }

    /// Deletes the rows of what is done and writes down what is postponed.
    async fn settle(&mut self) {
        self.settle_at = None;
        match self.settled().await {
            Ok(()) => {
                self.ledger.outgoing.let_go(&self.done);
                self.done.clear();
            }
            Err(error) => {
                tracing::warn!(service = self.ledger.service().name(), %error, "published events cannot be deleted yet");
                self.settle_at = Some(Instant::now() + self.ledger.config.retry_min());
            }
        }
    }

    async fn settled(&mut self) -> Result<(), Error> {
        let mut batch = outbox::delete(&self.done);
        if self.courier.has_postponed() {
            let now = self.ledger.now().await?;
            let (hopeless, later) = self.courier.postponed(now);
            batch.extend(outbox::delete(&hopeless).statements);
            batch.extend(later);
        }
        if !batch.is_empty() {
            self.ledger.db.apply(batch).await?;
        }
        let written_down = self.courier.forget_postponed();
        self.ledger.outgoing.let_go(&written_down);
        Ok(())
    }
}

/// Parks an event. Its webhook, if it has one, stays in the table, and in hand.
async fn set_aside(ledger: &Ledger, event: &Event, why: &BusError) -> Result<(), Error> {
    let gone = if event.webhook.is_some() {
        let until = ledger.now().await?.plus(ledger.config.outbox_lease());
        let published = outbox::published_without_webhook(event.id, until);
        Batch::new().with(published)
    } else {
        outbox::delete(&[event.id])
    };
    let unsent = Unsent {
        id: event.id,
        exchange: &event.exchange,
        kind: kind_of(&event.body).unwrap_or_default(),
        body: &event.body,
        attempts: event.attempts,
        gone,
    };
    ledger.parking.park_unsent(unsent, &why.to_string()).await
}

/// Another copy may be faster: then it has them.
async fn take_abandoned(ledger: &Ledger) -> Result<Vec<outbox::Entry>, Error> {
    let now = ledger.now().await?;
    let latest = now.plus(ledger.config.longest_lease() * 2);
    let limit = ledger.config.outbox_batch;
    let page = outbox::abandoned(ledger.db(), ledger.service(), now, latest, limit).await?;
    let found = ledger.outgoing.take_in_hand(page);
    if found.is_empty() {
        return Ok(found);
    }
    let until = now.plus(ledger.config.outbox_lease());
    let taken = ledger.db.apply(outbox::take(&found, until)).await;
    if let Err(error) = taken {
        let ids: Vec<Uuid> = found.iter().map(|entry| entry.id).collect();
        ledger.outgoing.let_go(&ids);
        return if error.is_conflict() {
            Ok(Vec::new())
        } else {
            Err(error)
        };
    }
    tracing::debug!(
        service = ledger.service().name(),
        events = found.len(),
        "events that nobody had in hand are published"
    );
    Ok(found)
}

/// Other copies leave what is still in hand to this one.
async fn prolong(ledger: &Ledger) {
    let ids = ledger.outgoing.long_in_hand();
    if ids.is_empty() {
        return;
    }
    let prolonged = async {
        let until = ledger.now().await?.plus(ledger.config.outbox_lease());
        ledger.db.apply(outbox::keep(&ids, until)).await
    };
    if let Err(error) = prolonged.await {
        tracing::debug!(%error, "leases of events run out: another copy may publish them too");
    }
}

impl Ledger {
    /// An event that the carrier has taken, within this time.
    fn count(&self, body: &[u8], took: Duration) {
        let Some(kind) = kind_of(body) else {
            return;
        };
        let labels = EventLabels { r#type: kind };
        let metrics = self.rpc.metrics();
        metrics.notify_total.get_or_create(&labels).inc();
        let times = metrics.notify_process_time.get_or_create(&labels);
        times.observe(millis(took));
    }
}

/// An event's type. [`trunkline_bus::Event`] begins with it and needs no
/// escaping; anything else is looked at as JSON.
fn kind_of(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Kind {
        r#type: String,
    }
    let begun = body.strip_prefix(br#"{"type":""#).and_then(|rest| {
        let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        (rest[end] == b'"').then(|| String::from_utf8_lossy(&rest[..end]).into_owned())
    });
    begun.or_else(|| Some(serde_json::from_slice::<Kind>(body).ok()?.r#type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_of_an_event_is_found_wherever_it_stands() {
        for (body, kind) in [
            (
                r#"{"type":"call_hangup","data":{"type":"x"}}"#,
                "call_hangup",
            ),
            (r#"{"publisher":"x","type":"a"}"#, "a"),
            (r#"{"type":"a\"b"}"#, "a\"b"),
        ] {
            assert_eq!(kind_of(body.as_bytes()).as_deref(), Some(kind));
        }
        assert_eq!(kind_of(b"garbage"), None);
    }
}
