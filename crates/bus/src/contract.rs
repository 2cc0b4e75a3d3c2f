//! The suite that every carrier passes. A difference found in production
//! becomes a line here.
//!
//! Each function panics with what is wrong; the carrier's crate calls [`all`].

#![allow(clippy::unwrap_used, reason = "a suite panics with what is wrong")]

mod endurance;
mod parking;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Mutex, Notify, mpsc};
use uuid::Uuid;

use crate::error::Error;
use crate::port::{
    Bus, EventHandler, Message, QueueSpec, RequestHandler, Retry, Subscription, Work,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Runs every case. `prefix` keeps the names of this run apart from others.
pub async fn all(bus: Arc<dyn Bus>, prefix: &str) {
    reply_reaches_its_caller(&*bus, &format!("{prefix}.reply")).await;
    silent_handler_costs_the_caller_his_timeout(&*bus, &format!("{prefix}.silent")).await;
    panicking_handler_answers_500(&*bus, &format!("{prefix}.panic")).await;
    given_up_request_is_not_executed(&*bus, &format!("{prefix}.given-up")).await;
    request_waits_for_the_next_consumer(&*bus, &format!("{prefix}.next")).await;
    workers_bound_the_parallel_work(&*bus, &format!("{prefix}.workers")).await;
    second_consumer_is_refused(&*bus, &format!("{prefix}.second")).await;
    who_stands_in_answers_while_nobody_serves(&*bus, &format!("{prefix}.stand-in")).await;
    events_of_one_key_stay_in_order(&*bus, &format!("{prefix}.order")).await;
    failed_event_comes_again_and_is_confirmed_once_handled(&*bus, &format!("{prefix}.again")).await;
    every_bound_queue_gets_the_event(&*bus, &format!("{prefix}.fanout")).await;
    messages_wait_while_nobody_consumes(&*bus, &format!("{prefix}.wait")).await;
    stopping_waits_for_work_in_progress(&*bus, &format!("{prefix}.stop")).await;
    endurance::all(&*bus, &format!("{prefix}.endurance")).await;
    parking::all(&*bus, &format!("{prefix}.parking")).await;
}

struct Answer<F>(F);

#[async_trait]
impl<F, Fut> RequestHandler for Answer<F>
where
    F: Fn(Bytes) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Option<Bytes>> + Send + 'static,
{
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        (self.0)(body).await
    }
}

struct Take<F>(F);

impl<F: Fn(Message) -> Work + Send + Sync + 'static> EventHandler for Take<F> {
    fn accept(&self, message: Message) -> Work {
        (self.0)(message)
    }
}

fn answer<F, Fut>(act: F) -> Arc<dyn RequestHandler>
where
    F: Fn(Bytes) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Option<Bytes>> + Send + 'static,
{
    Arc::new(Answer(act))
}

/// An event handler that sends every body to a channel.
fn collect(key: Option<&'static str>) -> (Arc<dyn EventHandler>, mpsc::UnboundedReceiver<Bytes>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let handler = Take(move |message: Message| {
        let sender = sender.clone();
        let run = async move {
            let _ = sender.send(message.body);
            Ok(())
        };
        Work::new(key.map(str::to_owned), run)
    });
    (Arc::new(handler), receiver)
}

fn subscription(name: &str, exchange: &str) -> Subscription {
    let mut subscription = Subscription::new(QueueSpec::new(name, 20), [exchange.to_owned()]);
    subscription.retry_delays = vec![Duration::from_millis(5); 3];
    subscription
}

async fn next(receiver: &mut mpsc::UnboundedReceiver<Bytes>) -> Bytes {
    tokio::time::timeout(PATIENCE, receiver.recv())
        .await
        .expect("an event in time")
        .expect("an event")
}

async fn reply_reaches_its_caller(bus: &dyn Bus, queue: &str) {
    let consumer = bus
        .serve(
            QueueSpec::new(queue, 10),
            answer(|body| async move { Some(body) }),
        )
        .await
        .unwrap();
    let asks = (0..50_u8).map(|n| bus.request(queue, Bytes::from(vec![n]), PATIENCE));
    let answers = futures_util::future::join_all(asks).await;
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(
            usize::from(answer.unwrap()[0]),
            n,
            "every caller gets his own reply"
        );
    }
    consumer.stop().await;
}

async fn silent_handler_costs_the_caller_his_timeout(bus: &dyn Bus, queue: &str) {
    let consumer = bus
        .serve(QueueSpec::new(queue, 1), answer(|_| async { None }))
        .await
        .unwrap();
    let outcome = bus
        .request(queue, Bytes::new(), Duration::from_millis(50))
        .await;
    assert!(matches!(outcome, Err(Error::Timeout { .. })), "{outcome:?}");
    consumer.stop().await;
}

async fn panicking_handler_answers_500(bus: &dyn Bus, queue: &str) {
    let handler = answer(|body: Bytes| async move {
        assert!(!body.is_empty(), "wanted panic of the contract suite");
        Some(body)
    });
    let consumer = bus.serve(QueueSpec::new(queue, 1), handler).await.unwrap();
    let failed = bus.request(queue, Bytes::new(), PATIENCE).await.unwrap();
    assert!(
        String::from_utf8_lossy(&failed).contains("500"),
        "{failed:?}"
    );
    let next = bus
        .request(queue, Bytes::from_static(b"x"), PATIENCE)
        .await
        .unwrap();
    assert_eq!(&next[..], b"x", "the worker goes on");
    consumer.stop().await;
}

async fn given_up_request_is_not_executed(bus: &dyn Bus, queue: &str) {
    let executed = Arc::new(AtomicUsize::new(0));
    let release = Arc::new(Notify::new());
    let handler = {
        let (executed, release) = (Arc::clone(&executed), Arc::clone(&release));
        answer(move |body: Bytes| {
            let (executed, release) = (Arc::clone(&executed), Arc::clone(&release));
            async move {
                executed.fetch_add(1, Ordering::SeqCst);
                if &body[..] == b"block" {
                    release.notified().await;
                }
                Some(body)
            }
        })
    };
    let consumer = bus.serve(QueueSpec::new(queue, 1), handler).await.unwrap();
    let blocking = bus.request(queue, Bytes::from_static(b"block"), PATIENCE);
    let hurried = async {
        while executed.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let outcome = bus
            .request(
                queue,
                Bytes::from_static(b"late"),
                Duration::from_millis(30),
            )
            .await;
        assert!(outcome.is_err(), "nobody could answer in time");
        release.notify_one();
    };
    let (blocked, ()) = tokio::join!(blocking, hurried);
    blocked.unwrap();
    bus.request(queue, Bytes::from_static(b"last"), PATIENCE)
        .await
        .unwrap();
    assert_eq!(
        executed.load(Ordering::SeqCst),
        2,
        "the given-up request is not executed"
    );
    consumer.stop().await;
}

/// A consumer may leave a queue and come back.
async fn request_waits_for_the_next_consumer(bus: &dyn Bus, queue: &str) {
    let echo = || answer(|body| async move { Some(body) });
    let spec = || QueueSpec::new(queue, 1);
    bus.serve(spec(), echo()).await.unwrap().stop().await;
    let early = bus.request(
        queue,
        Bytes::from_static(b"early"),
        Duration::from_millis(30),
    );
    let outcome = early.await;
    assert!(
        matches!(outcome, Err(Error::Untaken { .. } | Error::Timeout { .. })),
        "nobody serves: {outcome:?}"
    );
    let waiting = bus.request(queue, Bytes::from_static(b"waits"), PATIENCE);
    let serving = async {
        tokio::task::yield_now().await;
        bus.serve(spec(), echo()).await.unwrap()
    };
    let (answered, consumer) = tokio::join!(waiting, serving);
    assert_eq!(&answered.unwrap()[..], b"waits");
    consumer.stop().await;
}

async fn workers_bound_the_parallel_work(bus: &dyn Bus, queue: &str) {
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let handler = {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        answer(move |body| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(2)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                Some(body)
            }
        })
    };
    let consumer = bus.serve(QueueSpec::new(queue, 3), handler).await.unwrap();
    let asks = (0..30).map(|_| bus.request(queue, Bytes::new(), PATIENCE));
    for answer in futures_util::future::join_all(asks).await {
        answer.unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
    consumer.stop().await;
}

async fn second_consumer_is_refused(bus: &dyn Bus, queue: &str) {
    let consumer = bus
        .serve(
            QueueSpec::new(queue, 1),
            answer(|body| async move { Some(body) }),
        )
        .await
        .unwrap();
    let second = bus
        .serve(
            QueueSpec::new(queue, 1),
            answer(|body| async move { Some(body) }),
        )
        .await;
    assert!(
        matches!(second, Err(Error::Consumed(_))),
        "one consumer per queue and process"
    );
    consumer.stop().await;
    let third = bus
        .serve(
            QueueSpec::new(queue, 1),
            answer(|body| async move { Some(body) }),
        )
        .await
        .unwrap();
    third.stop().await;
}

/// Nobody waits for whoever may come, and whoever comes gets all.
async fn who_stands_in_answers_while_nobody_serves(bus: &dyn Bus, queue: &str) {
    let says = |word: &'static [u8]| answer(move |_| async move { Some(Bytes::from_static(word)) });
    let spec = || QueueSpec::new(queue, 1);
    for _ in 0..2 {
        let nobody = bus.stand_in(spec(), says(b"nobody")).await.unwrap();
        let second = bus.serve(spec(), says(b"somebody")).await;
        assert!(matches!(second, Err(Error::Consumed(_))), "{second:?}");
        let answered = bus.request(queue, Bytes::new(), PATIENCE).await.unwrap();
        assert_eq!(&answered[..], b"nobody");
        nobody.stop().await;

        let somebody = bus.serve(spec(), says(b"somebody")).await.unwrap();
        let second = bus.stand_in(spec(), says(b"nobody")).await;
        assert!(matches!(second, Err(Error::Consumed(_))), "{second:?}");
        let answered = bus.request(queue, Bytes::new(), PATIENCE).await.unwrap();
        assert_eq!(&answered[..], b"somebody");
        somebody.stop().await;
    }
}

async fn events_of_one_key_stay_in_order(bus: &dyn Bus, name: &str) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let seen = Arc::clone(&seen);
        Take(move |message: Message| {
            let seen = Arc::clone(&seen);
            let (key, n) = (message.body[0], message.body[1]);
            let run = async move {
                // The first of a key is the slowest: order must not come from speed.
                tokio::time::sleep(Duration::from_millis(u64::from(10_u8.saturating_sub(n)))).await;
                seen.lock().await.push((key, n));
                Ok(())
            };
            Work::new(Some(key.to_string()), run)
        })
    };
    let consumer = bus
        .subscribe(subscription(name, name), Arc::new(handler))
        .await
        .unwrap();
    let mut confirmations = Vec::new();
    for n in 0..10_u8 {
        for key in 0..5_u8 {
            confirmations.push(
                bus.publish(name, None, Bytes::from(vec![key, n]))
                    .await
                    .unwrap(),
            );
        }
    }
    for confirmed in futures_util::future::join_all(confirmations).await {
        confirmed.unwrap();
    }
    wait_until(|| async { seen.lock().await.len() == 50 }).await;
    for key in 0..5_u8 {
        let of_key: Vec<u8> = seen
            .lock()
            .await
            .iter()
            .filter(|(k, _)| *k == key)
            .map(|(_, n)| *n)
            .collect();
        assert_eq!(of_key, (0..10).collect::<Vec<u8>>(), "order of key {key}");
    }
    consumer.stop().await;
}

async fn failed_event_comes_again_and_is_confirmed_once_handled(bus: &dyn Bus, name: &str) {
    let tries = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let tries = Arc::clone(&tries);
        Take(move |message: Message| {
            let tries = Arc::clone(&tries);
            let run = async move {
                tries
                    .lock()
                    .await
                    .push((message.message_id, message.retries));
                if message.retries < 2 {
                    Err(Retry::later("not yet"))
                } else {
                    Ok(())
                }
            };
            Work::new(None, run)
        })
    };
    let consumer = bus
        .subscribe(subscription(name, name), Arc::new(handler))
        .await
        .unwrap();
    let id = Some(Uuid::new_v4());
    let confirmation = bus
        .publish(name, id, Bytes::from_static(b"x"))
        .await
        .unwrap();
    tokio::time::timeout(PATIENCE, confirmation)
        .await
        .expect("confirmed in time")
        .unwrap();
    wait_until(|| async { tries.lock().await.len() == 3 }).await;
    assert_eq!(*tries.lock().await, vec![(id, 0), (id, 1), (id, 2)]);
    consumer.stop().await;
}

async fn every_bound_queue_gets_the_event(bus: &dyn Bus, name: &str) {
    bus.publish(name, None, Bytes::from_static(b"nobody"))
        .await
        .unwrap()
        .await
        .unwrap();
    let (first, mut to_first) = collect(None);
    let (second, mut to_second) = collect(Some("k"));
    let one = bus
        .subscribe(subscription(&format!("{name}.1"), name), first)
        .await
        .unwrap();
    let two = bus
        .subscribe(subscription(&format!("{name}.2"), name), second)
        .await
        .unwrap();
    bus.publish(name, None, Bytes::from_static(b"both"))
        .await
        .unwrap()
        .await
        .unwrap();
    assert_eq!(&next(&mut to_first).await[..], b"both");
    assert_eq!(&next(&mut to_second).await[..], b"both");
    one.stop().await;
    two.stop().await;
}

async fn messages_wait_while_nobody_consumes(bus: &dyn Bus, name: &str) {
    let (handler, _) = collect(None);
    bus.subscribe(subscription(name, name), handler)
        .await
        .unwrap()
        .stop()
        .await;
    let confirmation = bus
        .publish(name, None, Bytes::from_static(b"early"))
        .await
        .unwrap();
    let (handler, mut received) = collect(None);
    let consumer = bus
        .subscribe(subscription(name, name), handler)
        .await
        .unwrap();
    assert_eq!(&next(&mut received).await[..], b"early");
    confirmation.await.unwrap();
    consumer.stop().await;
}

async fn stopping_waits_for_work_in_progress(bus: &dyn Bus, queue: &str) {
    let started = Arc::new(Notify::new());
    let finished = Arc::new(AtomicUsize::new(0));
    let handler = {
        let (started, finished) = (Arc::clone(&started), Arc::clone(&finished));
        answer(move |body| {
            let (started, finished) = (Arc::clone(&started), Arc::clone(&finished));
            async move {
                started.notify_one();
                tokio::time::sleep(Duration::from_millis(20)).await;
                finished.fetch_add(1, Ordering::SeqCst);
                Some(body)
            }
        })
    };
    let consumer = bus.serve(QueueSpec::new(queue, 2), handler).await.unwrap();
    let stop = async {
        started.notified().await;
        consumer.stop().await;
        assert_eq!(
            finished.load(Ordering::SeqCst),
            1,
            "stop waits for the work in progress"
        );
    };
    let (answer, ()) = tokio::join!(bus.request(queue, Bytes::new(), PATIENCE), stop);
    answer.unwrap();
}

async fn wait_until<F, Fut>(condition: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = bool>,
{
    let waited = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited)
        .await
        .expect("the condition in time");
}
