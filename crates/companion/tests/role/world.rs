//! One bus, one store, the roles that a test starts, and somebody who asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{
    Bus, Consumer, Event, EventHandler, InProcess, Message, Method, QueueSpec, Response, Rpc,
    Subscription, Work,
};
use trunkline_companion::{Config, Deps, Metrics, Running};
use trunkline_model::Timestamp;
use trunkline_model::service::Service;
use trunkline_store_sqlite::SqliteDatabase;

/// Longest wait for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct World {
    pub(crate) bus: Arc<InProcess>,
    pub(crate) db: Arc<SqliteDatabase>,
    pub(crate) rpc: Rpc,
    pub(crate) stop: CancellationToken,
    clock: Arc<AtomicI64>,
    running: Vec<Running>,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(1_767_323_045_000_000));
        let ticking = Arc::clone(&clock);
        let tick = move || Timestamp::from_micros(ticking.fetch_add(10, Ordering::SeqCst));
        let bus = Arc::new(InProcess::new());
        Self {
            db: Arc::new(SqliteDatabase::in_memory(tick).unwrap()),
            rpc: Rpc::new(bus.clone(), Service::CALL, ServiceMetrics::default()),
            bus,
            stop: CancellationToken::new(),
            clock,
            running: Vec::new(),
        }
    }

    pub(crate) fn deps(&self) -> Deps {
        Deps {
            bus: self.bus.clone(),
            db: self.db.clone(),
            metrics: Metrics::default(),
        }
    }

    pub(crate) async fn start<Fut>(
        &mut self,
        start: impl FnOnce(Deps, Config, CancellationToken) -> Fut,
    ) where
        Fut: Future<Output = Result<Running, trunkline_companion::Error>>,
    {
        let running = start(self.deps(), Config::default(), self.stop.clone())
            .await
            .unwrap();
        self.running.push(running);
    }

    /// Starts a role on a store of its own, as where it is a process of its own.
    pub(crate) async fn start_apart<Fut>(
        &mut self,
        start: impl FnOnce(Deps, Config, CancellationToken) -> Fut,
    ) -> Arc<SqliteDatabase>
    where
        Fut: Future<Output = Result<Running, trunkline_companion::Error>>,
    {
        let clock = Arc::clone(&self.clock);
        let tick = move || Timestamp::from_micros(clock.fetch_add(10, Ordering::SeqCst));
        let db = Arc::new(SqliteDatabase::in_memory(tick).unwrap());
        let deps = Deps {
            db: db.clone(),
            ..self.deps()
        };
        let running = start(deps, Config::default(), self.stop.clone()).await;
        self.running.push(running.unwrap());
        db
    }

    pub(crate) fn also(&mut self, running: Running) {
        self.running.push(running);
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        for running in self.running {
            running.stopped().await;
        }
    }

    /// Ends what runs; the rows stay.
    pub(crate) async fn restart(&mut self) {
        self.stop.cancel();
        for running in self.running.drain(..) {
            running.stopped().await;
        }
        self.stop = CancellationToken::new();
    }

    /// Lets time pass.
    pub(crate) fn later(&self, by: Duration) -> Timestamp {
        let micros = i64::try_from(by.as_micros()).unwrap();
        self.clock.fetch_add(micros, Ordering::SeqCst);
        self.now()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.fetch_add(10, Ordering::SeqCst))
    }

    pub(crate) async fn ask(
        &self,
        service: Service,
        method: Method,
        uri: &str,
        body: Value,
    ) -> Response {
        let mut request = self.rpc.request(method, uri);
        if !body.is_null() {
            request = request.json(&body);
        }
        self.rpc
            .send(&service.request_queue(), &request, "test", DEFAULT_TIMEOUT)
            .await
            .unwrap()
    }

    pub(crate) async fn json(
        &self,
        service: Service,
        method: Method,
        uri: &str,
        body: Value,
    ) -> Value {
        let response = self.ask(service, method, uri, body).await;
        assert_eq!(response.status_code, 200, "{uri}: {response:?}");
        serde_json::from_str(response.data.unwrap().get()).unwrap()
    }

    /// Status and reason of a refusal.
    pub(crate) async fn refusal(
        &self,
        service: Service,
        method: Method,
        uri: &str,
        body: Value,
    ) -> (u16, String) {
        let response = self.ask(service, method, uri, body).await;
        let data = response.data.as_ref().map_or("null", |data| data.get());
        let reason = serde_json::from_str::<Value>(data).unwrap()["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (response.status_code, reason)
    }

    /// Type and payload of a service's events from here on.
    pub(crate) async fn events(&self, service: Service) -> Events {
        let (sender, receiver) = mpsc::unbounded_channel();
        let name = format!("test.{}", service.name());
        let subscription = Subscription::new(QueueSpec::new(name, 1), [service.event_exchange()]);
        let consumer = self
            .bus
            .subscribe(subscription, Arc::new(Collect(sender)))
            .await
            .unwrap();
        Events {
            receiver,
            _consumer: consumer,
        }
    }
}

pub(crate) struct Events {
    receiver: mpsc::UnboundedReceiver<(String, Value)>,
    _consumer: Consumer,
}

impl Events {
    pub(crate) async fn next(&mut self) -> (String, Value) {
        tokio::time::timeout(PATIENCE, self.receiver.recv())
            .await
            .expect("an event in time")
            .unwrap()
    }
}

struct Collect(mpsc::UnboundedSender<(String, Value)>);

impl EventHandler for Collect {
    fn accept(&self, message: Message) -> Work {
        let event: Event = serde_json::from_slice(&message.body).unwrap();
        let payload = serde_json::from_str(event.payload()).unwrap();
        // The test may have ended before the last event.
        let _ = self.0.send((event.kind, payload));
        Work::nothing()
    }
}
