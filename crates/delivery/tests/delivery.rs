//! Events and duties reach their receivers at least once, whatever happens in
//! between. Real store, real bus.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{
    Bus, EventHandler, InProcess, Message, Method, QueueSpec, RequestHandler, Response, Retry, Rpc,
    Subscription, Work,
};
use trunkline_delivery::{Config, DeliveryMetrics, Duty, Ledger};
use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_store::{Batch, Database, due, outbox};
use trunkline_store_sqlite::SqliteDatabase;

const PATIENCE: Duration = Duration::from_secs(10);

fn ledger(db: &Arc<SqliteDatabase>, bus: &InProcess) -> Arc<Ledger> {
    let rpc = Rpc::new(
        Arc::new(bus.clone()),
        Service::CALL,
        ServiceMetrics::default(),
    );
    let config = Config {
        idle_poll_ms: 20,
        retry_min_ms: 5,
        due_lease_ms: 200,
        ..Config::default()
    };
    Ledger::new(
        Arc::clone(db) as Arc<dyn Database>,
        rpc,
        config,
        DeliveryMetrics::default(),
    )
}

fn database() -> Arc<SqliteDatabase> {
    Arc::new(SqliteDatabase::in_memory(Timestamp::system_now).unwrap())
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
        let run = async move {
            if fails {
                return Err(Retry::later("wanted"));
            }
            let _ = sender.send(String::from_utf8_lossy(&message.body).into_owned());
            Ok(())
        };
        Work::new(Some("one".to_owned()), run)
    }
}

async fn subscribe(
    bus: &InProcess,
    fail_first: bool,
) -> (trunkline_bus::Consumer, mpsc::UnboundedReceiver<String>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut subscription = Subscription::new(
        QueueSpec::new("observer", 10),
        [Service::CALL.event_exchange()],
    );
    subscription.retry_delays = vec![Duration::from_millis(5)];
    let consumer = bus
        .subscribe(subscription, Arc::new(Collect { sender, fail_first }))
        .await
        .unwrap();
    (consumer, receiver)
}

async fn next(receiver: &mut mpsc::UnboundedReceiver<String>) -> String {
    tokio::time::timeout(PATIENCE, receiver.recv())
        .await
        .expect("in time")
        .expect("a message")
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

async fn write_events(ledger: &Ledger, range: std::ops::Range<u32>) {
    for n in range {
        let now = ledger.now().await.unwrap();
        let event = ledger.event(now, "call_updated", &serde_json::json!({ "n": n }));
        ledger.apply(Batch::new().with(event)).await.unwrap();
    }
}

#[tokio::test]
async fn events_are_published_in_the_order_of_their_batches_and_then_gone() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, mut received) = subscribe(&bus, false).await;
    let ledger = ledger(&db, &bus);
    let stop = CancellationToken::new();
    let running = ledger.start(&stop);
    write_events(&ledger, 0..200).await;
    for n in 0..200 {
        assert!(
            next(&mut received)
                .await
                .contains(&format!(r#""data":{{"n":{n}}}"#)),
            "event {n} in its turn"
        );
    }
    until(async || outbox::depth(&*db, Service::CALL).await.unwrap() == 0).await;
    stop.cancel();
    running.ended().await;
}

#[tokio::test]
async fn event_that_a_consumer_failed_to_handle_stays_until_it_is_handled() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, mut received) = subscribe(&bus, true).await;
    let ledger = ledger(&db, &bus);
    let stop = CancellationToken::new();
    let running = ledger.start(&stop);
    write_events(&ledger, 7..8).await;
    assert!(next(&mut received).await.contains(r#""n":7"#));
    until(async || outbox::depth(&*db, Service::CALL).await.unwrap() == 0).await;
    stop.cancel();
    running.ended().await;
}

#[tokio::test]
async fn event_of_a_process_that_died_is_published_by_the_next_one() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, mut received) = subscribe(&bus, false).await;
    // Nothing was started: the process died between commit and publishing.
    write_events(&ledger(&db, &bus), 1..3).await;
    assert_eq!(outbox::depth(&*db, Service::CALL).await.unwrap(), 2);
    let stop = CancellationToken::new();
    let running = ledger(&db, &bus).start(&stop);
    assert!(next(&mut received).await.contains(r#""n":1"#));
    assert!(next(&mut received).await.contains(r#""n":2"#));
    stop.cancel();
    running.ended().await;
}

/// Answers with the statuses of a list, then with 200; notes what came.
struct Answer {
    statuses: Mutex<Vec<u16>>,
    seen: Mutex<Vec<String>>,
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

async fn serve(
    bus: &InProcess,
    queue: &str,
    statuses: &[u16],
) -> (trunkline_bus::Consumer, Arc<Answer>) {
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

async fn schedule(ledger: &Ledger, key: &str, in_ms: i64) {
    let now = ledger.now().await.unwrap();
    let duty = Duty::new(
        key,
        "owner",
        now.plus_millis(in_ms),
        "target",
        Method::Delete,
        "/v1/x",
    )
    .json(&serde_json::json!({"a": 1}));
    ledger
        .apply(Batch::new().with(ledger.schedule(now, &duty)))
        .await
        .unwrap();
}

#[tokio::test]
async fn due_row_is_sent_as_the_ordinary_request_and_then_gone() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, answer) = serve(&bus, "target", &[]).await;
    let ledger = ledger(&db, &bus);
    let stop = CancellationToken::new();
    let running = ledger.start(&stop);
    schedule(&ledger, "now", 0).await;
    schedule(&ledger, "cancelled", 50).await;
    ledger
        .apply(Batch::new().with(ledger.cancel("cancelled")))
        .await
        .unwrap();
    until(async || {
        due::by_key(&*db, Service::CALL, "now")
            .await
            .unwrap()
            .is_none()
    })
    .await;
    let seen = answer.seen.lock().await.clone();
    assert_eq!(
        seen,
        [
            r#"{"uri":"/v1/x","method":"DELETE","publisher":"call-manager","data_type":"application/json","data":{"a":1}}"#
        ]
    );
    stop.cancel();
    running.ended().await;
}

#[tokio::test]
async fn duty_is_repeated_until_its_receiver_has_seen_it_and_not_after() {
    let (db, bus) = (database(), InProcess::new());
    let ledger = ledger(&db, &bus);
    let stop = CancellationToken::new();
    let running = ledger.start(&stop);
    // Nobody serves the queue yet; then it fails once; then it refuses.
    schedule(&ledger, "again", 0).await;
    until(async || {
        due::by_key(&*db, Service::CALL, "again")
            .await
            .unwrap()
            .is_some_and(|due| due.attempts > 0)
    })
    .await;
    let (_consumer, answer) = serve(&bus, "target", &[404, 500]).await;
    until(async || {
        due::by_key(&*db, Service::CALL, "again")
            .await
            .unwrap()
            .is_none()
    })
    .await;
    assert_eq!(
        answer.seen.lock().await.len(),
        2,
        "a refusal settles it, a failure does not"
    );
    stop.cancel();
    running.ended().await;
}

#[tokio::test]
async fn duty_that_is_due_earlier_than_the_others_is_not_kept_waiting() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, answer) = serve(&bus, "target", &[]).await;
    let rpc = Rpc::new(
        Arc::new(bus.clone()),
        Service::CALL,
        ServiceMetrics::default(),
    );
    // Without being woken the scheduler would sleep through this test.
    let config = Config {
        idle_poll_ms: 3_600_000,
        ..Config::default()
    };
    let ledger = Ledger::new(
        Arc::clone(&db) as Arc<dyn Database>,
        rpc,
        config,
        DeliveryMetrics::default(),
    );
    let stop = CancellationToken::new();
    let running = ledger.start(&stop);
    for (key, in_ms) in [
        ("late", 3_600_000),
        ("soon", 50),
        ("later", 7_200_000),
        ("now", 0),
    ] {
        schedule(&ledger, key, in_ms).await;
    }
    until(async || answer.seen.lock().await.len() == 2).await;
    assert!(
        due::by_key(&*db, Service::CALL, "late")
            .await
            .unwrap()
            .is_some()
    );
    stop.cancel();
    running.ended().await;
}

#[tokio::test]
async fn webhook_is_sent_beside_the_event_unless_the_customer_is_nil() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, answer) = serve(&bus, &Service::WEBHOOK.request_queue(), &[]).await;
    let ledger = ledger(&db, &bus);
    let stop = CancellationToken::new();
    let running = ledger.start(&stop);
    for customer in [CustomerId::NIL, CustomerId::SYSTEM] {
        let now = ledger.now().await.unwrap();
        let event = ledger.webhook_event(now, customer, "call_hangup", &[1], &[2]);
        ledger.apply(Batch::new().with(event)).await.unwrap();
    }
    until(async || outbox::depth(&*db, Service::CALL).await.unwrap() == 0).await;
    let seen = answer.seen.lock().await.clone();
    assert_eq!(seen.len(), 1);
    assert!(
        seen[0].contains(r#""data":{"type":"call_hangup","data":[2]}"#),
        "{}",
        seen[0]
    );
    stop.cancel();
    running.ended().await;
}
