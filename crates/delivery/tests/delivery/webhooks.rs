//! Webhooks: handed over at least once, whatever becomes of the events around
//! them.

use super::world::*;
use super::*;

#[tokio::test]
async fn webhook_is_sent_beside_the_event_unless_the_customer_is_nil() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, answer) = serve(&bus, &Service::WEBHOOK.request_queue(), &[]).await;
    let ledger = ledger(&db, &bus);
    let at_work = start(&ledger);
    for customer in [CustomerId::NIL, CustomerId::SYSTEM] {
        let now = ledger.now().await.unwrap();
        let event = ledger.webhook_event(now, customer, "call_hangup", &[1], &[2]);
        ledger.apply(Batch::new().with(event)).await.unwrap();
    }
    outbox_is_empty(&db).await;
    let seen = answer.seen.lock().await.clone();
    assert_eq!(seen.len(), 1);
    assert!(
        seen[0].contains(r#""data":{"type":"call_hangup","data":[2]}"#),
        "{}",
        seen[0]
    );
    at_work.end().await;
}

async fn write_webhook_event(ledger: &Ledger, n: u32) {
    let now = ledger.now().await.unwrap();
    let data = serde_json::json!({ "n": n });
    let event = ledger.webhook_event(now, CustomerId::SYSTEM, "call_hangup", &data, &[n]);
    ledger.apply(Batch::new().with(event)).await.unwrap();
}

#[tokio::test]
async fn webhook_that_is_not_taken_is_handed_over_again_and_its_event_is_not() {
    let (db, bus) = (database(), InProcess::new());
    let queue = Service::WEBHOOK.request_queue();
    let (_webhooks, answer) = serve(&bus, &queue, &[500, 500, 503]).await;
    let (_consumer, mut received) = subscribe(&bus, false).await;
    let ledger = ledger(&db, &bus);
    let at_work = start(&ledger);
    write_webhook_event(&ledger, 1).await;
    write_events(&ledger, 2..5).await;
    for n in 1..5 {
        assert_eq!(number(&next(&mut received).await), n, "events go on");
    }
    outbox_is_empty(&db).await;
    at_work.end().await;
    let seen = answer.seen.lock().await.clone();
    assert_eq!(seen.len(), 4);
    assert!(
        seen.iter().all(|request| *request == seen[0]),
        "the same id"
    );
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn webhook_that_waits_survives_a_restart_and_its_event_is_not_repeated() {
    let (db, bus) = (database(), InProcess::new());
    let queue = Service::WEBHOOK.request_queue();
    let (webhooks, _) = serve(&bus, &queue, &[500; 1_000]).await;
    let (_consumer, mut received) = subscribe(&bus, false).await;
    let first = ledger(&db, &bus);
    let at_work = start(&first);
    write_webhook_event(&first, 1).await;
    next(&mut received).await;
    let postponed = async || {
        let rows = outbox::pending(&*db, Service::CALL, 0, 1).await.unwrap();
        rows.first().is_some_and(|row| row.exchange.is_empty())
    };
    until(postponed).await;
    at_work.end().await;
    webhooks.stop().await;
    let (_webhooks, answer) = serve(&bus, &queue, &[]).await;
    let at_work = start(&ledger(&db, &bus));
    outbox_is_empty(&db).await;
    at_work.end().await;
    assert_eq!(answer.seen.lock().await.len(), 1);
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn webhook_waits_for_a_webhook_manager_that_has_no_queue_yet() {
    let (db, bus) = (database(), InProcess::new());
    let (ledger, metrics) = ledger_with(&db, &bus, quick());
    let at_work = start(&ledger);
    write_webhook_event(&ledger, 1).await;
    until(async || metrics.retried.get() > 1).await;
    let queue = Service::WEBHOOK.request_queue();
    let (_webhooks, answer) = serve(&bus, &queue, &[]).await;
    outbox_is_empty(&db).await;
    at_work.end().await;
    assert_eq!(answer.seen.lock().await.len(), 1);
    assert_eq!(metrics.webhooks_lost.get(), 0);
}

#[tokio::test]
async fn webhook_that_nobody_takes_is_dropped_and_counted_in_the_end() {
    let (db, bus) = (database(), InProcess::new());
    let queue = Service::WEBHOOK.request_queue();
    let (_webhooks, answer) = serve(&bus, &queue, &[500; 10_000]).await;
    let config = Config {
        webhook_patience_ms: 100,
        ..quick()
    };
    let (ledger, metrics) = ledger_with(&db, &bus, config);
    let at_work = start(&ledger);
    write_webhook_event(&ledger, 1).await;
    outbox_is_empty(&db).await;
    at_work.end().await;
    assert_eq!(metrics.webhooks_lost.get(), 1);
    assert!(answer.seen.lock().await.len() > 1);
}

#[tokio::test]
async fn webhook_manager_that_hangs_holds_up_no_event_and_little_memory() {
    let (db, bus) = (database(), InProcess::new());
    let hangs = Arc::new(Hangs);
    let queue = QueueSpec::new(Service::WEBHOOK.request_queue(), 1);
    let _webhooks = bus.serve(queue, hangs).await.unwrap();
    let (_consumer, mut received) = subscribe(&bus, false).await;
    let config = Config {
        outbox_in_hand: 100,
        ..quick()
    };
    let (ledger, _) = ledger_with(&db, &bus, config);
    let at_work = start(&ledger);
    for n in 0..2_000 {
        write_webhook_event(&ledger, n).await;
    }
    for n in 0..2_000 {
        assert_eq!(number(&next(&mut received).await), n);
    }
    at_work.end().await;
    let left = outbox::depth(&*db, Service::CALL).await.unwrap();
    assert_eq!(left, 2_000, "every webhook is kept");
}

struct Hangs;

#[async_trait::async_trait]
impl trunkline_bus::RequestHandler for Hangs {
    async fn handle(&self, _: Bytes) -> Option<Bytes> {
        std::future::pending().await
    }
}
