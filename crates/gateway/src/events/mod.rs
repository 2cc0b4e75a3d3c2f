//! `GET /v1/events`: what happens to the customer's resources, as server-sent
//! events.
//!
//! ```text
//! bus ─ accept: bytes into the ring ─┬─ reader of Ann: hers, in their order
//!                                    └─ reader of Bob: …
//! ```
//!
//! Events are kept as they came, in a ring that is bounded by number and bytes.
//! They are read when the first reader comes to them, once. A reader has a place
//! in the ring and no queue of its own: one that is too slow is sent away and
//! can go on from its place, as long as the ring has it.

mod ring;
mod shown;
mod stream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, EventHandler, Message, QueueSpec, Subscription, Work};
use trunkline_model::service::Service;
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::config::Config;
use crate::dispatch::Matched;
use crate::limits::busy;
use crate::resources::{Filter, FilterKind};
use ring::Ring;
use stream::{Reader, Types};

/// Whose events there are.
const SERVICES: [Service; 9] = [
    Service::AGENT,
    Service::BILLING,
    Service::CALL,
    Service::CAMPAIGN,
    Service::CUSTOMER,
    Service::FLOW,
    Service::NUMBER,
    Service::OUTDIAL,
    Service::ROUTE,
];

/// Parameters of the route.
pub(crate) const QUERY: &[Filter] = &[Filter {
    name: "types",
    kind: FilterKind::Text,
}];

/// What the gateway hears, and who listens to it.
pub(crate) struct Events {
    ring: Mutex<Ring>,
    /// The id of the newest event.
    newest: watch::Sender<u64>,
    /// Whether events come in.
    listening: watch::Sender<bool>,
    /// This life of the process: the first half of every id.
    life: String,
    readers: Mutex<HashMap<Uuid, usize>>,
    stop: CancellationToken,
}

impl Events {
    pub(crate) fn new(config: &Config, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            ring: Mutex::new(Ring::new(config.events_kept, config.events_kept_bytes)),
            newest: watch::Sender::new(0),
            listening: watch::Sender::new(false),
            life: Uuid::new_v4().simple().to_string()[..12].to_owned(),
            readers: Mutex::default(),
            stop,
        })
    }

    /// Takes events in until it is told to stop.
    pub(crate) async fn listen(self: Arc<Self>, bus: Arc<dyn Bus>) {
        // A queue of this process: every gateway hears everything.
        let name = format!("{}.{}", Service::GATEWAY.subscribe_queue(), self.life);
        let mut queue = QueueSpec::new(name, 1)
            .volatile()
            .tagged(Service::GATEWAY.name());
        queue.capacity = 8_192;
        let exchanges = SERVICES.map(Service::event_exchange);
        let subscription = Subscription::new(queue, exchanges);
        let handler = Arc::new(Intake(Arc::clone(&self)));
        match bus.subscribe(subscription, handler).await {
            Ok(consumer) => {
                self.listening.send_replace(true);
                self.stop.cancelled().await;
                consumer.stop().await;
            }
            Err(error) => {
                tracing::error!(%error, "events cannot be heard: /v1/events stays silent");
            }
        }
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, usize>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more reader.
    fn enter(self: &Arc<Self>, token: Uuid, config: &Config) -> Result<Place, ApiError> {
        let mut readers = self.readers();
        let own = readers.get(&token).copied().unwrap_or_default();
        let all: usize = readers.values().sum();
        let full = if own >= config.events_per_token {
            format!("this token has {own} readers of events already; close one")
        } else if all >= config.events_connections {
            format!("the server has {all} readers of events already; try again later")
        } else {
            *readers.entry(token).or_default() += 1;
            return Ok(Place {
                events: Arc::clone(self),
                token,
            });
        };
        Err(busy("TOO_MANY_EVENT_STREAMS", full, 10))
    }
}

/// A reader's place; given back when its connection ends.
pub(crate) struct Place {
    events: Arc<Events>,
    token: Uuid,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut readers = self.events.readers();
        if let Some(count) = readers.get_mut(&self.token) {
            *count -= 1;
            if *count == 0 {
                readers.remove(&self.token);
            }
        }
    }
}

/// Puts what comes into the ring.
struct Intake(Arc<Events>);

impl EventHandler for Intake {
    fn accept(&self, message: Message) -> Work {
        let id = self.0.ring().push(message.body);
        self.0.newest.send_replace(id);
        Work::nothing()
    }
}

/// The route.
pub(crate) fn run(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(async move {
        let types = Types::of_query(&matched.uri)?;
        let config = &matched.gateway.config;
        let events = &matched.gateway.events;
        let place = events.enter(matched.caller.1, config)?;
        let mut listening = events.listening.subscribe();
        let ready = listening.wait_for(|listening| *listening);
        // Only a gateway that is ending never listens.
        let _ = events.stop.run_until_cancelled(ready).await;
        let last = matched.headers.get("last-event-id");
        let last = last.map(|id| id.to_str().unwrap_or_default());
        let reader = Reader::new(place, matched.caller.0, types, last, config);
        let mut response = Body::from_stream(reader.frames()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        );
        // Its end is the end of the connection: whoever was sent away knows it.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    })
}
