//! A flow-manager on an in-process bus and a database in memory, with a clock
//! that the test moves and a call-manager that writes down what it is asked.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{
    Bus, Consumer, Event, EventHandler, InProcess, Message, Method, QueueSpec, Request,
    RequestHandler, Response, Rpc, Subscription, Work,
};
use trunkline_flow::{Config, Deps, Metrics, Running, start};
use trunkline_model::Timestamp;
use trunkline_model::activeflow::Activeflow;
use trunkline_model::id::{ActiveflowId, CustomerId};
use trunkline_model::service::Service;
use trunkline_store::{Batch, Database, Statement, Value as Column, activeflow, due, outbox};
use trunkline_store_sqlite::SqliteDatabase;
use uuid::Uuid;

pub(crate) struct World {
    pub(crate) customer: CustomerId,
    pub(crate) db: Arc<SqliteDatabase>,
    rpc: Rpc,
    clock: Arc<AtomicI64>,
    events: Arc<Mutex<Vec<Event>>>,
    calls: Arc<Mutex<Vec<Request>>>,
    webhooks: Arc<Mutex<Vec<Request>>>,
    running: Running,
    stop: CancellationToken,
    _others: Vec<Consumer>,
    _folder: Option<TempDir>,
}

struct Recorder(Arc<Mutex<Vec<Event>>>);

impl EventHandler for Recorder {
    fn accept(&self, message: Message) -> Work {
        let event = serde_json::from_slice(&message.body).expect("events can be read");
        self.0.lock().expect("no panic").push(event);
        Work::nothing()
    }
}

/// The calls whose id begins like this do not exist.
pub(crate) const NO_CALL: &str = "dead";

/// Answers every request with a call of that id.
struct CallManager(Arc<Mutex<Vec<Request>>>);

#[async_trait]
impl RequestHandler for CallManager {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        let request: Request = serde_json::from_slice(&body).expect("requests can be read");
        let id = request.uri.split('/').nth(3).unwrap_or_default().to_owned();
        self.0.lock().expect("no panic").push(request);
        if id.starts_with(NO_CALL) {
            return Some(Response::bare(404).encode());
        }
        Some(Response::json(&json!({"id": id, "status": "progressing"})).encode())
    }
}

/// Takes every request.
struct WebhookManager(Arc<Mutex<Vec<Request>>>);

#[async_trait]
impl RequestHandler for WebhookManager {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        let request: Request = serde_json::from_slice(&body).expect("requests can be read");
        if request.uri == "/v1/webhook_destinations" {
            self.0.lock().expect("no panic").push(request);
        }
        Some(Response::bare(200).encode())
    }
}

/// Where the servers of these tests stand.
const LOOPBACK: &[&str] = &["127.0.0.0/8"];

impl World {
    /// In memory, where nothing happens at the same time.
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let (clock, now) = clock();
        let db = SqliteDatabase::in_memory(now).expect("memory");
        Self::on(Arc::new(db), clock, config, LOOPBACK, None).await
    }

    /// With other networks than loopback that servers may stand in.
    pub(crate) async fn reaching(config: Config, allow: &[&str]) -> Self {
        let (clock, now) = clock();
        let db = SqliteDatabase::in_memory(now).expect("memory");
        Self::on(Arc::new(db), clock, config, allow, None).await
    }

    /// Another process on what this one has left.
    pub(crate) async fn again(self, config: Config) -> Self {
        let (db, clock, customer) = (self.db.clone(), self.clock.clone(), self.customer);
        self.stop.cancel();
        self.running.stopped().await;
        let next = Self::on(db, clock, config, LOOPBACK, None).await;
        Self { customer, ..next }
    }

    /// On disk, where requests overtake each other.
    pub(crate) async fn on_disk() -> Self {
        let (clock, now) = clock();
        let folder = tempfile::tempdir().expect("a folder");
        let settings = trunkline_store_sqlite::Config::default();
        let db = SqliteDatabase::open_with_clock(folder.path().join("flow.db"), settings, now);
        let db = Arc::new(db.expect("a file"));
        Self::on(db, clock, Config::default(), LOOPBACK, Some(folder)).await
    }

    async fn on(
        db: Arc<SqliteDatabase>,
        clock: Arc<AtomicI64>,
        config: Config,
        allow: &[&str],
        folder: Option<TempDir>,
    ) -> Self {
        let egress = trunkline_egress::Config {
            allow: allow.iter().map(|entry| (*entry).to_owned()).collect(),
            ..trunkline_egress::Config::default()
        };
        let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
        let (events, calls, webhooks) = (Arc::default(), Arc::default(), Arc::default());
        let others = vec![
            bus.subscribe(
                Subscription::new(
                    QueueSpec::new("recorder", 1),
                    [Service::FLOW.event_exchange()],
                ),
                Arc::new(Recorder(Arc::clone(&events))),
            )
            .await
            .expect("a queue"),
            bus.serve(
                QueueSpec::new(Service::CALL.request_queue(), 1),
                Arc::new(CallManager(Arc::clone(&calls))),
            )
            .await
            .expect("a queue"),
            bus.serve(
                QueueSpec::new(Service::WEBHOOK.request_queue(), 1),
                Arc::new(WebhookManager(Arc::clone(&webhooks))),
            )
            .await
            .expect("a queue"),
        ];
        let stop = CancellationToken::new();
        let deps = Deps {
            bus: Arc::clone(&bus),
            db: Arc::clone(&db) as _,
            metrics: Metrics::default(),
            egress: trunkline_egress::Client::new(&egress).expect("good entries"),
        };
        let running = start(deps, config, stop.clone())
            .await
            .expect("the role starts");
        Self {
            customer: CustomerId::random(),
            db,
            rpc: Rpc::new(bus, Service::CALL, ServiceMetrics::default()),
            clock,
            events,
            calls,
            webhooks,
            running,
            stop,
            _others: others,
            _folder: folder,
        }
    }

    pub(crate) fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("a short time");
        self.clock.fetch_add(micros, Ordering::SeqCst);
    }

    /// Sends a request; its status and payload.
    pub(crate) async fn ask(&self, method: Method, uri: &str, body: Value) -> (u16, Value) {
        let request = self.rpc.request(method, uri);
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        let queue = Service::FLOW.request_queue();
        let reply = self
            .rpc
            .send(&queue, &request, "test", DEFAULT_TIMEOUT)
            .await
            .expect("an answer");
        let data = reply.data.map_or(Value::Null, |data| {
            serde_json::from_str(data.get()).expect("payloads are JSON")
        });
        (reply.status_code, data)
    }

    /// Sends a request that must succeed.
    pub(crate) async fn done(&self, method: Method, uri: &str, body: Value) -> Value {
        let (status, data) = self.ask(method, uri, body).await;
        assert_eq!(status, 200, "{uri}: {data}");
        data
    }

    /// A persisted flow of our customer; its id.
    pub(crate) async fn flow(&self, actions: Value) -> String {
        let body = json!({"customer_id": self.customer, "type": "flow", "actions": actions, "persist": true});
        text(&self.done(Method::Post, "/v1/flows", body).await["id"])
    }

    /// An activeflow of a flow; its URI.
    pub(crate) async fn activeflow(&self, flow: &str, reference_type: &str) -> String {
        let body = json!({
            "customer_id": self.customer, "flow_id": flow,
            "reference_type": reference_type, "reference_id": Uuid::new_v4(),
        });
        let made = self.done(Method::Post, "/v1/activeflows", body).await;
        format!("/v1/activeflows/{}", text(&made["id"]))
    }

    pub(crate) async fn next(&self, activeflow: &str, current: &str) -> (u16, Value) {
        let body = json!({"current_action_id": current});
        self.ask(Method::Get, &format!("{activeflow}/next"), body)
            .await
    }

    /// The row behind an activeflow's URI.
    pub(crate) async fn row(&self, uri: &str) -> Activeflow {
        let id: ActiveflowId = uri
            .rsplit('/')
            .next()
            .and_then(|id| id.parse().ok())
            .expect("an id");
        activeflow::get(&*self.db, id)
            .await
            .expect("the store")
            .expect("a row")
    }

    /// The same row under another customer's name.
    pub(crate) async fn given_to_another_customer(&self, uri: &str) -> String {
        let row = self.row(uri).await;
        let sql = "UPDATE flow_activeflows SET customer_id = ? WHERE id = ?";
        let params = vec![Column::uuid(CustomerId::random()), Column::uuid(row.id)];
        let batch = Batch::new().with(Statement::one(sql, params));
        self.db.apply(batch).await.expect("the store");
        uri.to_owned()
    }

    /// Every activeflow of our customer, in any order.
    pub(crate) async fn activeflows(&self) -> Vec<Value> {
        let filter = json!({"customer_id": self.customer});
        self.advance(Duration::from_secs(1));
        let list = self
            .done(Method::Get, "/v1/activeflows?page_size=100", filter)
            .await;
        list.as_array().expect("a list").clone()
    }

    /// Waits until no event and no duty of flow-manager is left.
    pub(crate) async fn settled(&self) {
        for _ in 0..10_000 {
            let events = outbox::depth(&*self.db, Service::FLOW)
                .await
                .expect("the store");
            let duties = due::next_due(&*self.db, Service::FLOW)
                .await
                .expect("the store");
            if events == 0 && duties.is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("events or duties are left over");
    }

    /// Types of the events so far.
    pub(crate) async fn event_kinds(&self) -> Vec<String> {
        self.settled().await;
        self.events
            .lock()
            .expect("no panic")
            .iter()
            .map(|event| event.kind.clone())
            .collect()
    }

    /// What call-manager was asked so far.
    pub(crate) fn calls(&self) -> Vec<(String, String, String)> {
        let calls = self.calls.lock().expect("no panic");
        let body = |request: &Request| request.data.as_deref().map(|data| data.get().to_owned());
        calls
            .iter()
            .map(|request| {
                (
                    request.method.clone(),
                    request.uri.clone(),
                    body(request).unwrap_or_default(),
                )
            })
            .collect()
    }

    /// What webhook-manager was asked to send, once all is settled.
    pub(crate) async fn webhooks(&self) -> Vec<Value> {
        self.settled().await;
        let webhooks = self.webhooks.lock().expect("no panic");
        let data = |request: &Request| request.data.as_deref().map(|data| data.get().to_owned());
        webhooks
            .iter()
            .filter_map(data)
            .map(|data| serde_json::from_str(&data).expect("JSON"))
            .collect()
    }

    /// Publishes an event of customer-manager.
    pub(crate) async fn customer_event(&self, kind: &str) {
        let event = Event::new(
            Service::CUSTOMER,
            kind,
            &json!({"id": self.customer, "name": "x"}),
        );
        let exchange = Service::CUSTOMER.event_exchange();
        let confirmed = self
            .rpc
            .bus()
            .publish(&exchange, None, event.encode())
            .await
            .expect("published");
        confirmed.await.expect("handled");
    }

    /// Stops the role; nothing may be left over.
    pub(crate) async fn end(self) {
        self.settled().await;
        self.stop.cancel();
        self.running.stopped().await;
    }
}

/// The microseconds that a test moves, and the clock that they move.
fn clock() -> (
    Arc<AtomicI64>,
    impl Fn() -> Timestamp + Send + Sync + 'static,
) {
    let start_at: Timestamp = "2026-01-02T03:04:05Z".parse().expect("a time");
    let clock = Arc::new(AtomicI64::new(start_at.as_micros()));
    let (begun, ahead) = (Instant::now(), Arc::clone(&clock));
    let now = move || Timestamp::from_micros(ahead.load(Ordering::SeqCst)).plus(begun.elapsed());
    (clock, now)
}

/// An id or text of a JSON answer.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
