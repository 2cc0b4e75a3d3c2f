//! Events: in order, at least once, each copy its own.

use trunkline_bus::{Confirmation, Error as BusError};

use super::world::*;
use super::*;

#[tokio::test]
async fn events_are_published_in_the_order_of_their_batches_and_then_gone() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, mut received) = subscribe(&bus, false).await;
    let ledger = ledger(&db, &bus);
    let at_work = start(&ledger);
    write_events(&ledger, 0..200).await;
    for n in 0..200 {
        assert!(
            next(&mut received)
                .await
                .contains(&format!(r#""data":{{"n":{n}}}"#)),
            "event {n} in its turn"
        );
    }
    outbox_is_empty(&db).await;
    at_work.end().await;
}

#[tokio::test]
async fn event_that_a_consumer_failed_to_handle_stays_until_it_is_handled() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, mut received) = subscribe(&bus, true).await;
    let ledger = ledger(&db, &bus);
    let at_work = start(&ledger);
    write_events(&ledger, 7..8).await;
    assert!(next(&mut received).await.contains(r#""n":7"#));
    outbox_is_empty(&db).await;
    at_work.end().await;
}

#[tokio::test]
async fn event_of_a_process_that_died_is_published_by_the_next_one() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, mut received) = subscribe(&bus, false).await;
    // Nothing was started: the process died between commit and publishing.
    write_events(&ledger(&db, &bus), 1..3).await;
    assert_eq!(outbox::depth(&*db, Service::CALL).await.unwrap(), 2);
    let at_work = start(&ledger(&db, &bus));
    assert!(next(&mut received).await.contains(r#""n":1"#));
    assert!(next(&mut received).await.contains(r#""n":2"#));
    at_work.end().await;
}

/// Numbers of the next events that arrive.
async fn numbers(
    received: &mut tokio::sync::mpsc::UnboundedReceiver<String>,
    n: usize,
) -> Vec<u32> {
    let mut numbers = Vec::new();
    for _ in 0..n {
        numbers.push(number(&next(received).await));
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_copies_publish_every_event_once_and_each_in_its_order() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, mut received) = subscribe(&bus, false).await;
    let shared = Arc::new(Shared(Arc::clone(&db)));
    let copies = [ledger(&shared, &bus), ledger(&shared, &bus)];
    let at_work = copies.each_ref().map(start);
    tokio::join!(
        write_events(&copies[0], 0..300),
        write_events(&copies[1], 300..600)
    );
    let numbers = numbers(&mut received, 600).await;
    outbox_is_empty(&db).await;
    for at_work in at_work {
        at_work.end().await;
    }
    assert!(received.try_recv().is_err(), "none of them twice");
    let (first, second): (Vec<u32>, Vec<u32>) = numbers.into_iter().partition(|n| *n < 300);
    assert_eq!(first, (0..300).collect::<Vec<_>>());
    assert_eq!(second, (300..600).collect::<Vec<_>>());
}

#[tokio::test]
async fn events_of_a_copy_that_died_are_published_by_another_after_their_lease() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, mut received) = subscribe(&bus, false).await;
    let shared = Arc::new(Shared(Arc::clone(&db)));
    let at_work = start(&ledger(&shared, &bus));
    let config = Config {
        outbox_lease_ms: 50,
        ..quick()
    };
    // Nothing of it is started: it dies between commit and publishing.
    let (dies, _) = ledger_with(&shared, &bus, config);
    write_events(&dies, 0..5).await;
    assert_eq!(numbers(&mut received, 5).await, [0, 1, 2, 3, 4]);
    outbox_is_empty(&db).await;
    at_work.end().await;
    assert!(received.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn event_that_is_in_hand_for_long_is_left_to_its_copy() {
    let (db, _clock) = clocked();
    let (bus, config) = (InProcess::new(), quick());
    let lease = Duration::from_millis(config.outbox_lease_ms);
    let deliveries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&deliveries);
    let hangs = Take(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Work::new(None, std::future::pending())
    });
    let consumer = bus
        .subscribe(subscription(), Arc::new(hangs))
        .await
        .unwrap();
    let shared = Arc::new(Shared(Arc::clone(&db)));
    let copies = [ledger(&shared, &bus), ledger(&shared, &bus)];
    let at_work = copies.each_ref().map(start);
    write_events(&copies[0], 0..1).await;
    tokio::time::sleep(lease * 10).await;
    assert_eq!(deliveries.load(Ordering::SeqCst), 1);
    for at_work in at_work {
        at_work.end().await;
    }
    drop(consumer);
    assert_eq!(outbox::depth(&*db, Service::CALL).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_events_than_memory_holds_wait_in_the_table_in_their_order() {
    let (db, bus) = (database(), InProcess::new());
    let config = Config {
        outbox_in_hand: 7,
        outbox_batch: 5,
        ..quick()
    };
    let (ledger, _) = ledger_with(&db, &bus, config);
    // Written before anything is published, and while it is.
    write_events(&ledger, 0..50).await;
    let (_consumer, mut received) = subscribe(&bus, false).await;
    let at_work = start(&ledger);
    write_events(&ledger, 50..300).await;
    let numbers = numbers(&mut received, 300).await;
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
    outbox_is_empty(&db).await;
    at_work.end().await;
    assert!(received.try_recv().is_err(), "none of them twice");
}

#[tokio::test]
async fn events_wait_in_their_order_while_the_carrier_takes_none() {
    let (db, bus) = (database(), InProcess::new());
    let refuses = Arc::new(Refusing {
        inner: bus.clone(),
        left: AtomicUsize::new(3),
        most: usize::MAX,
    });
    let rpc = trunkline_bus::Rpc::new(refuses, Service::CALL, Default::default());
    let metrics = trunkline_delivery::DeliveryMetrics::default();
    let ledger = Ledger::new(Arc::clone(&db) as _, rpc, quick(), metrics.clone());
    let (_consumer, mut received) = subscribe(&bus, false).await;
    let at_work = start(&ledger);
    write_events(&ledger, 0..20).await;
    assert_eq!(
        numbers(&mut received, 20).await,
        (0..20).collect::<Vec<_>>()
    );
    outbox_is_empty(&db).await;
    at_work.end().await;
    assert_eq!(metrics.retried.get(), 3);
}

#[tokio::test]
async fn an_event_that_is_too_large_is_parked_and_those_behind_it_go_on() {
    let (db, bus) = (database(), InProcess::new());
    let (_webhooks, answer) = serve(&bus, &Service::WEBHOOK.request_queue(), &[]).await;
    let small = Arc::new(Refusing {
        inner: bus.clone(),
        left: AtomicUsize::new(0),
        most: 1_000,
    });
    let rpc = trunkline_bus::Rpc::new(small, Service::CALL, Default::default());
    let metrics = trunkline_delivery::DeliveryMetrics::default();
    let ledger = Ledger::new(Arc::clone(&db) as _, rpc, quick(), metrics.clone());
    let (_consumer, mut received) = subscribe(&bus, false).await;
    write_events(&ledger, 0..3).await;
    let now = ledger.now().await.unwrap();
    let large = serde_json::json!({"n": 3, "detail": "<".repeat(1_000)});
    // One has a webhook, which is small.
    let customer = CustomerId::SYSTEM;
    for event in [
        ledger.event(now, "call_updated", &large),
        ledger.webhook_event(now, customer, "call_hangup", &large, &[7]),
    ] {
        ledger.apply(Batch::new().with(event)).await.unwrap();
    }
    write_events(&ledger, 4..6).await;
    let at_work = start(&ledger);
    assert_eq!(numbers(&mut received, 5).await, [0, 1, 2, 4, 5]);
    outbox_is_empty(&db).await;
    at_work.end().await;
    assert_eq!(metrics.parked.get(), 2);
    let page = trunkline_model::page::Page::from_query("page_size=10", now.plus_millis(60_000));
    let parked = trunkline_store::parked::list(&*db, Service::CALL, &page);
    let parked = parked.await.unwrap();
    let mut names: Vec<&str> = parked.iter().map(|row| &row.name[..]).collect();
    names.sort_unstable();
    assert_eq!(names, ["call_hangup", "call_updated"]);
    assert!(parked.iter().all(|row| row.reason.contains("larger than")));
    assert_eq!(answer.seen.lock().await.len(), 1, "its webhook goes on");
}

#[tokio::test]
async fn a_webhook_that_is_too_large_is_dropped_and_counted() {
    let (db, bus) = (database(), InProcess::new());
    let (_webhooks, _) = serve(&bus, &Service::WEBHOOK.request_queue(), &[]).await;
    let small = Arc::new(Refusing {
        inner: bus,
        left: AtomicUsize::new(0),
        most: 1_000,
    });
    let rpc = trunkline_bus::Rpc::new(small, Service::CALL, Default::default());
    let metrics = trunkline_delivery::DeliveryMetrics::default();
    let ledger = Ledger::new(Arc::clone(&db) as _, rpc, quick(), metrics.clone());
    let at_work = start(&ledger);
    let (now, large) = (ledger.now().await.unwrap(), "<".repeat(1_000));
    let event = ledger.webhook_event(now, CustomerId::SYSTEM, "call_hangup", &[1], &large);
    ledger.apply(Batch::new().with(event)).await.unwrap();
    outbox_is_empty(&db).await;
    at_work.end().await;
    assert_eq!(metrics.webhooks_lost.get(), 1);
}

/// A bus that refuses some events before it takes them, and what is larger than it
/// takes.
struct Refusing {
    inner: InProcess,
    left: AtomicUsize,
    most: usize,
}

impl Refusing {
    fn fits(&self, body: &Bytes) -> Result<(), BusError> {
        let (bytes, most) = (body.len(), self.most);
        if bytes > most {
            return Err(BusError::TooLarge { bytes, most });
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl trunkline_bus::Around for Refusing {
    fn inner(&self) -> &dyn Bus {
        &self.inner
    }

    async fn request(
        &self,
        queue: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, BusError> {
        self.fits(&body)?;
        self.inner.request(queue, body, timeout).await
    }

    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, BusError> {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        if left.is_ok() {
            return Err(BusError::Closed);
        }
        self.fits(&body)?;
        self.inner.publish(exchange, message_id, body).await
    }
}
