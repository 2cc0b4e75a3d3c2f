//! A proxy whose Asterisk is away serves the permanent queue no more, answers what
//! nobody else would, and comes back to it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod listen;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use trunkline_asterisk_proxy::transport::{Answer, Ask, EventSocket, HttpError, Transport};
use trunkline_asterisk_proxy::{Config, LinkError, Metrics, Running, start_over};
use trunkline_bus::{Bus, Consumer, Error, InProcess, Request};

use crate::listen::listen;

const CALL: &str = "asterisk.call.request";
const OWN: &str = "asterisk.x.request";
/// As long as call-manager waits.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    /// Nobody there: the websocket breaks, connections are refused.
    Gone,
    /// The websocket stays, no request is answered.
    Mute,
}

/// An Asterisk that is in the state that a test wants.
struct Moody(watch::Sender<State>);

struct Quiet(watch::Receiver<State>);

#[async_trait]
impl Transport for Moody {
    async fn request(&self, ask: Ask<'_>) -> Result<Answer, HttpError> {
        let state = *self.0.borrow();
        match state {
            State::Up if ask.uri.starts_with("/ari/slow") => pending().await,
            State::Up => Ok(Answer {
                status: 200,
                body: Bytes::from_static(br#"{"system":{"version":"22","entity_id":"x"}}"#),
            }),
            State::Gone => Err(HttpError::Connect("connection refused".to_owned())),
            State::Mute => pending().await,
        }
    }

    async fn connect(&self) -> Result<Box<dyn EventSocket>, LinkError> {
        Ok(Box::new(Quiet(self.0.subscribe())))
    }
}

#[async_trait]
impl EventSocket for Quiet {
    async fn next(&mut self) -> Result<Bytes, LinkError> {
        let _ = self.0.wait_for(|state| *state == State::Gone).await;
        Err(LinkError::Lost {
            url: "http://moody".to_owned(),
            cause: "it is gone".to_owned(),
        })
    }

    async fn close(self: Box<Self>) {}
}

struct World {
    bus: Arc<dyn Bus>,
    asterisk: Arc<Moody>,
    running: Running,
    events: mpsc::UnboundedReceiver<Value>,
    metrics: Metrics,
    shutdown: CancellationToken,
    _consumer: Consumer,
}

impl World {
    async fn start(state: State) -> Self {
        let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
        let (consumer, events) = listen(&bus).await;
        let asterisk = Arc::new(Moody(watch::Sender::new(state)));
        let config = Config {
            url: "http://moody".to_owned(),
            ..Config::default()
        };
        let (metrics, shutdown) = (Metrics::default(), CancellationToken::new());
        let way: Arc<dyn Transport> = Arc::clone(&asterisk) as _;
        let ways = vec![(config, way)];
        let running = start_over(ways, Arc::clone(&bus), metrics.clone(), shutdown.clone())
            .await
            .unwrap();
        Self {
            bus,
            asterisk,
            running,
            events,
            metrics,
            shutdown,
            _consumer: consumer,
        }
    }

    async fn ask(&self, queue: &str, uri: &str) -> Result<Value, Error> {
        let request = Request {
            method: "GET".to_owned(),
            uri: uri.to_owned(),
            ..Request::default()
        };
        let answer = self.bus.request(queue, request.encode(), PATIENCE).await?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    async fn is_connected(&self, connected: bool) {
        let mut status = self.running.watch().remove(0);
        status
            .wait_for(|status| status.connected == connected)
            .await
            .unwrap();
    }

    async fn hears(&mut self, event: &str) {
        assert_eq!(self.events.recv().await.unwrap()["type"], event);
    }

    /// Waits until the permanent queue is, or not.
    async fn is_served(&self, served: bool) {
        let line = format!(
            r#"queue_served{{queue="asterisk.call.request"}} {}"#,
            u8::from(served)
        );
        while !self.metrics().contains(&line) {
            tokio::task::yield_now().await;
        }
    }

    fn metrics(&self) -> String {
        let mut registry = prometheus_client::registry::Registry::default();
        self.metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.running.stopped().await;
    }
}

#[tokio::test(start_paused = true)]
async fn requests_to_a_permanent_queue_are_refused_at_once_while_asterisk_is_away() {
    let mut world = World::start(State::Up).await;
    world.hears("asterisk_connected").await;
    assert_eq!(world.ask(CALL, "/ari/x").await.unwrap()["status_code"], 200);
    world.is_served(true).await;

    world.asterisk.0.send_replace(State::Gone);
    world.hears("asterisk_disconnected").await;
    world.is_connected(false).await;
    let before = tokio::time::Instant::now();
    for queue in [CALL, OWN] {
        let refused = world.ask(queue, "/ari/x").await.unwrap();
        assert_eq!(refused["data"]["reason"], "ASTERISK_UNAVAILABLE");
    }
    assert!(before.elapsed().is_zero(), "nobody waits for nothing");
    world.is_served(false).await;

    world.asterisk.0.send_replace(State::Up);
    world.hears("asterisk_connected").await;
    assert_eq!(world.ask(CALL, "/ari/x").await.unwrap()["status_code"], 200);
    world.is_served(true).await;
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn permanent_queue_is_there_before_asterisk_is() {
    let world = World::start(State::Gone).await;
    tokio::task::yield_now().await;
    let refused = world.ask(CALL, "/ari/x").await.unwrap();
    assert_eq!(refused["data"]["reason"], "ASTERISK_UNAVAILABLE");
    let own = world.ask(OWN, "/ari/x").await;
    assert!(matches!(own, Err(Error::NoQueue(_))), "nobody knows its id");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn asterisk_that_sends_events_and_answers_nothing_is_away() {
    let mut world = World::start(State::Up).await;
    world.hears("asterisk_connected").await;
    world.asterisk.0.send_replace(State::Mute);
    let unanswered = world.ask(OWN, "/ari/channels").await;
    assert!(matches!(unanswered, Err(Error::Timeout { .. })));
    world.hears("asterisk_disconnected").await;
    let status = world.running.statuses().remove(0);
    assert!(!status.connected && status.last_error.is_some());

    // Both queues answer at once, and say why.
    let before = tokio::time::Instant::now();
    for queue in [CALL, OWN] {
        let refused = world.ask(queue, "/ari/channels").await.unwrap();
        assert_eq!(refused["data"]["reason"], "ASTERISK_UNAVAILABLE");
    }
    assert!(before.elapsed().is_zero(), "without asking once more");

    world.asterisk.0.send_replace(State::Up);
    world.hears("asterisk_connected").await;
    assert_eq!(world.ask(CALL, "/ari/x").await.unwrap()["status_code"], 200);
    assert_eq!(world.ask(OWN, "/ari/x").await.unwrap()["status_code"], 200);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn slow_request_alone_makes_nobody_leave() {
    let mut world = World::start(State::Up).await;
    world.hears("asterisk_connected").await;
    let slow = world.ask(OWN, "/ari/slow").await;
    assert!(matches!(slow, Err(Error::Timeout { .. })));
    // Longer than the request lasts, and the question after it.
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(world.running.statuses()[0].connected);
    assert_eq!(world.ask(CALL, "/ari/x").await.unwrap()["status_code"], 200);
    assert!(world.events.try_recv().is_err(), "nothing was said");
    world.stop().await;
}
