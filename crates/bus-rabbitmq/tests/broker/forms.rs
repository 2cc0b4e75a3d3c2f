//! What we declare, so that services of the reference can declare it too.

use anyhow::Result;
use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use trunkline_bus::{Bus as _, QueueSpec, Subscription};
use trunkline_bus_rabbitmq::{Config, Metrics};

use crate::handlers::{collect, echo};
use crate::raw::{Raw, table};
use crate::tap::Tap;
use crate::world::{World, carrier, in_time};

/// Class and method of the frames that are looked for (AMQP 0-9-1, chapter 1).
const BASIC_QOS: [u8; 4] = [0, 60, 0, 10];
const BASIC_CONSUME: [u8; 4] = [0, 60, 0, 20];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_we_declare_the_reference_can_declare_too() -> Result<()> {
    let world = World::start().await?;
    let raw = world.raw().await?;
    let tap = Tap::start(world.broker.socket_address()).await?;
    let address = world.broker.address_at(tap.address);
    let carrier = carrier(&address, Config::default(), &Metrics::default())?;

    let normal = QueueSpec::new("form.normal", 10).tagged("call-manager");
    let normal = carrier.serve(normal, echo()).await?;
    let volatile = QueueSpec::new("form.volatile", 7).volatile();
    let volatile = carrier.serve(volatile, echo()).await?;
    let events = Subscription::new(QueueSpec::new("form.subscribe", 20), ["form.event".into()]);
    let (handler, mut received) = collect();
    let events = carrier.subscribe(events, handler).await?;

    queues_have_the_form_of_their_kind(&raw).await?;
    exchanges_have_the_form_of_the_reference(&raw).await?;
    consumers_say_who_they_are_and_what_they_take(&tap);

    // Nobody but us has declared the exchange.
    raw.send(
        "form.event",
        "",
        b"first",
        lapin::BasicProperties::default(),
    )
    .await?;
    assert!(in_time("the event", received.recv()).await?.is_some());
    for consumer in [normal, volatile, events] {
        consumer.stop().await;
    }
    assert_eq!(raw.waiting("form.normal").await, Some(0), "it stays");
    crate::world::until("the volatile queue has gone", async || {
        raw.waiting("form.volatile").await.is_none()
    })
    .await?;
    carrier.close().await;
    Ok(())
}

fn is_refused(outcome: &lapin::Result<()>) -> bool {
    let error = outcome.as_ref().err().map(ToString::to_string);
    error.is_some_and(|error| error.to_uppercase().contains("PRECONDITION"))
}

async fn queues_have_the_form_of_their_kind(raw: &Raw) -> Result<()> {
    let normal = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let volatile = QueueDeclareOptions {
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    let expires = || table("x-expires", AMQPValue::LongInt(1_800_000));
    for name in ["form.normal", "form.subscribe"] {
        raw.declare(name, normal, FieldTable::default()).await?;
        assert!(is_refused(&raw.declare(name, normal, expires()).await));
        let other = raw.declare(name, volatile, FieldTable::default()).await;
        assert!(is_refused(&other), "{other:?}");
    }
    raw.declare("form.volatile", volatile, expires()).await?;
    let other = raw.declare("form.volatile", volatile, FieldTable::default());
    assert!(is_refused(&other.await));
    let longer = table("x-expires", AMQPValue::LongInt(1_800_001));
    assert!(is_refused(
        &raw.declare("form.volatile", volatile, longer).await
    ));
    assert!(is_refused(
        &raw.declare("form.volatile", normal, expires()).await
    ));
    Ok(())
}

async fn exchanges_have_the_form_of_the_reference(raw: &Raw) -> Result<()> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let name = "form.event";
    raw.declare_exchange(name, ExchangeKind::Fanout, durable)
        .await?;
    let transient = ExchangeDeclareOptions::default();
    let auto_delete = ExchangeDeclareOptions {
        auto_delete: true,
        ..durable
    };
    for (kind, options) in [
        (ExchangeKind::Direct, durable),
        (ExchangeKind::Fanout, transient),
        (ExchangeKind::Fanout, auto_delete),
    ] {
        let other = raw.declare_exchange(name, kind, options).await;
        assert!(is_refused(&other), "{other:?}");
    }
    Ok(())
}

fn consumers_say_who_they_are_and_what_they_take(tap: &Tap) {
    // Two reserved bytes, then queue and tag, each behind its length; no option.
    let consume = |queue: &str, tag: &str| {
        let mut frame = BASIC_CONSUME.to_vec();
        frame.extend([0, 0]);
        for text in [queue, tag] {
            frame.push(u8::try_from(text.len()).expect("a short name"));
            frame.extend(text.as_bytes());
        }
        frame.push(0);
        frame
    };
    assert!(tap.heard(&consume("form.normal", "call-manager")));
    assert!(tap.heard(&consume("form.volatile", "")));
    for workers in [10, 7, 20] {
        // No limit of bytes, so many messages, for the consumer alone.
        let mut frame = BASIC_QOS.to_vec();
        frame.extend([0, 0, 0, 0, 0, workers, 0]);
        assert!(tap.heard(&frame), "prefetch {workers}");
    }
}
