//! Exchanges that have to be there, and those that are not as we declare them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use lapin::ExchangeKind;
use lapin::options::ExchangeDeclareOptions;
use trunkline_bus::{Bus as _, Error, QueueSpec, Subscription};
use trunkline_bus_rabbitmq::{Config, Metrics, RabbitMq};
use trunkline_rig::Proxy;

use crate::handlers::{collect, echo};
use crate::raw::{Raw, next};
use crate::world::{PATIENCE, World, carrier, in_time, until};

const OWN: &str = "own.event";

/// A service of the reference binds to a foreign exchange at its start and never again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_of_our_own_is_there_before_any_event_and_in_every_session() -> Result<()> {
    let mut world = World::prepare()?;
    let proxy = Proxy::start(world.broker.socket_address()).await?;
    let (address, metrics) = (world.broker.address_at(proxy.address()), Metrics::default());
    let carrier = carrier(&address, Config::default(), &metrics)?;
    let declaring = {
        let carrier = Arc::clone(&carrier);
        tokio::spawn(async move { carrier.declare_exchange(OWN).await })
    };
    world.broker.up().await?;
    in_time("it is declared", declaring).await???;
    let raw = world.raw().await?;
    let mut listening = raw.listen(OWN).await?;
    let event = Bytes::from_static(b"first");
    carrier.publish(OWN, None, event).await?.await?;
    assert_eq!(next(&mut listening).await?.data, b"first");

    raw.delete_exchange(OWN).await?;
    proxy.cut().await;
    until("it is declared in the next session", async || {
        raw.has_exchange(OWN).await
    })
    .await?;
    // It is declared before the session is anybody's.
    until("one session more", async || {
        metrics.reconnections.get() == 1
    })
    .await?;
    carrier.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_that_is_there_in_another_form_is_used_as_it_is() -> Result<()> {
    let world = World::start().await?;
    let (carrier, raw) = (world.carrier()?, world.raw().await?);
    let (durable, transient) = (
        ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        },
        ExchangeDeclareOptions::default(),
    );
    let others = [
        ("topic.event", ExchangeKind::Topic, durable),
        ("transient.event", ExchangeKind::Fanout, transient),
    ];
    for (name, kind, options) in others {
        raw.declare_exchange(name, kind, options).await?;
        carrier.declare_exchange(name).await?;
        is_bound_and_published_to(&carrier, name, name).await?;
    }
    carrier.close().await;
    Ok(())
}

async fn is_bound_and_published_to(carrier: &RabbitMq, exchange: &str, queue: &str) -> Result<()> {
    let (handler, mut received) = collect();
    let events = Subscription::new(QueueSpec::new(queue, 1), [exchange.to_owned()]);
    let events = in_time("the start", carrier.subscribe(events, handler)).await??;
    let event = Bytes::from_static(b"x");
    carrier.publish(exchange, None, event).await?.await?;
    in_time("the event", received.recv()).await?;
    events.stop().await;
    Ok(())
}

/// An operator has made what services need and lets them make nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_declare_uses_what_is_there() -> Result<()> {
    let mut world = World::prepare()?;
    let permissions = [
        "default_permissions.configure = ^(amq.gen|open)",
        "default_permissions.write = .*",
        "default_permissions.read = .*",
    ];
    world
        .broker
        .set_environment("MORE_CONF", &permissions.join("\n"));
    world.broker.up().await?;
    let (carrier, raw) = (world.carrier()?, world.raw().await?);
    // One that RabbitMQ itself has made.
    carrier.declare_exchange("amq.topic").await?;
    is_bound_and_published_to(&carrier, "amq.topic", "open.subscribe").await?;
    what_is_missing_hinders_nobody(&carrier, &raw).await?;
    carrier.close().await;
    Ok(())
}

async fn what_is_missing_hinders_nobody(carrier: &RabbitMq, raw: &Raw) -> Result<()> {
    let refused = in_time("a refusal", carrier.declare_exchange("missing.event")).await?;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    let (handler, _received) = collect();
    let events = Subscription::new(QueueSpec::new("open.missing", 1), ["missing.event".into()]);
    let waiting = in_time("the start", carrier.subscribe(events, handler)).await??;
    let served = carrier.serve(QueueSpec::new("open.request", 1), echo());
    let served = in_time("the start", served).await??;
    raw.ask("open.request", b"x").await?;
    let asked = carrier.request("open.request", Bytes::new(), PATIENCE);
    in_time("an answer", asked).await??;
    let event = Bytes::from_static(b"x");
    let published = carrier.publish("missing.event", None, event);
    let published = tokio::time::timeout(Duration::from_secs(30), published).await?;
    assert!(matches!(published, Err(Error::Refused { .. })));
    waiting.stop().await;
    served.stop().await;
    Ok(())
}
