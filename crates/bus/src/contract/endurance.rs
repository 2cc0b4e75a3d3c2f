//! What a carrier must survive: callers that leave, handlers that panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::{PATIENCE, Take, answer, next, subscription, wait_until};
use crate::error::Error;
use crate::port::{Bus, Message, QueueSpec, Work};

pub(super) async fn all(bus: &dyn Bus, prefix: &str) {
    handler_outlives_its_caller(bus, &format!("{prefix}.outlives")).await;
    crowd_is_answered_by_few_workers(bus, &format!("{prefix}.crowd")).await;
    panic_while_accepting_costs_no_other_event(bus, &format!("{prefix}.accepting")).await;
    event_without_meaning_is_confirmed(bus, &format!("{prefix}.meaningless")).await;
}

async fn handler_outlives_its_caller(bus: &dyn Bus, queue: &str) {
    let (begun, release, ended) = (
        Arc::new(Notify::new()),
        Arc::new(Notify::new()),
        Arc::new(AtomicUsize::new(0)),
    );
    let handler = {
        let (begun, release, ended) = (begun.clone(), release.clone(), ended.clone());
        answer(move |body| {
            let (begun, release, ended) = (begun.clone(), release.clone(), ended.clone());
            async move {
                begun.notify_one();
                release.notified().await;
                ended.fetch_add(1, Ordering::SeqCst);
                Some(body)
            }
        })
    };
    let consumer = bus.serve(QueueSpec::new(queue, 1), handler).await.unwrap();
    // One caller's time is over, the other one is dropped while he waits.
    let outcome = bus
        .request(queue, Bytes::new(), Duration::from_millis(30))
        .await;
    assert!(matches!(outcome, Err(Error::Timeout { .. })), "{outcome:?}");
    begun.notified().await;
    release.notify_one();
    wait_until(|| async { ended.load(Ordering::SeqCst) == 1 }).await;
    tokio::select! {
        biased;
        outcome = bus.request(queue, Bytes::new(), PATIENCE) => panic!("nobody answers: {outcome:?}"),
        () = begun.notified() => {}
    }
    release.notify_one();
    wait_until(|| async { ended.load(Ordering::SeqCst) == 2 }).await;
    consumer.stop().await;
}

async fn crowd_is_answered_by_few_workers(bus: &dyn Bus, queue: &str) {
    let handler = answer(|body| async move {
        tokio::task::yield_now().await;
        Some(body)
    });
    let consumer = bus.serve(QueueSpec::new(queue, 2), handler).await.unwrap();
    let asks = (0..500_u16).map(|n| {
        let body = Bytes::from(n.to_be_bytes().to_vec());
        bus.request(queue, body, PATIENCE)
    });
    let answers = futures_util::future::join_all(asks).await;
    for (n, answer) in (0..500_u16).zip(answers) {
        assert_eq!(answer.unwrap()[..], n.to_be_bytes());
    }
    consumer.stop().await;
}

async fn panic_while_accepting_costs_no_other_event(bus: &dyn Bus, name: &str) {
    let (sender, mut handled) = tokio::sync::mpsc::unbounded_channel();
    let handler = Take(move |message: Message| {
        assert!(
            !message.body.is_empty(),
            "wanted panic of the contract suite"
        );
        let sender = sender.clone();
        Work::new(None, async move {
            let _ = sender.send(message.body);
            Ok(())
        })
    });
    let consumer = bus
        .subscribe(subscription(name, name), Arc::new(handler))
        .await
        .unwrap();
    for body in [&b""[..], b"next"] {
        drop(
            bus.publish(name, None, Bytes::from_static(body))
                .await
                .unwrap(),
        );
    }
    assert_eq!(&next(&mut handled).await[..], b"next");
    consumer.stop().await;
}

async fn event_without_meaning_is_confirmed(bus: &dyn Bus, name: &str) {
    let handler = Take(|_: Message| Work::nothing());
    let consumer = bus
        .subscribe(subscription(name, name), Arc::new(handler))
        .await
        .unwrap();
    let confirmation = bus
        .publish(name, None, Bytes::from_static(b"x"))
        .await
        .unwrap();
    tokio::time::timeout(PATIENCE, confirmation)
        .await
        .expect("confirmed in time")
        .unwrap();
    consumer.stop().await;
}
