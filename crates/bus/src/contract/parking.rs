//! Parking and putting back, for every carrier.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{PATIENCE, Take, collect, next, subscription, wait_until};
use crate::error::Error;
use crate::parking::Parking;
use crate::port::{Bus, Message, Retry, Work};

/// Parked messages: queue, id, body, failed deliveries, reason.
type Kept = Vec<(String, Option<Uuid>, Bytes, u32, String)>;

#[derive(Default)]
struct Lot {
    kept: Mutex<Kept>,
    /// How often parking is refused before it works.
    refuses: AtomicUsize,
    /// What was put back and handled: queue, id, failed deliveries.
    handled: Mutex<Vec<(String, Option<Uuid>, u32)>>,
}

#[async_trait]
impl Parking for Lot {
    async fn park(&self, queue: &str, message: &Message, reason: &str) -> Result<(), String> {
        let refused = self
            .refuses
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        if refused.is_ok() {
            return Err("wanted refusal of the contract suite".to_owned());
        }
        self.kept.lock().await.push((
            queue.to_owned(),
            message.message_id,
            message.body.clone(),
            message.retries,
            reason.to_owned(),
        ));
        Ok(())
    }

    async fn handled(&self, queue: &str, message: &Message) -> Result<(), String> {
        let what = (queue.to_owned(), message.message_id, message.retries);
        self.handled.lock().await.push(what);
        Ok(())
    }
}

/// What the handler of [`failing`] has seen.
#[derive(Default)]
struct Seen {
    deliveries: AtomicUsize,
    handled: Mutex<Vec<(Option<Uuid>, u32)>>,
    works: AtomicBool,
}

/// A handler that fails until it is told to work; it cannot read `garbage`, and `nothing`
/// means nothing to it.
fn failing(seen: &Arc<Seen>) -> Arc<Take<impl Fn(Message) -> Work + Send + Sync + 'static>> {
    let seen = Arc::clone(seen);
    Arc::new(Take(move |message: Message| {
        let works = seen.works.load(Ordering::SeqCst);
        seen.deliveries.fetch_add(1, Ordering::SeqCst);
        if &message.body[..] == b"garbage" {
            return Work::unreadable("garbage");
        }
        if &message.body[..] == b"nothing" {
            return Work::nothing();
        }
        let seen = Arc::clone(&seen);
        Work::new(None, async move {
            if !works {
                return Err(Retry::later("wanted failure of the contract suite"));
            }
            let what = (message.message_id, message.retries);
            seen.handled.lock().await.push(what);
            Ok(())
        })
    }))
}

pub(super) async fn all(bus: &dyn Bus, prefix: &str) {
    what_always_fails_is_parked_once(bus, &format!("{prefix}.always")).await;
    what_cannot_be_read_is_parked_at_once(bus, &format!("{prefix}.garbage")).await;
    what_cannot_be_parked_is_delivered_again(bus, &format!("{prefix}.refused")).await;
    what_is_put_back_reaches_its_queue_only(bus, &format!("{prefix}.back")).await;
    whoever_parked_it_hears_that_it_was_handled(bus, &format!("{prefix}.told")).await;
    work_that_never_ends_has_failed(bus, &format!("{prefix}.endless")).await;
}

async fn what_always_fails_is_parked_once(bus: &dyn Bus, name: &str) {
    let (lot, seen) = (Arc::new(Lot::default()), Arc::new(Seen::default()));
    let subscription = subscription(name, name).parked_by(Arc::clone(&lot) as Arc<dyn Parking>);
    let repetitions = u32::try_from(subscription.retry_delays.len()).unwrap();
    let consumer = bus.subscribe(subscription, failing(&seen)).await.unwrap();
    let (id, body) = (Some(Uuid::new_v4()), Bytes::from_static(b"poison"));
    let confirmation = bus.publish(name, id, body.clone()).await.unwrap();
    tokio::time::timeout(PATIENCE, confirmation)
        .await
        .expect("its sender may forget it")
        .unwrap();
    wait_until(|| async { !lot.kept.lock().await.is_empty() }).await;
    // The next one is handled: what failed does not stand in its way.
    seen.works.store(true, Ordering::SeqCst);
    let next = bus.publish(name, None, Bytes::from_static(b"good")).await;
    next.unwrap().await.unwrap();
    wait_until(|| async { !seen.handled.lock().await.is_empty() }).await;
    consumer.stop().await;

    let reason = "wanted failure of the contract suite".to_owned();
    let expected = (name.to_owned(), id, body, repetitions, reason);
    assert_eq!(*lot.kept.lock().await, [expected]);
    let deliveries = seen.deliveries.load(Ordering::SeqCst);
    assert_eq!(deliveries, 1 + repetitions as usize + 1);
    assert_eq!(*seen.handled.lock().await, [(None, 0)]);
}

async fn what_cannot_be_read_is_parked_at_once(bus: &dyn Bus, name: &str) {
    let (lot, seen) = (Arc::new(Lot::default()), Arc::new(Seen::default()));
    let subscription = subscription(name, name).parked_by(Arc::clone(&lot) as Arc<dyn Parking>);
    let consumer = bus.subscribe(subscription, failing(&seen)).await.unwrap();
    let garbage = Bytes::from_static(b"garbage");
    let confirmation = bus.publish(name, None, garbage.clone()).await.unwrap();
    confirmation.await.unwrap();
    wait_until(|| async { !lot.kept.lock().await.is_empty() }).await;
    consumer.stop().await;
    let expected = (name.to_owned(), None, garbage, 0, "garbage".to_owned());
    assert_eq!(*lot.kept.lock().await, [expected]);
    assert_eq!(seen.deliveries.load(Ordering::SeqCst), 1);
}

async fn what_cannot_be_parked_is_delivered_again(bus: &dyn Bus, name: &str) {
    let (lot, seen) = (Arc::new(Lot::default()), Arc::new(Seen::default()));
    lot.refuses.store(2, Ordering::SeqCst);
    let subscription = subscription(name, name).parked_by(Arc::clone(&lot) as Arc<dyn Parking>);
    let repetitions = u32::try_from(subscription.retry_delays.len()).unwrap();
    let consumer = bus.subscribe(subscription, failing(&seen)).await.unwrap();
    let id = Some(Uuid::new_v4());
    let poison = Bytes::from_static(b"poison");
    let confirmation = bus.publish(name, id, poison).await.unwrap();
    // Each carrier has a pause of its own for this.
    let parked = async {
        confirmation.await.unwrap();
        while lot.kept.lock().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let parked = tokio::time::timeout(100 * PATIENCE, parked).await;
    parked.expect("parked in the end");
    consumer.stop().await;
    let kept = lot.kept.lock().await;
    assert_eq!(kept.len(), 1);
    assert_eq!(
        kept[0].3,
        repetitions + 2,
        "the handler was asked again each time"
    );
}

async fn what_is_put_back_reaches_its_queue_only(bus: &dyn Bus, name: &str) {
    let [mine, other, none] = ["mine", "other", "none"].map(|end| format!("{name}.{end}"));
    let nowhere = bus.redeliver(&none, None, Bytes::new()).await;
    assert!(matches!(nowhere, Err(Error::NoQueue(_))));
    let (handler, mut to_other) = collect(None);
    let bystander = bus
        .subscribe(subscription(&other, name), handler)
        .await
        .unwrap();
    let seen = Arc::new(Seen::default());
    let mut to_me = subscription(&mine, name);
    to_me.retry_delays = vec![Duration::from_millis(5); 1_000];
    let consumer = bus.subscribe(to_me, failing(&seen)).await.unwrap();
    let id = Some(Uuid::new_v4());
    let back = bus.redeliver(&mine, id, Bytes::from_static(b"back"));
    let confirmation = back.await.unwrap();
    // It fails once, and comes again as any other event does.
    wait_until(|| async { seen.deliveries.load(Ordering::SeqCst) > 0 }).await;
    seen.works.store(true, Ordering::SeqCst);
    confirmation.await.unwrap();
    wait_until(|| async { !seen.handled.lock().await.is_empty() }).await;
    let handled = seen.handled.lock().await.clone();
    assert_eq!(handled[0].0, id);
    assert!(handled[0].1 > 0);
    let everybody = bus.publish(name, None, Bytes::from_static(b"everybody"));
    everybody.await.unwrap().await.unwrap();
    assert_eq!(&next(&mut to_other).await[..], b"everybody");
    consumer.stop().await;
    bystander.stop().await;
}

async fn whoever_parked_it_hears_that_it_was_handled(bus: &dyn Bus, name: &str) {
    let (lot, seen) = (Arc::new(Lot::default()), Arc::new(Seen::default()));
    let mut to_me = subscription(name, name).parked_by(Arc::clone(&lot) as Arc<dyn Parking>);
    to_me.retry_delays = vec![Duration::from_millis(5); 1_000];
    let consumer = bus.subscribe(to_me, failing(&seen)).await.unwrap();
    // What is published is nobody's who keeps a row of it.
    let published = bus.publish(name, Some(Uuid::new_v4()), Bytes::from_static(b"new"));
    let published = published.await.unwrap();
    let [fails, means_nothing] = [(); 2].map(|()| Some(Uuid::new_v4()));
    let back = bus.redeliver(name, fails, Bytes::from_static(b"back"));
    let back = back.await.unwrap();
    wait_until(|| async { seen.deliveries.load(Ordering::SeqCst) > 2 }).await;
    assert_eq!(*lot.handled.lock().await, []);
    seen.works.store(true, Ordering::SeqCst);
    published.await.unwrap();
    back.await.unwrap();
    wait_until(|| async { lot.handled.lock().await.len() == 1 }).await;
    let back = bus.redeliver(name, means_nothing, Bytes::from_static(b"nothing"));
    back.await.unwrap().await.unwrap();
    wait_until(|| async { lot.handled.lock().await.len() == 2 }).await;
    // A carrier that confirms before an event was handled may still hold the new one.
    wait_until(|| async { seen.handled.lock().await.len() == 2 }).await;
    consumer.stop().await;

    let handled = lot.handled.lock().await;
    assert!(handled.iter().all(|(queue, ..)| queue == name));
    assert_eq!([handled[0].1, handled[1].1], [fails, means_nothing]);
    assert!(handled[0].2 > 0, "it had failed again meanwhile");
    assert_eq!(
        seen.handled.lock().await.len(),
        2,
        "one of them means nothing"
    );
}

async fn work_that_never_ends_has_failed(bus: &dyn Bus, name: &str) {
    let seen = Arc::new(Seen::default());
    let handler = {
        let seen = Arc::clone(&seen);
        Take(move |message: Message| {
            let seen = Arc::clone(&seen);
            Work::new(Some("one".to_owned()), async move {
                if message.retries == 0 && &message.body[..] == b"endless" {
                    std::future::pending::<()>().await;
                }
                let what = (message.message_id, message.retries);
                seen.handled.lock().await.push(what);
                Ok(())
            })
        })
    };
    let mut subscription = subscription(name, name);
    subscription.longest_work = Duration::from_millis(30);
    let consumer = bus
        .subscribe(subscription, Arc::new(handler))
        .await
        .unwrap();
    for body in [&b"endless"[..], b"next"] {
        let published = bus.publish(name, None, Bytes::from_static(body)).await;
        let confirmation = published.unwrap();
        drop(confirmation);
    }
    wait_until(|| async { seen.handled.lock().await.len() == 2 }).await;
    consumer.stop().await;
    // The one behind it in its lane goes on, and it comes again.
    assert_eq!(*seen.handled.lock().await, [(None, 0), (None, 1)]);
}
