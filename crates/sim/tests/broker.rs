//! The simulated broker keeps the contract of every carrier, and gives what a
//! silent process had to others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use trunkline_bus::{Bus as _, EventHandler, Message, QueueSpec, Subscription, Work, contract};
use trunkline_sim::broker::SimBus;

#[tokio::test(start_paused = true)]
async fn the_simulated_broker_keeps_the_contract() {
    contract::all(Arc::new(SimBus::new(1).connect()), "contract").await;
}

/// Handles what it gets after so long, and keeps count.
struct Slow {
    after: Duration,
    handled: Arc<AtomicUsize>,
}

impl EventHandler for Slow {
    fn accept(&self, _: Message) -> Work {
        let (after, handled) = (self.after, Arc::clone(&self.handled));
        Work::new(None, async move {
            handled.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(after).await;
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_silent_process_has_not_acknowledged_goes_to_another_one() {
    let bus = SimBus::new(1);
    let subscription = || Subscription::new(QueueSpec::new("work", 4), ["happened".to_owned()]);
    let handled = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let [silent, other] = [bus.connect(), bus.connect()];
    let slow = |at: usize| {
        Arc::new(Slow {
            after: Duration::from_secs(30),
            handled: Arc::clone(&handled[at]),
        })
    };
    let counts = || [0, 1].map(|at: usize| handled[at].load(Ordering::SeqCst));
    let _first = silent.subscribe(subscription(), slow(0)).await.unwrap();
    let publish = || silent.publish("happened", None, Bytes::from_static(b"{}"));
    publish().await.unwrap().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(counts(), [1, 0]);
    let _second = other.subscribe(subscription(), slow(1)).await.unwrap();

    silent.cut();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(counts(), [1, 1], "the other one handles it again");
    publish().await.unwrap().await.unwrap();
    tokio::time::sleep(Duration::from_millis(28_500)).await;
    assert_eq!(counts(), [1, 2], "a silent process gets nothing");
    let waiting = |all: Vec<(String, usize, usize)>| all.into_iter().map(|it| it.2).sum::<usize>();
    assert_eq!(
        waiting(bus.undelivered()),
        2,
        "its acknowledgement counts for nothing"
    );

    silent.restored();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(waiting(bus.undelivered()), 0);
}
