//! What goes wrong with one queue, and with one only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::sync::Semaphore;
use trunkline_bus::{Bus as _, Error, QueueSpec};
use trunkline_bus_rabbitmq::{Config, Metrics, RabbitMq};

use crate::handlers::{answer, collect, echo, subscription};
use crate::raw::Raw;
use crate::world::{PATIENCE, World, carrier, in_time, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_with_one_queue_is_trouble_with_no_other() -> Result<()> {
    let world = World::start().await?;
    let (raw, metrics) = (world.raw().await?, Metrics::default());
    let carrier = carrier(&world.broker.address(), Config::default(), &metrics)?;
    a_queue_that_was_deleted_is_consumed_again(&carrier, &raw).await?;
    a_queue_that_is_gone_costs_one_time_out(&carrier, &raw).await?;
    a_queue_in_another_form_is_consumed_as_it_is(&carrier, &raw).await?;
    a_queue_that_is_refused_is_tried_until_it_is_not(&carrier, &raw).await?;
    names_and_messages_that_are_too_long_are_refused(&carrier).await?;
    assert_eq!(
        metrics.reconnections.get(),
        0,
        "nothing cost the connection"
    );
    carrier.close().await;
    Ok(())
}

async fn is_answered(carrier: &RabbitMq, queue: &str) -> bool {
    let short = Duration::from_millis(500);
    carrier.request(queue, Bytes::new(), short).await.is_ok()
}

/// The other consumer works on something meanwhile: it must not come to him twice.
async fn a_queue_that_was_deleted_is_consumed_again(
    carrier: &Arc<RabbitMq>,
    raw: &Raw,
) -> Result<()> {
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let slow = {
        let (gate, begun) = (Arc::clone(&gate), Arc::clone(&begun));
        answer(move |body| {
            let (gate, begun) = (Arc::clone(&gate), Arc::clone(&begun));
            async move {
                begun.fetch_add(1, Ordering::SeqCst);
                gate.acquire().await.ok()?.forget();
                Some(body)
            }
        })
    };
    let other = carrier.serve(QueueSpec::new("other", 1), slow).await?;
    let deleted = carrier.serve(QueueSpec::new("deleted", 1), echo()).await?;
    let (handler, mut received) = collect();
    let events = carrier
        .subscribe(subscription("deleted.event"), handler)
        .await?;
    let working = {
        let carrier = Arc::clone(carrier);
        tokio::spawn(async move { carrier.request("other", Bytes::new(), PATIENCE).await })
    };
    until("the other one works", async || {
        begun.load(Ordering::SeqCst) == 1
    })
    .await?;
    for _ in 0..3 {
        raw.delete("deleted").await?;
        raw.delete("deleted.event").await?;
        raw.delete_exchange("deleted.event").await?;
        until("it is served again", async || {
            is_answered(carrier, "deleted").await
        })
        .await?;
        until("it is bound again", async || {
            raw.has_exchange("deleted.event").await && raw.waiting("deleted.event").await.is_some()
        })
        .await?;
        // It is declared before it is bound: what comes in between is nobody's.
        in_time("events again", async {
            while received.try_recv().is_err() {
                let event = Bytes::from_static(b"x");
                carrier.publish("deleted.event", None, event).await?.await?;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            anyhow::Ok(())
        })
        .await??;
    }
    gate.add_permits(1);
    working.await??;
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    for consumer in [other, deleted, events] {
        consumer.stop().await;
    }
    Ok(())
}

async fn a_queue_that_is_gone_costs_one_time_out(carrier: &RabbitMq, raw: &Raw) -> Result<()> {
    let consumer = carrier.serve(QueueSpec::new("gone", 1), echo()).await?;
    carrier.request("gone", Bytes::new(), PATIENCE).await?;
    consumer.stop().await;
    raw.delete("gone").await?;
    let short = Duration::from_millis(200);
    let first = carrier.request("gone", Bytes::new(), short).await;
    assert!(matches!(first, Err(Error::Timeout { .. })), "{first:?}");
    let second = carrier.request("gone", Bytes::new(), PATIENCE).await;
    assert!(matches!(second, Err(Error::NoQueue(_))), "{second:?}");
    Ok(())
}

async fn a_queue_in_another_form_is_consumed_as_it_is(carrier: &RabbitMq, raw: &Raw) -> Result<()> {
    let other = QueueDeclareOptions {
        durable: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    for name in ["other.form", "other.event"] {
        raw.declare(name, other, FieldTable::default()).await?;
    }
    let served = carrier.serve(QueueSpec::new("other.form", 1), echo());
    let served = in_time("the start goes on", served).await??;
    carrier
        .request("other.form", Bytes::new(), PATIENCE)
        .await?;
    let (handler, mut received) = collect();
    let events = carrier.subscribe(subscription("other.event"), handler);
    let events = in_time("the start goes on", events).await??;
    let event = Bytes::from_static(b"x");
    carrier.publish("other.event", None, event).await?.await?;
    in_time("the event", received.recv()).await?;
    assert!(carrier.queues_not_consumed().is_empty());
    served.stop().await;
    events.stop().await;
    Ok(())
}

async fn a_queue_that_is_refused_is_tried_until_it_is_not(
    carrier: &RabbitMq,
    raw: &Raw,
) -> Result<()> {
    // Its connection has it for itself alone.
    let alone = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    raw.declare("alone", alone, FieldTable::default()).await?;
    let refused = carrier.serve(QueueSpec::new("alone", 1), echo());
    // Whoever starts several does not wait for this one.
    let refused = in_time("the start goes on", refused).await??;
    let good = carrier.serve(QueueSpec::new("good", 1), echo()).await?;
    carrier.request("good", Bytes::new(), PATIENCE).await?;
    assert!(!is_answered(carrier, "alone").await);
    assert_eq!(carrier.queues_not_consumed(), ["alone"]);
    raw.delete("alone").await?;
    until("it is served", async || is_answered(carrier, "alone").await).await?;
    assert!(carrier.queues_not_consumed().is_empty());
    refused.stop().await;
    good.stop().await;
    Ok(())
}

async fn names_and_messages_that_are_too_long_are_refused(carrier: &RabbitMq) -> Result<()> {
    let (long, body) = ("x".repeat(256), Bytes::from_static(b"x"));
    let (handler, _) = collect();
    let longest = "x".repeat(255);
    assert!(
        carrier
            .request(&long, body.clone(), PATIENCE)
            .await
            .is_err()
    );
    assert!(carrier.publish(&long, None, body.clone()).await.is_err());
    assert!(carrier.redeliver(&long, None, body).await.is_err());
    let served = carrier.serve(QueueSpec::new(&long, 1), echo()).await;
    assert!(served.is_err());
    // Its own name would do, that of the queue for its failed events would not.
    for name in [&long, &longest] {
        let subscribed = carrier.subscribe(subscription(name), Arc::clone(&handler));
        assert!(subscribed.await.is_err(), "{}", name.len());
    }
    let served = carrier.serve(QueueSpec::new(&longest, 1), echo()).await?;
    carrier.request(&longest, Bytes::new(), PATIENCE).await?;

    let most = Config::default().message_max_bytes;
    let (fits, large) = (
        Bytes::from(vec![b'x'; most]),
        Bytes::from(vec![b'x'; most + 1]),
    );
    let asked = carrier.request(&longest, large.clone(), PATIENCE).await;
    assert!(matches!(asked, Err(Error::TooLarge { .. })), "{asked:?}");
    let published = carrier.publish("large.event", None, large).await;
    assert!(matches!(published, Err(Error::TooLarge { .. })));
    let echoed = carrier.request(&longest, fits, PATIENCE).await?;
    assert_eq!(echoed.len(), most);
    served.stop().await;
    Ok(())
}
