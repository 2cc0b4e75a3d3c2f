//! Events, ours to others and others' to us.

use anyhow::{Context, Result};
use bytes::Bytes;
use lapin::BasicProperties;
use lapin::ExchangeKind;
use lapin::options::ExchangeDeclareOptions;
use trunkline_bus::{Bus as _, Message};
use trunkline_bus_rabbitmq::{RabbitMq, State};
use uuid::Uuid;

use crate::handlers::{collect, subscription};
use crate::raw::{Raw, next};
use crate::world::{World, in_time};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_understood_both_ways() -> Result<()> {
    let world = World::start().await?;
    let (carrier, raw) = (world.carrier()?, world.raw().await?);
    // An outage is not waited for, so neither is the beginning.
    let mut state = carrier.state();
    let connected = state.wait_for(|state| matches!(state, State::Connected { .. }));
    in_time("a connection", connected).await??;
    an_event_of_ours_has_these_properties(&carrier, &raw).await?;
    an_event_of_others_is_taken_as_it_is(&carrier, &raw).await?;
    an_event_that_one_queue_is_meant_to_get_is_not_lost_silently(&carrier, &raw).await?;
    carrier.close().await;
    Ok(())
}

async fn an_event_of_ours_has_these_properties(carrier: &RabbitMq, raw: &Raw) -> Result<()> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    raw.declare_exchange("ours.event", ExchangeKind::Fanout, durable)
        .await?;
    let mut stream = raw.listen("ours.event").await?;
    for id in [Some(Uuid::from_u128(7)), None] {
        let body = Bytes::from_static(br#"{"type":"x"}"#);
        carrier.publish("ours.event", id, body).await?.await?;
        let event = next(&mut stream).await?;
        assert_eq!(event.data, br#"{"type":"x"}"#);
        assert_eq!(event.exchange.as_str(), "ours.event");
        assert_eq!(event.routing_key.as_str(), "");
        let properties = &event.properties;
        let content_type = properties.content_type().as_ref();
        assert_eq!(content_type.map(|it| it.as_str()), Some("text/plain"));
        assert_eq!(*properties.delivery_mode(), Some(2));
        let named = properties.message_id().as_ref().map(ToString::to_string);
        assert_eq!(named, id.map(|id| id.to_string()));
        assert!(properties.headers().is_none() && properties.reply_to().is_none());
        assert!(properties.expiration().is_none() && properties.correlation_id().is_none());
    }
    Ok(())
}

async fn an_event_of_others_is_taken_as_it_is(carrier: &RabbitMq, raw: &Raw) -> Result<()> {
    let (handler, mut received) = collect();
    let consumer = carrier
        .subscribe(subscription("foreign.event"), handler)
        .await?;
    let named = |id: &str| BasicProperties::default().with_message_id(id.into());
    let uuid = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001";
    let cases = [
        (&b"{}"[..], BasicProperties::default(), None),
        (b"no JSON", named("not an id of ours"), None),
        (b"\xff", named(uuid), Some(Uuid::try_parse(uuid)?)),
        (b"", BasicProperties::default(), None),
    ];
    for (body, properties, id) in cases {
        raw.send("foreign.event", "", body, properties).await?;
        let Message {
            body: taken,
            message_id,
            retries,
            released,
        } = in_time("the event", received.recv())
            .await?
            .context("open")?;
        assert_eq!((&taken[..], message_id, retries), (body, id, 0));
        assert!(!released, "nobody has parked it");
    }
    consumer.stop().await;
    raw.until_waiting("foreign.event", 0).await
}

/// What is put back is meant for one queue: when that goes in the last moment, whoever
/// puts it back keeps it.
async fn an_event_that_one_queue_is_meant_to_get_is_not_lost_silently(
    carrier: &RabbitMq,
    raw: &Raw,
) -> Result<()> {
    let (handler, _) = collect();
    let spec = subscription("back.event");
    carrier.subscribe(spec, handler).await?.stop().await;
    carrier
        .redeliver("back.event", None, Bytes::from_static(b"x"))
        .await?
        .await?;
    raw.until_waiting("back.event", 1).await?;
    raw.delete("back.event").await?;
    let put = carrier.redeliver("back.event", None, Bytes::new()).await;
    assert!(matches!(put, Err(trunkline_bus::Error::NoQueue(_))));
    Ok(())
}
