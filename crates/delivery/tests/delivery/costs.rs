//! What delivery costs the store: counts, and figures on request.

use std::sync::atomic::AtomicU64;

use async_trait::async_trait;
use trunkline_store::{Database, Error as StoreError, Rows, Value};
use trunkline_store_sqlite::SqliteDatabase;

use super::world::*;
use super::*;

/// Counts what it is asked for.
struct Counting {
    inner: Arc<SqliteDatabase>,
    queries: AtomicU64,
    batches: AtomicU64,
}

impl Counting {
    fn new(inner: &Arc<SqliteDatabase>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            queries: AtomicU64::new(0),
            batches: AtomicU64::new(0),
        })
    }

    /// Queries and batches since the last time.
    fn take(&self) -> (u64, u64) {
        let taken = [&self.queries, &self.batches].map(|count| count.swap(0, Ordering::SeqCst));
        (taken[0], taken[1])
    }
}

#[async_trait]
impl Database for Counting {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, StoreError> {
        self.queries.fetch_add(1, Ordering::SeqCst);
        self.inner.query(sql, params).await
    }

    async fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.batches.fetch_add(1, Ordering::SeqCst);
        self.inner.apply(batch).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.inner.now().await
    }

    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }
}

/// Ten of something every ten milliseconds, a thousand in all.
async fn a_thousand<F: AsyncFn(i64)>(act: F) {
    for n in 0..1_000 {
        if n % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        act(n).await;
    }
}

#[tokio::test(start_paused = true)]
async fn events_and_duties_cost_few_queries_and_batches_beside_those_that_write_them() {
    let (db, _clock) = clocked();
    let (counting, bus) = (Counting::new(&db), InProcess::new());
    let (ledger, _) = ledger_with(&counting, &bus, Config::default());
    let (_target, answer) = serve(&bus, "target", &[]).await;
    let handled = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&handled);
    let handler = Take(move |_| {
        let counted = Arc::clone(&counted);
        Work::new(None, async move {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    });
    let handler = ledger.once(Arc::new(handler));
    let _consumer = bus.subscribe(subscription(), handler).await.unwrap();
    let at_work = start(&ledger);
    tokio::time::sleep(Duration::from_secs(1)).await;

    // One second each. Idle looks are three queries a second.
    counting.take();
    a_thousand(async |n| write_events(&ledger, n as u32..n as u32 + 1).await).await;
    outbox_is_empty(&db).await;
    let (queries, batches) = counting.take();
    assert_eq!(handled.load(Ordering::SeqCst), 1_000);
    // Rows go, and ids of handled events are noted, ten times a second each.
    assert!(
        queries <= 10 && batches - 1_000 <= 25,
        "{queries} {batches}"
    );

    // A time-out that does not come to pass. (One batch is left of before.)
    a_thousand(async |n| {
        let key = n.to_string();
        schedule(&ledger, &key, 10_000).await;
        let cancelled = Batch::new().with(ledger.cancel(&key));
        ledger.apply(cancelled).await.unwrap();
    })
    .await;
    let (queries, batches) = counting.take();
    assert!(queries <= 10 && batches - 2_000 <= 2, "{queries} {batches}");

    // Due at once.
    a_thousand(async |n| schedule(&ledger, &n.to_string(), 0).await).await;
    until(async || due::next_due(&*db, Service::CALL).await.unwrap().is_none()).await;
    let (queries, batches) = counting.take();
    assert_eq!(answer.seen.lock().await.len(), 1_000);
    assert!(
        queries <= 10 && batches - 1_000 <= 15,
        "{queries} {batches}"
    );

    // Due later: they are claimed and deleted together.
    a_thousand(async |n| schedule(&ledger, &n.to_string(), 3_000).await).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    until(async || due::next_due(&*db, Service::CALL).await.unwrap().is_none()).await;
    let (queries, batches) = counting.take();
    assert_eq!(answer.seen.lock().await.len(), 2_000);
    assert!(
        queries <= 50 && batches - 1_000 <= 25,
        "{queries} {batches}"
    );
    at_work.end().await;
}

/// CPU time of this process so far, in the kernel's ticks of 10 ms.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let numbers = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = numbers.split_whitespace().collect();
    [fields[11], fields[12]]
        .iter()
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum()
}

const NUMBER: u32 = 50_000;

fn report(what: &str, before: u64) {
    let spent_us = (cpu_ticks() - before) * 10_000;
    eprintln!(
        "{what}: {:.1} us of CPU each",
        spent_us as f64 / f64::from(NUMBER)
    );
}

/// `cargo test --release -p trunkline-delivery -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn cost_of_an_event_and_of_a_duty() {
    for works in [false, true] {
        let (db, bus) = (database(), InProcess::new());
        let (ledger, _) = ledger_with(&db, &bus, Config::default());
        let (_target, _answer) = serve(&bus, "target", &[]).await;
        let handler = Take(|_| Work::new(None, std::future::ready(Ok(()))));
        let handler = ledger.once(Arc::new(handler));
        let _consumer = bus.subscribe(subscription(), handler).await.unwrap();
        let at_work = works.then(|| start(&ledger));
        let before = cpu_ticks();
        // In portions: memory is to hold them.
        for portion in 0..NUMBER / 1_000 {
            write_events(&ledger, portion * 1_000..(portion + 1) * 1_000).await;
            if works {
                outbox_is_empty(&db).await;
            }
        }
        let done = if works { "and handled" } else { "only" };
        report(&format!("event written {done}"), before);
        let before = cpu_ticks();
        for portion in 0..NUMBER / 1_000 {
            for n in 0..1_000 {
                schedule(&ledger, &format!("{portion} {n}"), 0).await;
            }
            if works {
                until(async || due::next_due(&*db, Service::CALL).await.unwrap().is_none()).await;
            }
        }
        report(&format!("duty written {done}"), before);
        if let Some(at_work) = at_work {
            at_work.end().await;
        }
    }
}
