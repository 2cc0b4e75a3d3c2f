//! Duties: sent when due, at least once, by one copy.

use super::world::*;
use super::*;

#[tokio::test]
async fn due_row_is_sent_as_the_ordinary_request_and_then_gone() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, answer) = serve(&bus, "target", &[]).await;
    let ledger = ledger(&db, &bus);
    let at_work = start(&ledger);
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
    at_work.end().await;
}

#[tokio::test]
async fn duty_is_repeated_until_its_receiver_has_seen_it_and_not_after() {
    let (db, bus) = (database(), InProcess::new());
    let ledger = ledger(&db, &bus);
    let at_work = start(&ledger);
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
    at_work.end().await;
}

#[tokio::test]
async fn duty_that_is_due_earlier_than_the_others_is_not_kept_waiting() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, answer) = serve(&bus, "target", &[]).await;
    // Without being woken the scheduler would sleep through this test.
    let config = Config {
        idle_poll_ms: 3_600_000,
        ..Config::default()
    };
    let ledger = ledger_with(&db, &bus, config).0;
    let at_work = start(&ledger);
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
    at_work.end().await;
}

#[tokio::test]
async fn duty_that_is_replaced_while_it_is_sent_stays() {
    let (db, bus) = (database(), InProcess::new());
    let (begun, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (of_begun, of_release) = (Arc::clone(&begun), Arc::clone(&release));
    let handler = Slow {
        begun: of_begun,
        release: of_release,
    };
    let _consumer = bus
        .serve(QueueSpec::new("target", 2), Arc::new(handler))
        .await
        .unwrap();
    let ledger = ledger(&db, &bus);
    let at_work = start(&ledger);
    // One that was written before, and one that is claimed as it is written.
    for in_ms in [0, 5] {
        schedule(&ledger, "key", in_ms).await;
        begun.notified().await;
        schedule(&ledger, "key", 3_600_000).await;
        release.notify_one();
        schedule(&ledger, "marker", 0).await;
        begun.notified().await;
        release.notify_one();
        until(async || by_key(&db, "marker").await.is_none()).await;
        let replaced = by_key(&db, "key").await.expect("the later one is there");
        assert_eq!((replaced.attempts, replaced.lease_until), (0, None));
    }
    at_work.end().await;
}

/// Answers when it is told to.
struct Slow {
    begun: Arc<Notify>,
    release: Arc<Notify>,
}

#[async_trait::async_trait]
impl trunkline_bus::RequestHandler for Slow {
    async fn handle(&self, _: Bytes) -> Option<Bytes> {
        self.begun.notify_one();
        self.release.notified().await;
        Some(trunkline_bus::Response::bare(200).encode())
    }
}

async fn by_key(db: &trunkline_store_sqlite::SqliteDatabase, key: &str) -> Option<due::Due> {
    due::by_key(db, Service::CALL, key).await.unwrap()
}

#[tokio::test]
async fn duty_that_was_cancelled_in_time_is_not_sent() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, answer) = serve(&bus, "target", &[]).await;
    let ledger = ledger(&db, &bus);
    let at_work = start(&ledger);
    schedule(&ledger, "first", 0).await;
    until(async || !answer.seen.lock().await.is_empty()).await;
    // Due so soon that they are in memory.
    schedule(&ledger, "cancelled", 15).await;
    ledger
        .apply(Batch::new().with(ledger.cancel("cancelled")))
        .await
        .unwrap();
    schedule(&ledger, "of the owner", 15).await;
    ledger
        .apply(Batch::new().with(ledger.cancel_all_of("owner")))
        .await
        .unwrap();
    schedule(&ledger, "last", 30).await;
    until(async || by_key(&db, "last").await.is_none()).await;
    assert_eq!(answer.seen.lock().await.len(), 2);
    at_work.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_schedulers_send_every_duty_once() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, answer) = serve(&bus, "target", &[]).await;
    let shared = Arc::new(Shared(Arc::clone(&db)));
    let writer = ledger(&shared, &bus);
    let long_lease = Config {
        due_lease_ms: 60_000,
        due_batch: 7,
        ..quick()
    };
    let copies = [(); 2].map(|()| ledger_with(&shared, &bus, long_lease.clone()).0);
    let at_work = copies.each_ref().map(start);
    for n in 0..200 {
        schedule(&writer, &n.to_string(), 0).await;
        schedule(&copies[n % 2], &format!("own {n}"), 5).await;
    }
    until(async || due::next_due(&*db, Service::CALL).await.unwrap().is_none()).await;
    assert_eq!(answer.seen.lock().await.len(), 400);
    for at_work in at_work {
        at_work.end().await;
    }
}

#[tokio::test]
async fn duty_that_a_killed_scheduler_had_claimed_is_sent_after_its_lease() {
    let (db, bus) = (database(), InProcess::new());
    let (_consumer, answer) = serve(&bus, "target", &[]).await;
    let ledger = ledger(&db, &bus);
    let at_work = start(&ledger);
    schedule(&ledger, "first", 0).await;
    until(async || by_key(&db, "first").await.is_none()).await;
    let now = ledger.now().await.unwrap();
    let claimed = due::Due {
        id: Uuid::from_u128(1),
        service: Service::CALL.name().into(),
        key: "claimed".into(),
        due_at: Some(now),
        queue: "target".into(),
        uri: "/v1/x".into(),
        method: "POST".into(),
        lease_until: Some(now.plus_millis(60)),
        attempts: 1,
        tm_create: Some(now),
        ..due::Due::default()
    };
    let other = ledger_with(&db, &bus, quick()).0;
    let statement = due::upsert(Dialect::Sqlite, &claimed);
    // Not through the ledger at work: it would hold the duty itself.
    other.apply(Batch::new().with(statement)).await.unwrap();
    until(async || by_key(&db, "claimed").await.is_none()).await;
    assert_eq!(answer.seen.lock().await.len(), 2);
    at_work.end().await;
}

#[tokio::test(start_paused = true)]
async fn process_that_starts_again_goes_on_at_once_with_what_it_had_claimed() {
    let (db, _clock) = clocked();
    let bus = InProcess::new();
    let config = Config {
        due_lease_ms: 3_600_000,
        ..quick()
    };
    let dies = ledger_with(&db, &bus, config.clone()).0;
    let stop = CancellationToken::new();
    let running = dies.start(&stop);
    until(async || {
        schedule(&dies, "claimed", 15).await;
        by_key(&db, "claimed").await.unwrap().lease_until.is_some()
    })
    .await;
    // As if it had been killed: it never comes to write down anything.
    drop(running);
    let (_consumer, answer) = serve(&bus, "target", &[]).await;
    let began = tokio::time::Instant::now();
    let next = ledger_with(&db, &bus, config).0;
    let at_work = start(&next);
    until(async || !answer.seen.lock().await.is_empty()).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    at_work.end().await;
    stop.cancel();
}

#[tokio::test]
async fn failing_duties_do_not_keep_the_others_waiting() {
    let (db, bus) = (database(), InProcess::new());
    let config = Config {
        due_batch: 5,
        // As if the others had failed for a while.
        retry_min_ms: 200,
        ..quick()
    };
    let (ledger, _) = ledger_with(&db, &bus, config);
    // Written before the scheduler runs: all of them wait in the table. Nobody
    // serves the queue of those that are due first.
    for n in 0..100 {
        let now = ledger.now().await.unwrap();
        let mut failing = duty(&format!("fails {n}"), now.minus(Duration::from_secs(60)));
        failing.queue = "nobody".to_owned();
        ledger
            .apply(Batch::new().with(ledger.schedule(now, &failing)))
            .await
            .unwrap();
    }
    schedule(&ledger, "good", 0).await;
    let (_consumer, answer) = serve(&bus, "target", &[]).await;
    let at_work = start(&ledger);
    until(async || !answer.seen.lock().await.is_empty()).await;
    at_work.end().await;
    let waiting = by_key(&db, "fails 0").await.unwrap();
    assert!(waiting.attempts >= 1 && waiting.due_at > waiting.tm_create);
}

#[tokio::test(start_paused = true)]
async fn jumps_of_the_clock_neither_lose_nor_double_a_duty() {
    for jump in [-3_600_000, 3_600_000] {
        let (db, clock) = clocked();
        let bus = InProcess::new();
        let (_consumer, answer) = serve(&bus, "target", &[]).await;
        let config = Config {
            idle_poll_ms: 1_000,
            due_lease_ms: 15_000,
            ..quick()
        };
        let (ledger, _) = ledger_with(&db, &bus, config);
        let at_work = start(&ledger);
        schedule(&ledger, "started", 0).await;
        until(async || answer.seen.lock().await.len() == 1).await;
        // One in memory, one in the table only.
        schedule(&ledger, "soon", 500).await;
        schedule(&ledger, "later", 5_000).await;
        clock.jump_millis(jump);
        schedule(&ledger, "after the jump", 500).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let forward = usize::from(jump > 0);
        assert_eq!(answer.seen.lock().await.len(), 3 + forward, "{jump}");
        tokio::time::sleep(Duration::from_secs(3_700)).await;
        assert_eq!(answer.seen.lock().await.len(), 4, "{jump}");
        assert_eq!(due::next_due(&*db, Service::CALL).await.unwrap(), None);
        at_work.end().await;
    }
}
