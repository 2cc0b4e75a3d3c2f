//! The inbox: what was handled is not handled again.

use trunkline_store::inbox;

use super::world::*;
use super::*;

/// Counts what it handles; begins when told to.
struct Handler {
    handled: AtomicUsize,
    begun: AtomicUsize,
    gate: Notify,
    /// Deliveries that fail before one succeeds.
    fails: AtomicUsize,
    key: Option<&'static str>,
    of_the_moment: bool,
}

impl Handler {
    fn new() -> Self {
        Self {
            handled: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            gate: Notify::new(),
            fails: AtomicUsize::new(0),
            key: None,
            of_the_moment: false,
        }
    }

    fn handled(&self) -> usize {
        self.handled.load(Ordering::SeqCst)
    }
}

/// Handles events of the ledger's service behind its inbox; each waits for the
/// gate if there is one.
async fn consume(
    ledger: &Ledger,
    bus: &InProcess,
    handler: &Arc<Handler>,
    gated: bool,
) -> trunkline_bus::Consumer {
    let handler = Arc::clone(handler);
    let take = Take(move |_| {
        let this = Arc::clone(&handler);
        let work = Work::new(handler.key.map(str::to_owned), async move {
            this.begun.fetch_add(1, Ordering::SeqCst);
            if gated {
                this.gate.notified().await;
            }
            let left = this
                .fails
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                    left.checked_sub(1)
                });
            if left.is_ok() {
                return Err(Retry::later("wanted"));
            }
            this.handled.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        if handler.of_the_moment {
            work.of_the_moment()
        } else {
            work
        }
    });
    bus.subscribe(subscription(), ledger.once(Arc::new(take)))
        .await
        .unwrap()
}

async fn publish(bus: &InProcess, id: Uuid, times: usize) -> Vec<trunkline_bus::Confirmation> {
    let exchange = Service::CALL.event_exchange();
    let mut confirmations = Vec::new();
    for _ in 0..times {
        let body = Bytes::from_static(b"{}");
        confirmations.push(bus.publish(&exchange, Some(id), body).await.unwrap());
    }
    confirmations
}

async fn confirmed(confirmations: Vec<trunkline_bus::Confirmation>) {
    for confirmation in confirmations {
        tokio::time::timeout(PATIENCE, confirmation)
            .await
            .expect("in time")
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_doubled_in_a_burst_is_handled_once() {
    for key in [None, Some("key")] {
        let (db, bus) = (database(), InProcess::new());
        let (ledger, metrics) = ledger_with(&db, &bus, quick());
        let handler = Arc::new(Handler {
            key,
            ..Handler::new()
        });
        let _consumer = consume(&ledger, &bus, &handler, true).await;
        // More than there are workers.
        let confirmations = publish(&bus, Uuid::from_u128(1), 50).await;
        until(async || handler.begun.load(Ordering::SeqCst) == 1).await;
        handler.gate.notify_one();
        confirmed(confirmations).await;
        confirmed(publish(&bus, Uuid::from_u128(1), 1).await).await;
        assert_eq!(handler.handled(), 1);
        assert_eq!(metrics.inbox_repeated.get(), 50);
    }
}

#[tokio::test]
async fn event_doubled_after_a_restart_is_handled_once() {
    let (db, handler) = (database(), Arc::new(Handler::new()));
    for life in 0..2 {
        let bus = InProcess::new();
        let ledger = ledger(&db, &bus);
        let _consumer = consume(&ledger, &bus, &handler, false).await;
        let at_work = start(&ledger);
        confirmed(publish(&bus, Uuid::from_u128(7), 1).await).await;
        // The second process also handles what the first has not seen.
        confirmed(publish(&bus, Uuid::from_u128(8 + life), 1).await).await;
        let noted = 2 + i64::try_from(life).unwrap();
        until(async || inbox::count(&*db, Service::CALL).await.unwrap() == noted).await;
        at_work.end().await;
    }
    assert_eq!(handler.handled(), 3);
}

#[tokio::test]
async fn event_that_failed_is_handled_when_it_comes_again() {
    let (db, bus) = (database(), InProcess::new());
    let ledger = ledger(&db, &bus);
    let handler = Arc::new(Handler {
        fails: AtomicUsize::new(1),
        ..Handler::new()
    });
    let _consumer = consume(&ledger, &bus, &handler, false).await;
    confirmed(publish(&bus, Uuid::from_u128(1), 1).await).await;
    assert_eq!(handler.handled(), 1);
    assert_eq!(handler.begun.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn second_delivery_handles_the_event_when_the_first_has_failed() {
    let (db, bus) = (database(), InProcess::new());
    let ledger = ledger(&db, &bus);
    let handler = Arc::new(Handler {
        fails: AtomicUsize::new(1),
        ..Handler::new()
    });
    let _consumer = consume(&ledger, &bus, &handler, true).await;
    let both = publish(&bus, Uuid::from_u128(1), 2).await;
    until(async || handler.begun.load(Ordering::SeqCst) == 1).await;
    handler.gate.notify_one();
    // The second was waiting; the repetition of the first finds it done.
    until(async || handler.begun.load(Ordering::SeqCst) == 2).await;
    handler.gate.notify_one();
    confirmed(both).await;
    assert_eq!(handler.handled(), 1);
}

#[tokio::test]
async fn memory_holds_the_latest_ids_only() {
    let (db, bus) = (database(), InProcess::new());
    let config = Config {
        inbox_window: 10,
        ..quick()
    };
    let (ledger, metrics) = ledger_with(&db, &bus, config);
    let handler = Arc::new(Handler::new());
    let _consumer = consume(&ledger, &bus, &handler, false).await;
    for n in 0..100 {
        confirmed(publish(&bus, Uuid::from_u128(n), 1).await).await;
    }
    for n in 90..100 {
        confirmed(publish(&bus, Uuid::from_u128(n), 1).await).await;
    }
    assert_eq!(handler.handled(), 100);
    assert_eq!(metrics.inbox_repeated.get(), 10);
    confirmed(publish(&bus, Uuid::from_u128(89), 1).await).await;
    assert_eq!(handler.handled(), 101, "handlers are conditional anyway");
}

#[tokio::test]
async fn event_that_nobody_repeats_after_a_crash_is_remembered_in_memory_only() {
    let (db, bus) = (database(), InProcess::new());
    let ledger = ledger(&db, &bus);
    let handler = Arc::new(Handler {
        of_the_moment: true,
        ..Handler::new()
    });
    let _consumer = consume(&ledger, &bus, &handler, false).await;
    let at_work = start(&ledger);
    confirmed(publish(&bus, Uuid::from_u128(1), 3).await).await;
    // Ending writes down whatever is to be written down.
    at_work.end().await;
    assert_eq!(handler.handled(), 1);
    assert_eq!(inbox::count(&*db, Service::CALL).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn old_ids_go_but_not_before_a_late_relay_can_have_repeated_them() {
    let (db, clock) = clocked();
    let (bus, config) = (InProcess::new(), quick());
    let keep = Duration::from_millis(config.inbox_keep_ms);
    let id = Uuid::from_u128(1);
    let noted = inbox::insert(Dialect::Sqlite, Service::CALL, [id], clock.now());
    ledger(&db, &bus).apply(noted).await.unwrap();
    // The process was away for days.
    clock.jump_millis(3 * 86_400_000);
    let ledger = ledger(&db, &bus);
    let at_work = start(&ledger);
    tokio::time::sleep(keep / 2).await;
    assert_eq!(inbox::count(&*db, Service::CALL).await.unwrap(), 1);
    tokio::time::sleep(keep).await;
    assert_eq!(inbox::count(&*db, Service::CALL).await.unwrap(), 0);
    at_work.end().await;
}

#[tokio::test]
async fn event_published_again_while_its_consumer_still_retries_is_handled_once() {
    let (db, bus) = (database(), InProcess::new());
    let config = Config {
        outbox_patience_ms: 20,
        ..quick()
    };
    let (ledger, metrics) = ledger_with(&db, &bus, config);
    let handler = Arc::new(Handler::new());
    let _consumer = consume(&ledger, &bus, &handler, true).await;
    let at_work = start(&ledger);
    write_events(&ledger, 0..1).await;
    until(async || metrics.retried.get() >= 3).await;
    handler.gate.notify_one();
    outbox_is_empty(&db).await;
    at_work.end().await;
    assert_eq!(handler.handled(), 1);
}

#[tokio::test]
async fn event_that_another_copy_has_handled_is_not_handled_again() {
    let db = database();
    let shared = Arc::new(Shared(Arc::clone(&db)));
    let handler = Arc::new(Handler::new());
    let buses = [InProcess::new(), InProcess::new()];
    let copies = buses.each_ref().map(|bus| ledger(&shared, bus));
    let _first = consume(&copies[0], &buses[0], &handler, false).await;
    let _second = consume(&copies[1], &buses[1], &handler, false).await;
    let at_work = copies.each_ref().map(start);
    // The second has read what was there before.
    confirmed(publish(&buses[1], Uuid::from_u128(1), 1).await).await;
    confirmed(publish(&buses[0], Uuid::from_u128(2), 1).await).await;
    until(async || inbox::count(&*db, Service::CALL).await.unwrap() == 2).await;
    confirmed(publish(&buses[1], Uuid::from_u128(2), 1).await).await;
    assert_eq!(handler.handled(), 2);
    for at_work in at_work {
        at_work.end().await;
    }
}
