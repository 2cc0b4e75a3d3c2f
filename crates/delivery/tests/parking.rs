//! What cannot be handled is parked once, survives, and comes back when somebody
//! says so. Real store, real bus, and the role's own routes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{
    Bus, Confirmation, Consumer, EventHandler, InProcess, Message, Method, QueueSpec, Request,
    Response, Retry, Router, Rpc, Subscription, Work,
};
use trunkline_delivery::{Config, DeliveryMetrics, Ledger, Running};
use trunkline_model::Timestamp;
use trunkline_model::service::Service;
use trunkline_store::{Batch, Database, Dialect, Error, Rows, Statement, Value, due, outbox};
use trunkline_store_sqlite::SqliteDatabase;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(10);
const SERVICE: Service = Service::CAMPAIGN;

#[tokio::test]
async fn an_event_that_always_fails_is_parked_once_and_handled_after_its_cause_is_gone() {
    let role = Role::start(memory(), Config::default()).await;
    role.handler.fails.store(true, Ordering::SeqCst);
    let id = Uuid::from_u128(7);
    for _ in 0..2 {
        role.publish(Some(id), &hangup()).await;
    }
    let [row] = &role.list().await[..] else {
        panic!("two deliveries of one message are one row");
    };
    assert_eq!(row["name"], "call_hangup");
    assert_eq!(row["publisher"], "call-manager");
    assert_eq!(row["message_id"], json!(id));
    assert_eq!(row["reason"], "the cause is still there");
    assert_eq!(row["retries"], 2);
    assert_eq!(row["queue"], SERVICE.subscribe_queue());
    let at = row["id"].as_str().unwrap().to_owned();
    let (status, shown) = role.ask(Method::Get, &format!("/{at}")).await;
    assert_eq!((status, &shown["body"]), (200, &hangup()));

    let (status, again) = role.ask(Method::Post, &format!("/{at}/release")).await;
    assert_eq!((status, &again["outcome"]), (200, &json!("parked_again")));
    assert_eq!(again["reason"], "the cause is still there");
    assert_eq!(role.list().await.len(), 1);

    role.handler.fails.store(false, Ordering::SeqCst);
    let (status, done) = role.ask(Method::Post, &format!("/{at}/release")).await;
    assert_eq!((status, &done["outcome"]), (200, &json!("handled")));
    assert_eq!(role.list().await, [] as [Json; 0]);
    assert_eq!(role.handler.handled(), [(Some(id), 0)]);
    assert_eq!(role.metrics.parked_waiting.get(), 0);
    assert_eq!(role.metrics.parked.get(), 1);
    assert_eq!(role.metrics.parked_released.get(), 2);
    let (status, gone) = role.ask(Method::Post, &format!("/{at}/release")).await;
    assert_eq!((status, &gone["reason"]), (404, &json!("PARKED_NOT_FOUND")));
}

/// As a broker does: it confirms what it has, whatever becomes of it.
#[tokio::test]
async fn what_is_released_stays_parked_until_it_was_handled_however_early_that_is_confirmed() {
    let bus = Arc::new(Early(InProcess::new()));
    let role = Role::start_on(bus, memory(), Config::default()).await;
    role.handler.fails.store(true, Ordering::SeqCst);
    role.publish(Some(Uuid::from_u128(7)), &hangup()).await;
    let at = role.list().await[0]["id"].as_str().unwrap().to_owned();
    let (_, again) = role.ask(Method::Post, &format!("/{at}/release")).await;
    assert_eq!(again["outcome"], "parked_again");
    assert_eq!(again["id"], json!(at));
    assert_eq!(role.list().await[0]["times"], 2, "it is the same row");
    role.handler.fails.store(false, Ordering::SeqCst);
    let (_, done) = role.ask(Method::Post, &format!("/{at}/release")).await;
    assert_eq!(done["outcome"], "handled");
    assert_eq!(role.list().await, [] as [Json; 0]);
}

#[tokio::test]
async fn what_cannot_be_read_is_parked_at_once_and_can_be_discarded() {
    let role = Role::start(memory(), Config::default()).await;
    role.deliver(None, b"\xff{no json").await;
    let [row] = &role.list().await[..] else {
        panic!("one row");
    };
    assert_eq!(row["retries"], 0, "no repetition can help");
    assert_eq!(role.handler.deliveries.load(Ordering::SeqCst), 1);
    let at = row["id"].as_str().unwrap();
    let (_, shown) = role.ask(Method::Get, &format!("/{at}")).await;
    assert_eq!(shown["body"], "\u{fffd}{no json");
    // It has no id of its own: released and failed again it is still one row.
    let (_, again) = role.ask(Method::Post, &format!("/{at}/release")).await;
    assert_eq!(again["outcome"], "parked_again");
    assert_eq!(role.list().await[0]["times"], 2);

    assert_eq!(role.ask(Method::Delete, &format!("/{at}")).await.0, 200);
    assert_eq!(role.list().await, [] as [Json; 0]);
    assert_eq!(role.ask(Method::Delete, &format!("/{at}")).await.0, 404);
}

#[tokio::test]
async fn while_the_store_is_away_an_event_waits_and_nothing_is_lost() {
    let store = Arc::new(Away::default());
    let role = Role::start(Arc::clone(&store) as Arc<dyn Database>, Config::default()).await;
    store.away.store(true, Ordering::SeqCst);
    role.handler.fails.store(true, Ordering::SeqCst);
    let published = role.begin(Some(Uuid::from_u128(1)), &hangup()).await;
    until(async || role.handler.deliveries.load(Ordering::SeqCst) > 5).await;
    // Back again: what failed only because of the store is handled, not parked.
    role.handler.fails.store(false, Ordering::SeqCst);
    store.away.store(false, Ordering::SeqCst);
    published.await.unwrap();
    assert_eq!(role.list().await, [] as [Json; 0]);
    assert_eq!(role.handler.handled().len(), 1);

    // And what fails for another reason is parked as soon as it can be.
    store.away.store(true, Ordering::SeqCst);
    role.handler.fails.store(true, Ordering::SeqCst);
    let seen = role.handler.deliveries.load(Ordering::SeqCst);
    let published = role.begin(Some(Uuid::from_u128(2)), &hangup()).await;
    until(async || role.handler.deliveries.load(Ordering::SeqCst) > seen + 5).await;
    store.away.store(false, Ordering::SeqCst);
    published.await.unwrap();
    assert_eq!(role.list().await.len(), 1);
}

#[tokio::test]
async fn what_is_parked_survives_a_restart() {
    let folder = std::env::temp_dir().join(format!("trunkline-parking-{}", Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("data.db");
    let role = Role::start(open(&file), Config::default()).await;
    role.handler.fails.store(true, Ordering::SeqCst);
    role.publish(Some(Uuid::from_u128(7)), &hangup()).await;
    let before = role.list().await;
    role.stop().await;

    let role = Role::start(open(&file), Config::default()).await;
    assert_eq!(role.list().await, before);
    until(async || role.metrics.parked_waiting.get() == 1).await;
    let at = before[0]["id"].as_str().unwrap();
    let (_, released) = role.ask(Method::Post, &format!("/{at}/release")).await;
    assert_eq!(released["outcome"], "handled");
    assert_eq!(role.list().await, [] as [Json; 0]);
    role.stop().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_full_lot_keeps_the_oldest_and_counts_what_it_cannot_take() {
    let config = Config {
        parked_max: 2,
        parked_body_bytes: 10,
        ..Config::default()
    };
    let role = Role::start(memory(), config).await;
    role.handler.fails.store(true, Ordering::SeqCst);
    for n in 1..=3 {
        role.publish(Some(Uuid::from_u128(n)), &hangup()).await;
    }
    let ids: Vec<Json> = role
        .list()
        .await
        .iter()
        .map(|row| row["message_id"].clone())
        .collect();
    assert_eq!(ids, [json!(Uuid::from_u128(2)), json!(Uuid::from_u128(1))]);
    assert_eq!(role.metrics.parked_lost.get(), 1);

    // What is not kept whole must not be handled in part.
    let at = role.list().await[0]["id"].as_str().unwrap().to_owned();
    let (_, shown) = role.ask(Method::Get, &format!("/{at}")).await;
    assert_eq!(shown["complete"], false);
    let (status, refused) = role.ask(Method::Post, &format!("/{at}/release")).await;
    assert_eq!(
        (status, &refused["reason"]),
        (409, &json!("PARKED_NOT_RELEASABLE"))
    );
}

#[tokio::test]
async fn a_duty_that_cannot_be_sent_is_parked_and_the_others_go_on() {
    let db = memory();
    let now = Timestamp::system_now();
    let duty = |key: &str, data: &str| due::Due {
        id: Uuid::new_v4(),
        service: SERVICE.name().into(),
        key: key.into(),
        due_at: Some(now),
        queue: SERVICE.request_queue(),
        uri: "/v1/parked".into(),
        method: "GET".into(),
        data: Some(data.into()),
        tm_create: Some(now),
        ..due::Due::default()
    };
    for row in [duty("broken", "no json"), duty("good", "{}")] {
        let written = Batch::new().with(due::upsert(Dialect::Sqlite, &row));
        db.apply(written).await.unwrap();
    }
    let role = Role::start(Arc::clone(&db), Config::default()).await;
    until(async || left(&*db, "trunkline_due").await == 0).await;
    let rows = role.list().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["kind"], &rows[0]["name"]),
        (&json!("duty"), &json!("broken"))
    );

    // Released it is a duty again, and again it cannot be sent.
    let at = rows[0]["id"].as_str().unwrap();
    assert_eq!(
        role.ask(Method::Post, &format!("/{at}/release")).await.0,
        200
    );
    until(async || role.metrics.parked.get() == 2).await;
    assert_eq!(left(&*db, "trunkline_due").await, 0);
    assert_eq!(role.list().await.len(), 1);

    // A newer duty of the same key is not replaced by the old one.
    let later = due::Due {
        due_at: Some(now.plus(Duration::from_secs(3_600))),
        ..duty("broken", "{}")
    };
    let written = Batch::new().with(due::upsert(Dialect::Sqlite, &later));
    db.apply(written).await.unwrap();
    let at = role.list().await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        role.ask(Method::Post, &format!("/{at}/release")).await.0,
        409
    );
    assert_eq!(role.list().await.len(), 1);
}

#[tokio::test]
async fn rows_that_cannot_be_read_do_not_keep_the_others_waiting() {
    let db = memory();
    let now = Timestamp::system_now();
    for key in ["a", "b"] {
        let duty = due::Due {
            id: Uuid::new_v4(),
            service: SERVICE.name().into(),
            key: key.into(),
            due_at: Some(now),
            queue: SERVICE.request_queue(),
            uri: "/v1/parked".into(),
            method: "GET".into(),
            tm_create: Some(now),
            ..due::Due::default()
        };
        let event = outbox::Entry {
            id: Uuid::new_v4(),
            service: SERVICE.name().into(),
            exchange: SERVICE.event_exchange(),
            body: key.into(),
            tm_create: Some(now),
            ..outbox::Entry::default()
        };
        let written = Batch::new()
            .with(due::upsert(Dialect::Sqlite, &duty))
            .with(outbox::insert(&event));
        db.apply(written).await.unwrap();
    }
    let damage = Batch::new()
        .with(Statement::one(
            "UPDATE trunkline_due SET id = x'01' WHERE due_key = 'a'",
            vec![],
        ))
        .with(Statement::one(
            "UPDATE trunkline_outbox SET tm_create = 'then' WHERE body = 'a'",
            vec![],
        ));
    db.apply(damage).await.unwrap();

    let role = Role::start(Arc::clone(&db), Config::default()).await;
    until(async || left(&*db, "trunkline_due").await == 0).await;
    until(async || left(&*db, "trunkline_outbox").await == 0).await;
    let rows = role.list().await;
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_eq!(row["kind"], "row");
        let at = row["id"].as_str().unwrap();
        assert_eq!(
            role.ask(Method::Post, &format!("/{at}/release")).await.0,
            409
        );
    }
}

// === a role of its own ===

/// A role with a ledger, a queue of requests, and a consumer whose work the test
/// lets fail.
struct Role {
    bus: Arc<dyn Bus>,
    db: Arc<dyn Database>,
    handler: Arc<Handler>,
    metrics: DeliveryMetrics,
    consumers: Vec<Consumer>,
    running: Running,
    stop: CancellationToken,
}

#[derive(Default)]
struct Handler {
    fails: AtomicBool,
    deliveries: AtomicUsize,
    handled: std::sync::Mutex<Vec<(Option<Uuid>, u32)>>,
}

impl Handler {
    fn handled(&self) -> Vec<(Option<Uuid>, u32)> {
        self.handled.lock().unwrap().clone()
    }
}

struct Take(Arc<Handler>);

impl EventHandler for Take {
    fn accept(&self, message: Message) -> Work {
        let handler = Arc::clone(&self.0);
        handler.deliveries.fetch_add(1, Ordering::SeqCst);
        if serde_json::from_slice::<Json>(&message.body).is_err() {
            return Work::unreadable("it is no JSON");
        }
        Work::new(Some("one".to_owned()), async move {
            if handler.fails.load(Ordering::SeqCst) {
                return Err(Retry::later("the cause is still there"));
            }
            let what = (message.message_id, message.retries);
            handler.handled.lock().unwrap().push(what);
            Ok(())
        })
    }
}

impl Role {
    async fn start(db: Arc<dyn Database>, config: Config) -> Self {
        Self::start_on(Arc::new(InProcess::new()), db, config).await
    }

    async fn start_on(bus: Arc<dyn Bus>, db: Arc<dyn Database>, config: Config) -> Self {
        let rpc = Rpc::new(Arc::clone(&bus), SERVICE, ServiceMetrics::default());
        let metrics = DeliveryMetrics::default();
        let config = Config {
            idle_poll_ms: 10,
            retry_min_ms: 5,
            ..config
        };
        let ledger = Ledger::new(Arc::clone(&db), rpc, config, metrics.clone());
        let handler = Arc::new(Handler::default());
        let queue = QueueSpec::new(SERVICE.subscribe_queue(), 4);
        let mut subscription =
            Subscription::new(queue, [Service::CALL.event_exchange()]).parked_by(ledger.parking());
        subscription.retry_delays = vec![Duration::from_millis(2); 2];
        let events = bus
            .subscribe(subscription, Arc::new(Take(Arc::clone(&handler))))
            .await
            .unwrap();
        let router = Router::new(Arc::new(()), ServiceMetrics::default());
        let queue = QueueSpec::new(SERVICE.request_queue(), 4);
        let requests = bus
            .serve(queue, Arc::new(ledger.parking().routes(router)))
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let running = ledger.start(&stop);
        Self {
            bus,
            db,
            handler,
            metrics,
            consumers: vec![events, requests],
            running,
            stop,
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        for consumer in self.consumers {
            consumer.stop().await;
        }
        self.running.ended().await;
        drop(self.db);
    }

    /// Publishes an event and waits until it is handled or parked.
    async fn publish(&self, id: Option<Uuid>, event: &Json) {
        self.begin(id, event).await.await.unwrap();
    }

    async fn begin(&self, id: Option<Uuid>, event: &Json) -> Confirmation {
        let body = Bytes::from(event.to_string());
        let exchange = Service::CALL.event_exchange();
        self.bus.publish(&exchange, id, body).await.unwrap()
    }

    async fn deliver(&self, id: Option<Uuid>, body: &'static [u8]) {
        let queue = SERVICE.subscribe_queue();
        let sent = self.bus.redeliver(&queue, id, Bytes::from_static(body));
        sent.await.unwrap().await.unwrap();
    }

    /// A request to `/v1/parked` with `rest` behind it.
    async fn ask(&self, method: Method, rest: &str) -> (u16, Json) {
        let request = Request::new(Service::GATEWAY, method, format!("/v1/parked{rest}"));
        let queue = SERVICE.request_queue();
        let answer = self.bus.request(&queue, request.encode(), PATIENCE);
        let answer: Response = serde_json::from_slice(&answer.await.unwrap()).unwrap();
        let data = answer.data.as_deref().map_or("null", |data| data.get());
        (answer.status_code, serde_json::from_str(data).unwrap())
    }

    async fn list(&self) -> Vec<Json> {
        let (status, rows) = self.ask(Method::Get, "?page_size=100&page_token=").await;
        assert_eq!(status, 200, "{rows}");
        serde_json::from_value(rows).unwrap()
    }
}

fn hangup() -> Json {
    json!({"type": "call_hangup", "publisher": "call-manager", "data_type": "application/json", "data": {"id": "x"}})
}

fn memory() -> Arc<dyn Database> {
    Arc::new(SqliteDatabase::in_memory(Timestamp::system_now).unwrap())
}

fn open(file: &Path) -> Arc<dyn Database> {
    Arc::new(SqliteDatabase::open(file, trunkline_store_sqlite::Config::default()).unwrap())
}

async fn left(db: &dyn Database, table: &str) -> i64 {
    let sql = format!("SELECT count(*) AS n FROM {table}");
    let rows = db.query(&sql, vec![]).await.unwrap();
    rows.first().unwrap().int("n").unwrap()
}

async fn until<F: AsyncFn() -> bool>(condition: F) {
    let waited = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited)
        .await
        .expect("the condition in time");
}

/// A carrier that confirms what is put back as soon as it has it.
struct Early(InProcess);

#[async_trait]
impl trunkline_bus::Around for Early {
    fn inner(&self) -> &dyn Bus {
        &self.0
    }

    async fn redeliver(
        &self,
        queue: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, trunkline_bus::Error> {
        drop(self.0.redeliver(queue, message_id, body).await?);
        Ok(Box::pin(std::future::ready(Ok(()))))
    }
}

/// A store that can be away.
struct Away {
    inner: Arc<dyn Database>,
    away: AtomicBool,
}

impl Default for Away {
    fn default() -> Self {
        Self {
            inner: memory(),
            away: AtomicBool::new(false),
        }
    }
}

impl Away {
    fn there(&self) -> Result<(), Error> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(Error::Unavailable("wanted".to_owned())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Database for Away {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        self.there()?;
        self.inner.query(sql, params).await
    }

    async fn apply(&self, batch: Batch) -> Result<(), Error> {
        self.there()?;
        self.inner.apply(batch).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.there()?;
        self.inner.now().await
    }

    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }
}
