//! The connection to one Asterisk: connects for ever, forwards events in order,
//! and says when it is connected and when not.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use trunkline_ari::event::{self, Connection, Kind};
use trunkline_bus::envelope::{Event, JSON};
use trunkline_model::Timestamp;
use trunkline_model::id::AsteriskId;
use trunkline_model::random;
use trunkline_model::service::Service;
use uuid::Uuid;

use crate::asterisk::Asterisk;
use crate::backoff::Backoff;
use crate::envelope::Envelope;
use crate::group::Group;
use crate::link_error::LinkError;
use crate::metrics::Tally;
use crate::transport::{Ask, EventSocket, HttpError, Method};

/// Time between two warnings about an Asterisk that stays away.
const REMINDER: Duration = Duration::from_secs(30);
/// Pause before an event is offered to the bus again.
const BUS_PAUSE: Duration = Duration::from_millis(500);
/// Longest wait for the answer that tells whether Asterisk answers at all: as long
/// as those who ask it through the bus wait.
const PROBE: Duration = Duration::from_secs(3);
/// What tells that.
const INFO: &str = "/ari/asterisk/info?only=system";
/// Longest time for the last word of a link.
const LAST_WORD: Duration = Duration::from_secs(1);

pub(crate) struct Link {
    asterisk: Arc<Asterisk>,
    group: Arc<Group>,
    /// Cancelled when the websocket is to be closed.
    closing: CancellationToken,
    exchange: String,
    envelope: Envelope,
    forwarding: Tally,
    backoff: Backoff,
    complaint: Option<(Instant, LinkError)>,
}

/// What Asterisk says about itself.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Info {
    system: System,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct System {
    version: String,
    entity_id: AsteriskId,
}

/// Why forwarding ended.
enum End {
    Closing,
    Lost(LinkError),
}

impl Link {
    pub(crate) fn new(
        asterisk: Arc<Asterisk>,
        group: Arc<Group>,
        closing: CancellationToken,
    ) -> Self {
        let config = &asterisk.config;
        let backoff = Backoff::new(
            config.url.clone(),
            config.reconnect_min_ms,
            config.reconnect_max_ms,
        );
        let exchange = Service::ASTERISK_PROXY.event_exchange();
        let forwarding = Tally::of(&asterisk.metrics, event::BUS_TYPE);
        Self {
            envelope: Envelope::new(),
            forwarding,
            asterisk,
            group,
            closing,
            exchange,
            backoff,
            complaint: None,
        }
    }

    /// Runs until `closing`.
    pub(crate) async fn run(mut self) {
        let closing = self.closing.clone();
        loop {
            let connected = tokio::select! {
                biased;
                () = closing.cancelled() => return,
                outcome = self.connect() => outcome,
            };
            let error = match connected {
                Err(error) => error,
                Ok((socket, system)) => match self.serve(socket, system).await {
                    End::Closing => return,
                    End::Lost(error) => error,
                },
            };
            self.complain(&error);
            self.asterisk.set_away(Some(error.to_string()));
            let pause = self.pause(&error);
            tokio::select! {
                biased;
                () = closing.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// Two programs that take the application from each other at once would
    /// leave both without events.
    fn pause(&mut self, error: &LinkError) -> Duration {
        match error {
            LinkError::Replaced { .. } | LinkError::Same { .. } => self.backoff.longest(),
            LinkError::NoAnswer { .. }
            | LinkError::Account { .. }
            | LinkError::NoAri { .. }
            | LinkError::Lost { .. }
            | LinkError::Silent { .. }
            | LinkError::Queue { .. } => self.backoff.next(),
        }
    }

    /// Warns once about each kind of trouble, and then every 30 s.
    fn complain(&mut self, error: &LinkError) {
        let due = match &self.complaint {
            None => true,
            Some((at, last)) => at.elapsed() >= REMINDER || last != error,
        };
        if due {
            tracing::warn!(url = self.asterisk.url(), "{error}");
            self.complaint = Some((Instant::now(), error.clone()));
        }
    }

    /// Everything that must stand before the first event is forwarded.
    async fn connect(&self) -> Result<(Box<dyn EventSocket>, System), LinkError> {
        let Info { system } = self.info(self.asterisk.config.request_timeout()).await?;
        if system.entity_id.is_empty() {
            return Err(self.no_ari("no entity id"));
        }
        Arc::clone(&self.group)
            .serve_own(&system.entity_id, &self.asterisk)
            .await?;
        let socket = self.asterisk.transport.connect().await?;
        if self.asterisk.config.event_filter {
            self.set_filter().await?;
        }
        Ok((socket, system))
    }

    async fn info(&self, patience: Duration) -> Result<Info, LinkError> {
        let ask = Ask {
            method: Method::GET,
            uri: INFO,
            content_type: "",
            body: None,
        };
        let answer = self
            .asterisk
            .http
            .ask_within(ask, patience)
            .await
            .map_err(|error| self.no_answer(&error))?;
        if answer.status != 200 {
            return Err(LinkError::of_status(self.asterisk.url(), answer.status));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| self.no_ari("an answer that cannot be read"))
    }

    /// Asterisk forgets the filter with the last websocket of an application that
    /// holds no channels. Without it everything works too, only dearer.
    async fn set_filter(&self) -> Result<(), LinkError> {
        let allowed: Vec<_> = event::USED
            .iter()
            .map(|kind| json!({"type": kind}))
            .collect();
        let body = json!({"allowed": allowed}).to_string();
        let application: String =
            url::form_urlencoded::byte_serialize(self.asterisk.config.application.as_bytes())
                .collect();
        let uri = format!(
            "/ari/applications/{}/eventFilter",
            application.replace('+', "%20")
        );
        let ask = Ask {
            method: Method::PUT,
            uri: &uri,
            content_type: JSON,
            body: Some(&body),
        };
        let answer = self
            .asterisk
            .http
            .ask_now(ask)
            .await
            .map_err(|error| self.no_answer(&error))?;
        match answer.status {
            200..300 => Ok(()),
            401 | 403 => Err(LinkError::of_status(self.asterisk.url(), answer.status)),
            status => {
                tracing::warn!(
                    url = self.asterisk.url(),
                    status,
                    "Asterisk takes no event filter"
                );
                Ok(())
            }
        }
    }

    fn no_answer(&self, error: &HttpError) -> LinkError {
        LinkError::NoAnswer {
            url: self.asterisk.url().to_owned(),
            cause: error.to_string(),
        }
    }

    fn no_ari(&self, what: &str) -> LinkError {
        LinkError::NoAri {
            url: self.asterisk.url().to_owned(),
            what: what.to_owned(),
        }
    }

    /// One connection, from its first event to its last.
    async fn serve(&mut self, mut socket: Box<dyn EventSocket>, system: System) -> End {
        let since = Instant::now();
        self.complaint = None;
        let end = match self.come(&system).await {
            Ok(()) => tokio::select! {
                biased;
                end = self.forward(&mut *socket) => end,
                end = self.watch_answers(&system) => end,
            },
            Err(end) => end,
        };
        if self.asterisk.is_connected() {
            self.asterisk.set_away(None);
            let (tally, body) = self.news(&system, Connection::disconnected);
            let said = timeout(LAST_WORD, self.publish(&tally, body, random::uuid())).await;
            if said.is_err() {
                tracing::warn!(
                    url = self.asterisk.url(),
                    "the bus does not take the news of the loss"
                );
            }
        }
        socket.close().await;
        if since.elapsed() >= self.backoff.longest() {
            self.backoff.reset();
        }
        end
    }

    /// It is connected from here on, and this is said before its first event.
    async fn come(&self, system: &System) -> Result<(), End> {
        let (id, version) = (system.entity_id.clone(), system.version.clone());
        tracing::info!(url = self.asterisk.url(), asterisk_id = %id, version, "Asterisk is connected");
        self.asterisk.set_connected(id, version);
        let (tally, body) = self.news(system, Connection::connected);
        self.publish_until_accepted(&tally, body).await
    }

    /// An Asterisk may send events and answer nothing. It counts as away then; its
    /// websocket stays, because without it Asterisk would drop what enters the
    /// application.
    async fn watch_answers(&self, system: &System) -> End {
        loop {
            self.asterisk.http.doubted().await;
            if let Err(error) = self.info(PROBE).await
                && let Err(end) = self.away_until_it_answers(system, &error).await
            {
                return end;
            }
        }
    }

    async fn away_until_it_answers(&self, system: &System, error: &LinkError) -> Result<(), End> {
        tracing::warn!(url = self.asterisk.url(), "{error}");
        self.asterisk.set_away(Some(error.to_string()));
        let (tally, body) = self.news(system, Connection::disconnected);
        self.publish_until_accepted(&tally, body).await?;
        let mut backoff = self.backoff.anew();
        while self.info(PROBE).await.is_err() {
            sleep(backoff.next()).await;
        }
        self.come(system).await
    }

    async fn forward(&self, socket: &mut dyn EventSocket) -> End {
        loop {
            let text = tokio::select! {
                biased;
                () = self.closing.cancelled() => return End::Closing,
                text = socket.next() => text,
            };
            let text = match text {
                Ok(text) => text,
                Err(error) => return End::Lost(error),
            };
            if let Err(end) = self.forward_one(&text).await {
                return end;
            }
        }
    }

    async fn forward_one(&self, text: &[u8]) -> Result<(), End> {
        let Ok(event) = serde_json::from_slice::<&RawValue>(text) else {
            self.asterisk
                .metrics
                .garbage
                .get_or_create(&self.asterisk.labels())
                .inc();
            tracing::warn!(
                url = self.asterisk.url(),
                bytes = text.len(),
                "a websocket message is no JSON"
            );
            return Ok(());
        };
        self.publish_until_accepted(&self.forwarding, self.envelope.around(event))
            .await?;
        if is_replaced(event.get()) {
            let url = self.asterisk.url().to_owned();
            let application = self.asterisk.config.application.clone();
            return Err(End::Lost(LinkError::Replaced { url, application }));
        }
        Ok(())
    }

    /// Offers the event until the bus has it: order is kept, and what cannot be
    /// handed over waits in Asterisk's socket rather than in our memory. What the bus
    /// will never take is lost, so that what comes after it is not.
    async fn publish_until_accepted(&self, tally: &Tally, body: Bytes) -> Result<(), End> {
        let id = random::uuid();
        loop {
            let accepted = tokio::select! {
                biased;
                accepted = self.publish(tally, body.clone(), id) => accepted,
                () = self.overdue() => return Err(End::Closing),
            };
            let Err(error) = accepted else { return Ok(()) };
            if let trunkline_bus::Error::TooLarge { .. } = error {
                let lost = &self.asterisk.metrics.too_large;
                lost.get_or_create(&self.asterisk.labels()).inc();
                tracing::error!(url = self.asterisk.url(), %error, "an event is lost: the bus does not take it");
                return Ok(());
            }
            tracing::warn!(url = self.asterisk.url(), %error, "the bus does not take an event");
            tokio::select! {
                biased;
                () = self.closing.cancelled() => return Err(End::Closing),
                () = sleep(BUS_PAUSE) => {}
            }
        }
    }

    /// Returns when the link should have ended a while ago.
    async fn overdue(&self) {
        self.closing.cancelled().await;
        sleep(LAST_WORD).await;
    }

    async fn publish(
        &self,
        tally: &Tally,
        body: Bytes,
        id: Uuid,
    ) -> Result<(), trunkline_bus::Error> {
        let started = Instant::now();
        let confirmation = self
            .group
            .bus
            .publish(&self.exchange, Some(id), body)
            .await?;
        // Accepted is enough: what is lost after that, the comparison of rows and
        // channels finds.
        drop(confirmation);
        tally.count(started.elapsed());
        Ok(())
    }

    /// What is said of a connection that has come or gone.
    fn news(
        &self,
        system: &System,
        what: fn(AsteriskId, &str, Timestamp) -> Connection,
    ) -> (Tally, Bytes) {
        let application = &self.asterisk.config.application;
        let now = self.asterisk.transport.now();
        let connection = what(system.entity_id.clone(), application, now);
        let kind = connection.bus_type();
        let event = Event::new(Service::ASTERISK_PROXY, kind, &connection);
        (Tally::of(&self.asterisk.metrics, kind), event.encode())
    }
}

/// Looks before it parses: this runs for every event.
fn is_replaced(text: &str) -> bool {
    text.contains("ApplicationReplaced")
        && event::Event::decode(text)
            .is_ok_and(|event| matches!(event.kind, Kind::ApplicationReplaced))
}
