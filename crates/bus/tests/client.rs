//! What becomes of requests whose connection is lost before the reply has come.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{
    Bus, Consumer, Error, InProcess, Method, QueueSpec, Request, RequestHandler, Response, Rpc,
    RpcError,
};
use trunkline_model::service::Service;

const QUEUE: &str = "q";
const PATIENCE: Duration = Duration::from_secs(3);

/// A carrier whose connection is lost when the work was done and before the reply has
/// come, so many times.
struct Losing {
    inner: InProcess,
    losses: AtomicUsize,
    /// When each request left, and until when its reply was waited for.
    sent: Mutex<Vec<(Instant, Instant)>>,
}

#[async_trait]
impl trunkline_bus::Around for Losing {
    fn inner(&self) -> &dyn Bus {
        &self.inner
    }

    async fn request(&self, queue: &str, body: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        let now = Instant::now();
        self.sent.lock().unwrap().push((now, now + timeout));
        let answer = self.inner.request(queue, body, timeout).await;
        let left = |losses: usize| losses.checked_sub(1);
        let (set, get) = (Ordering::SeqCst, Ordering::SeqCst);
        match self.losses.fetch_update(set, get, left) {
            Ok(_) => Err(Error::Disconnected(queue.to_owned())),
            Err(_) => answer,
        }
    }
}

/// Answers 200 and counts.
#[derive(Default)]
struct Counted(AtomicUsize);

#[async_trait]
impl RequestHandler for Counted {
    async fn handle(&self, _: Bytes) -> Option<Bytes> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Some(Response::bare(200).encode())
    }
}

/// Somebody who asks, the carrier, and who answers.
struct World {
    rpc: Rpc,
    bus: Arc<Losing>,
    answering: Arc<Counted>,
    consumer: Consumer,
}

impl World {
    async fn losing(losses: usize) -> Self {
        let bus = Arc::new(Losing {
            inner: InProcess::new(),
            losses: AtomicUsize::new(losses),
            sent: Mutex::default(),
        });
        let answering = Arc::<Counted>::default();
        let handler = Arc::clone(&answering) as Arc<dyn RequestHandler>;
        let consumer = bus.serve(QueueSpec::new(QUEUE, 1), handler).await.unwrap();
        let carrier = Arc::clone(&bus) as Arc<dyn Bus>;
        Self {
            rpc: Rpc::new(carrier, Service::CALL, ServiceMetrics::default()),
            bus,
            answering,
            consumer,
        }
    }

    async fn ask(&self, request: &Request, timeout: Duration) -> Result<Response, RpcError> {
        self.rpc.send(QUEUE, request, "call/calls", timeout).await
    }

    fn get(&self) -> Request {
        self.rpc.request(Method::Get, "/v1/calls/1")
    }

    fn done(&self) -> usize {
        self.answering.0.load(Ordering::SeqCst)
    }

    fn sent(&self) -> Vec<(Instant, Instant)> {
        self.bus.sent.lock().unwrap().clone()
    }

    /// How many requests the metric has.
    fn counted(&self) -> Option<String> {
        let mut registry = Registry::default();
        self.rpc.metrics().register(&mut registry);
        let mut shown = String::new();
        prometheus_client::encoding::text::encode(&mut shown, &registry).unwrap();
        let mut lines = shown.lines();
        let line = lines.find(|line| line.starts_with("request_process_time_count"))?;
        Some(line.rsplit_once(' ')?.1.to_owned())
    }
}

fn is_lost(answer: &Result<Response, RpcError>) -> bool {
    matches!(answer, Err(RpcError::Transport(Error::Disconnected(queue))) if queue == QUEUE)
}

#[tokio::test(start_paused = true)]
async fn a_question_that_was_lost_is_asked_again_and_counts_once() {
    let world = World::losing(2).await;
    let answer = world.ask(&world.get(), PATIENCE).await.unwrap();
    assert_eq!(answer.status_code, 200);
    assert_eq!(world.done(), 3);
    assert_eq!(world.counted().as_deref(), Some("1"));
    let sent = world.sent();
    assert!(sent.is_sorted_by(|one, next| one.0 < next.0), "no pause");
}

#[tokio::test(start_paused = true)]
async fn what_may_change_something_is_sent_once() {
    for method in [Method::Post, Method::Put, Method::Delete] {
        let world = World::losing(1).await;
        let request = world.rpc.request(method, "/v1/calls/1");
        let answer = world.ask(&request, PATIENCE).await;
        assert!(is_lost(&answer), "{answer:?}");
        assert!(answer.unwrap_err().outcome_unknown());
        assert_eq!(world.done(), 1, "{method:?}");
    }
    // A GET in name only: it moves an activeflow on (chapter 05 D.5.2).
    let world = World::losing(1).await;
    let answer = world.ask(&world.get().once(), PATIENCE).await;
    assert!(is_lost(&answer), "{answer:?}");
    assert_eq!(world.done(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_question_is_not_asked_past_its_callers_time_nor_for_ever() {
    for millis in [0, 10, 50, 51, 100, 260, 3_000, 60_000] {
        let world = World::losing(usize::MAX).await;
        let (begun, patience) = (Instant::now(), Duration::from_millis(millis));
        let answer = world.ask(&world.get(), patience).await;
        assert!(is_lost(&answer), "{millis}: {answer:?}");
        assert!(begun.elapsed() <= patience, "{millis}");
        let sent = world.sent();
        assert!((1..=4).contains(&sent.len()), "{millis}: {sent:?}");
        for (_, until) in sent {
            assert!(until <= begun + patience, "{millis}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_not_taken_the_second_time_was_lost() {
    let world = World::losing(1).await;
    let World {
        rpc, bus, consumer, ..
    } = world;
    // Nobody answers while it is asked the second time.
    let asked = tokio::spawn(async move {
        let request = rpc.request(Method::Get, "/v1/calls/1");
        rpc.send(QUEUE, &request, "call/calls", PATIENCE).await
    });
    while bus.losses.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
    consumer.stop().await;
    let answer = asked.await.unwrap();
    assert!(is_lost(&answer), "{answer:?}");
    assert_eq!(bus.sent.lock().unwrap().len(), 2);
}
