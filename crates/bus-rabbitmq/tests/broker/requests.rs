//! Requests that we send.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use trunkline_bus::{Bus as _, Error, QueueSpec};
use trunkline_bus_rabbitmq::{Config, Metrics, RabbitMq};

use crate::handlers::answer;
use crate::raw::{Raw, next};
use crate::world::{PATIENCE, World, carrier, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_requests_are_as_every_service_takes_them() -> Result<()> {
    let world = World::start().await?;
    let (raw, metrics) = (world.raw().await?, Metrics::default());
    let carrier = carrier(&world.broker.address(), Config::default(), &metrics)?;
    a_request_has_these_properties(&carrier, &raw).await?;
    an_unknown_queue_is_told_at_once(&carrier).await;
    what_has_waited_too_long_is_never_done(&carrier).await?;
    any_time_may_be_waited(&carrier, &raw).await?;
    who_leaves_is_not_counted_any_more(&carrier, &metrics).await?;
    assert_eq!(
        metrics.reconnections.get(),
        0,
        "nothing cost the connection"
    );
    carrier.close().await;
    Ok(())
}

async fn queue(raw: &Raw, name: &str) -> Result<()> {
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    Ok(raw.declare(name, durable, FieldTable::default()).await?)
}

async fn consume(raw: &Raw, name: &str) -> Result<lapin::Consumer> {
    let (options, nothing) = (Default::default(), FieldTable::default());
    let channel = &raw.channel;
    Ok(channel
        .basic_consume(name.into(), "".into(), options, nothing)
        .await?)
}

async fn a_request_has_these_properties(carrier: &Arc<RabbitMq>, raw: &Raw) -> Result<()> {
    queue(raw, "ours.request").await?;
    let mut stream = consume(raw, "ours.request").await?;
    let asking = {
        let carrier = Arc::clone(carrier);
        let (body, patience) = (Bytes::from_static(b"question"), Duration::from_secs(45));
        tokio::spawn(async move { carrier.request("ours.request", body, patience).await })
    };
    let request = next(&mut stream).await?;
    assert_eq!(request.data, b"question");
    assert_eq!(request.exchange.as_str(), "");
    let properties = &request.properties;
    let content_type = properties.content_type().as_ref();
    assert_eq!(content_type.map(|it| it.as_str()), Some("text/plain"));
    assert_eq!(*properties.delivery_mode(), None);
    assert!(properties.headers().is_none() && properties.message_id().is_none());
    let expiration = properties.expiration().as_ref();
    let expiration: u64 = expiration.map_or("", |it| it.as_str()).parse()?;
    assert!((1..=45_000).contains(&expiration), "{expiration}");
    let reply_to = properties.reply_to().clone().unwrap_or_default();
    let id = properties.correlation_id().clone().unwrap_or_default();
    assert!(!reply_to.as_str().is_empty() && !id.as_str().is_empty());

    // What a stranger says to our reply queue helps and harms nobody.
    let reply = |id: &str| BasicProperties::default().with_correlation_id(id.into());
    let strange = BasicProperties::default();
    for properties in [strange, reply("no number"), reply("77777"), reply("")] {
        raw.send("", reply_to.as_str(), b"wrong", properties)
            .await?;
    }
    raw.send("", reply_to.as_str(), b"answer", reply(id.as_str()))
        .await?;
    assert_eq!(&asking.await??[..], b"answer");
    request.ack(BasicAckOptions::default()).await?;
    Ok(())
}

async fn an_unknown_queue_is_told_at_once(carrier: &RabbitMq) {
    for name in ["nobody.request", ""] {
        let asked = carrier.request(name, Bytes::new(), PATIENCE).await;
        assert!(matches!(asked, Err(Error::NoQueue(_))), "{asked:?}");
    }
}

async fn what_has_waited_too_long_is_never_done(carrier: &RabbitMq) -> Result<()> {
    let done = Arc::new(AtomicUsize::new(0));
    let handler = || {
        let done = Arc::clone(&done);
        answer(move |body| {
            done.fetch_add(1, Ordering::SeqCst);
            async { Some(body) }
        })
    };
    let spec = || QueueSpec::new("ours.late", 1);
    carrier.serve(spec(), handler()).await?.stop().await;
    let short = Duration::from_millis(100);
    for _ in 0..3 {
        let asked = carrier.request("ours.late", Bytes::new(), short).await;
        assert!(matches!(asked, Err(Error::Timeout { .. })), "{asked:?}");
    }
    let consumer = carrier.serve(spec(), handler()).await?;
    carrier.request("ours.late", Bytes::new(), PATIENCE).await?;
    consumer.stop().await;
    assert_eq!(done.load(Ordering::SeqCst), 1);
    Ok(())
}

/// The broker knows expirations up to 32 bits of milliseconds, and ends the channel of
/// whoever asks for more.
async fn any_time_may_be_waited(carrier: &RabbitMq, raw: &Raw) -> Result<()> {
    let spec = QueueSpec::new("ours.patient", 1);
    let consumer = carrier.serve(spec, crate::handlers::echo()).await?;
    let days = Duration::from_secs(86_400 * 100);
    for patience in [days, Duration::MAX] {
        carrier
            .request("ours.patient", Bytes::new(), patience)
            .await?;
    }
    consumer.stop().await;
    raw.until_waiting("ours.patient", 0).await
}

async fn who_leaves_is_not_counted_any_more(
    carrier: &Arc<RabbitMq>,
    metrics: &Metrics,
) -> Result<()> {
    let spec = QueueSpec::new("ours.silent", 1);
    let consumer = carrier.serve(spec, answer(|_| async { None })).await?;
    let asking = {
        let carrier = Arc::clone(carrier);
        tokio::spawn(async move { carrier.request("ours.silent", Bytes::new(), PATIENCE).await })
    };
    let in_flight = &metrics.requests_in_flight;
    until("a request in flight", async || in_flight.get() == 1).await?;
    asking.abort();
    until("nothing in flight", async || in_flight.get() == 0).await?;
    consumer.stop().await;
    Ok(())
}
