//! One store, one bus, and who listens.

use async_trait::async_trait;
use tokio::sync::mpsc;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Consumer, EventHandler, Message, RequestHandler, Response, Rpc};
use trunkline_delivery::{DeliveryMetrics, Running};
use trunkline_store::{Database, Error as StoreError, Rows, Value};
use trunkline_store_sqlite::SqliteDatabase;

use super::*;

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn quick() -> Config {
    Config {
        idle_poll_ms: 20,
        outbox_gather_ms: 1,
        settle_ms: 5,
        retry_min_ms: 5,
        due_lease_ms: 200,
        ..Config::default()
    }
}

pub(crate) fn ledger_with(
    db: &Arc<impl Database>,
    bus: &InProcess,
    config: Config,
) -> (Arc<Ledger>, DeliveryMetrics) {
    let rpc = Rpc::new(
        Arc::new(bus.clone()),
        Service::CALL,
        ServiceMetrics::default(),
    );
    let metrics = DeliveryMetrics::default();
    let ledger = Ledger::new(
        Arc::clone(db) as Arc<dyn Database>,
        rpc,
        config,
        metrics.clone(),
    );
    (ledger, metrics)
}

pub(crate) fn ledger(db: &Arc<impl Database>, bus: &InProcess) -> Arc<Ledger> {
    ledger_with(db, bus, quick()).0
}

pub(crate) fn database() -> Arc<SqliteDatabase> {
    Arc::new(SqliteDatabase::in_memory(Timestamp::system_now).unwrap())
}

/// A store that several processes share: SQLite that speaks MySQL's few
/// different words.
pub(crate) struct Shared(pub(crate) Arc<SqliteDatabase>);

#[async_trait]
impl Database for Shared {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, StoreError> {
        self.0.query(sql, params).await
    }

    async fn apply(&self, mut batch: Batch) -> Result<(), StoreError> {
        for statement in &mut batch.statements {
            let sql = statement.sql.replace("INSERT IGNORE", "INSERT OR IGNORE");
            statement.sql = sql.into();
        }
        self.0.apply(batch).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.0.now().await
    }

    fn dialect(&self) -> Dialect {
        Dialect::Mysql
    }
}

/// A ledger at work, until it is told to end.
pub(crate) struct AtWork {
    stop: CancellationToken,
    running: Running,
}

pub(crate) fn start(ledger: &Arc<Ledger>) -> AtWork {
    let stop = CancellationToken::new();
    let running = ledger.start(&stop);
    AtWork { stop, running }
}

impl AtWork {
    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.running.ended().await;
    }
}

/// A handler made of a function.
pub(crate) struct Take<F>(pub(crate) F);

impl<F: Fn(Message) -> Work + Send + Sync + 'static> EventHandler for Take<F> {
    fn accept(&self, message: Message) -> Work {
        (self.0)(message)
    }
}

/// Sends what it takes to a channel; fails the first delivery of each event when
/// told to.
struct Collect {
    sender: mpsc::UnboundedSender<String>,
    fail_first: bool,
}

impl EventHandler for Collect {
    fn accept(&self, message: Message) -> Work {
        let (sender, fails) = (self.sender.clone(), self.fail_first && message.retries == 0);
        Work::new(Some("one".to_owned()), async move {
            if fails {
                return Err(Retry::later("wanted"));
            }
            let _ = sender.send(String::from_utf8_lossy(&message.body).into_owned());
            Ok(())
        })
    }
}

pub(crate) fn subscription() -> Subscription {
    let mut subscription = Subscription::new(
        QueueSpec::new("observer", 10),
        [Service::CALL.event_exchange()],
    );
    subscription.retry_delays = vec![Duration::from_millis(5)];
    subscription
}

pub(crate) async fn subscribe(
    bus: &InProcess,
    fail_first: bool,
) -> (Consumer, mpsc::UnboundedReceiver<String>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let handler = Arc::new(Collect { sender, fail_first });
    let consumer = bus.subscribe(subscription(), handler).await.unwrap();
    (consumer, receiver)
}

pub(crate) async fn next(receiver: &mut mpsc::UnboundedReceiver<String>) -> String {
    tokio::time::timeout(PATIENCE, receiver.recv())
        .await
        .expect("in time")
        .expect("a message")
}

pub(crate) async fn until<F: AsyncFn() -> bool>(condition: F) {
    let waited = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited)
        .await
        .expect("the condition in time");
}

pub(crate) async fn outbox_is_empty(db: &SqliteDatabase) {
    until(async || outbox::depth(db, Service::CALL).await.unwrap() == 0).await;
}

pub(crate) async fn write_events(ledger: &Ledger, range: std::ops::Range<u32>) {
    for n in range {
        let now = ledger.now().await.unwrap();
        let event = ledger.event(now, "call_updated", &serde_json::json!({ "n": n }));
        ledger.apply(Batch::new().with(event)).await.unwrap();
    }
}

/// The `n` of [`write_events`].
pub(crate) fn number(body: &str) -> u32 {
    let event: serde_json::Value = serde_json::from_str(body).unwrap();
    u32::try_from(event["data"]["n"].as_u64().unwrap()).unwrap()
}

/// Answers with the statuses of a list, then with 200; notes what came.
pub(crate) struct Answer {
    statuses: Mutex<Vec<u16>>,
    pub(crate) seen: Mutex<Vec<String>>,
}

#[async_trait]
impl RequestHandler for Answer {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        self.seen
            .lock()
            .await
            .push(String::from_utf8_lossy(&body).into_owned());
        let status = self.statuses.lock().await.pop().unwrap_or(200);
        Some(Response::bare(status).encode())
    }
}

pub(crate) async fn serve(
    bus: &InProcess,
    queue: &str,
    statuses: &[u16],
) -> (Consumer, Arc<Answer>) {
    let answer = Arc::new(Answer {
        statuses: Mutex::new(statuses.to_vec()),
        seen: Mutex::new(Vec::new()),
    });
    let consumer = bus
        .serve(QueueSpec::new(queue, 10), Arc::clone(&answer) as _)
        .await
        .unwrap();
    (consumer, answer)
}

pub(crate) fn duty(key: &str, due_at: Timestamp) -> Duty {
    Duty::new(key, "owner", due_at, "target", Method::Delete, "/v1/x")
        .json(&serde_json::json!({"a": 1}))
}

pub(crate) async fn schedule(ledger: &Ledger, key: &str, in_ms: i64) {
    let now = ledger.now().await.unwrap();
    let duty = duty(key, now.plus_millis(in_ms));
    ledger
        .apply(Batch::new().with(ledger.schedule(now, &duty)))
        .await
        .unwrap();
}

/// The store's clock: goes with tokio's, and jumps when told to.
#[derive(Clone)]
pub(crate) struct Clock {
    began: tokio::time::Instant,
    base: Timestamp,
    jumped_millis: Arc<std::sync::atomic::AtomicI64>,
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        let jumped = self.jumped_millis.load(Ordering::SeqCst);
        self.base.plus(self.began.elapsed()).plus_millis(jumped)
    }

    pub(crate) fn jump_millis(&self, by: i64) {
        self.jumped_millis.fetch_add(by, Ordering::SeqCst);
    }
}

/// A store whose clock the test holds.
pub(crate) fn clocked() -> (Arc<SqliteDatabase>, Clock) {
    let clock = Clock {
        began: tokio::time::Instant::now(),
        base: Timestamp::system_now(),
        jumped_millis: Arc::default(),
    };
    let of_store = clock.clone();
    let db = SqliteDatabase::in_memory(move || of_store.now()).unwrap();
    (Arc::new(db), clock)
}
