//! The in-process carrier passes the contract suite, and is bounded.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;
use trunkline_bus::port::LONGEST_WORK;
use trunkline_bus::{
    Bus, Error, EventHandler, InProcess, Message, QueueSpec, RequestHandler, Subscription, Work,
    contract,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_process_carrier_keeps_the_contract() {
    contract::all(Arc::new(InProcess::new()), "contract").await;
}

/// Works on a message for each permit that it is given.
struct Gated(Arc<Semaphore>);

#[async_trait]
impl RequestHandler for Gated {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        self.0.acquire().await.unwrap().forget();
        Some(body)
    }
}

impl EventHandler for Gated {
    fn accept(&self, _: Message) -> Work {
        let gate = Arc::clone(&self.0);
        Work::new(None, async move {
            gate.acquire().await.unwrap().forget();
            Ok(())
        })
    }
}

fn spec(workers: usize, capacity: usize) -> QueueSpec {
    QueueSpec {
        capacity,
        ..QueueSpec::new("q", workers)
    }
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_capacity_are_told_that_the_queue_is_full() {
    let (bus, gate) = (InProcess::new(), Arc::new(Semaphore::new(0)));
    let _consumer = bus
        .serve(spec(1, 2), Arc::new(Gated(Arc::clone(&gate))))
        .await
        .unwrap();
    let asks = (0..5).map(|_| bus.request("q", Bytes::new(), Duration::from_secs(1)));
    let answers = futures_util::future::join_all(asks).await;
    assert!(
        matches!(answers[0], Err(Error::Timeout { .. })),
        "it was taken"
    );
    for answer in &answers[1..3] {
        assert!(matches!(answer, Err(Error::Untaken { .. })), "{answer:?}");
    }
    for answer in &answers[3..] {
        assert!(matches!(answer, Err(Error::Full(_))), "{answer:?}");
    }
    let delivered = |answer: &Result<Bytes, Error>| !answer.as_ref().unwrap_err().not_delivered();
    assert_eq!(answers.iter().filter(|it| delivered(it)).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn publishers_wait_while_the_queue_is_full_and_no_event_is_lost() {
    let (bus, gate) = (InProcess::new(), Arc::new(Semaphore::new(0)));
    let subscription = Subscription::new(spec(1, 2), ["x".to_owned()]);
    let _consumer = bus
        .subscribe(subscription, Arc::new(Gated(Arc::clone(&gate))))
        .await
        .unwrap();
    let mut confirmations = Vec::new();
    for _ in 0..3 {
        confirmations.push(bus.publish("x", None, Bytes::new()).await.unwrap());
    }
    let fourth = bus.publish("x", None, Bytes::new()).await;
    assert!(matches!(fourth, Err(Error::Full(_))), "after its patience");
    let (fourth, ()) = tokio::join!(bus.publish("x", None, Bytes::new()), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        gate.add_permits(4);
    });
    confirmations.push(fourth.unwrap());
    for confirmed in futures_util::future::join_all(confirmations).await {
        confirmed.unwrap();
    }
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

fn report(what: &str, number: u64, before: u64) {
    let spent_us = (cpu_ticks() - before) * 10_000;
    eprintln!(
        "{what}: {:.2} us of CPU each",
        spent_us as f64 / number as f64
    );
}

/// `cargo test --release -p trunkline-bus --all-features -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn cost_of_a_message() {
    const NUMBER: u64 = 200_000;
    const CALLERS: u64 = 16;
    let bus = InProcess::new();
    let open = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
    let _serving = bus
        .serve(spec(10, 1_024), Arc::new(Gated(Arc::clone(&open))))
        .await
        .unwrap();
    let subscription = Subscription::new(QueueSpec::new("events", 20), ["x".to_owned()]);
    let _consumer = bus
        .subscribe(subscription, Arc::new(Gated(open)))
        .await
        .unwrap();
    let before = cpu_ticks();
    let callers = (0..CALLERS).map(|_| {
        let bus = bus.clone();
        tokio::spawn(async move {
            for _ in 0..NUMBER / CALLERS {
                bus.request("q", Bytes::from_static(b"x"), Duration::from_secs(3))
                    .await
                    .unwrap();
            }
        })
    });
    futures_util::future::join_all(callers).await;
    report("request", NUMBER, before);
    let before = cpu_ticks();
    for _ in 0..NUMBER / 100 {
        let mut confirmations = Vec::new();
        for _ in 0..100 {
            confirmations.push(
                bus.publish("x", None, Bytes::from_static(b"x"))
                    .await
                    .unwrap(),
            );
        }
        futures_util::future::join_all(confirmations).await;
    }
    report("event", NUMBER, before);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_ends_gives_its_worker_back() {
    let (bus, gate) = (InProcess::new(), Arc::new(Semaphore::new(0)));
    let handler = Arc::new(Gated(Arc::clone(&gate)));
    let _consumer = bus.serve(QueueSpec::new("q", 1), handler).await.unwrap();
    let body = Bytes::from_static(b"x");
    let given_up = bus.request("q", body.clone(), Duration::from_secs(3)).await;
    assert!(matches!(given_up, Err(Error::Timeout { .. })));
    // The only worker is taken; the next one waits for it.
    let patience = LONGEST_WORK + Duration::from_secs(10);
    let next = bus.request("q", body.clone(), patience);
    let open = async {
        tokio::time::sleep(LONGEST_WORK).await;
        gate.add_permits(1);
    };
    let (next, ()) = tokio::join!(next, open);
    assert_eq!(next.unwrap(), body);
}
