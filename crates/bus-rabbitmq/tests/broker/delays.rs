//! Delayed messages, where the broker has the plugin for them. It is not part of
//! RabbitMQ: `DELAY_PLUGIN=FILE.ez` names it.

use std::io::Write as _;

use anyhow::{Context, Result};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use tokio::sync::mpsc;
use trunkline_bus::{Bus as _, QueueSpec};
use trunkline_bus_rabbitmq::{Config, Metrics, State};

use crate::handlers::{answer, collect, subscription};
use crate::tap::Tap;
use crate::world::{World, carrier, in_time};

/// As a service of the reference sends it (chapter 01 §1.5).
fn delayed() -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert("x-delay".into(), AMQPValue::LongInt(100));
    BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_delivery_mode(1)
        .with_headers(headers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delayed_message_of_others_reaches_us() -> Result<()> {
    let Ok(plugin) = std::env::var("DELAY_PLUGIN") else {
        // Past the test runner, which keeps what tests that pass have printed.
        writeln!(
            std::io::stderr(),
            "unproved: delayed messages through the broker's plugin (no DELAY_PLUGIN=FILE.ez)"
        )?;
        return Ok(());
    };
    let mut world = World::prepare()?;
    world.broker.set_environment("DELAY_PLUGIN", &plugin);
    world.broker.up().await?;
    let (carrier, raw) = (world.carrier()?, world.raw().await?);
    let (sender, mut requests) = mpsc::unbounded_channel();
    let handler = answer(move |body| {
        let sender = sender.clone();
        async move {
            sender.send(body).ok()?;
            None
        }
    });
    let served = carrier.serve(QueueSpec::new("delayed", 1), handler).await?;
    let (handler, mut events) = collect();
    let consumer = carrier
        .subscribe(subscription("delayed.event"), handler)
        .await?;
    let delays = State::Connected { delays: true };
    assert_eq!(*carrier.state().borrow(), delays);
    for queue in ["delayed", "delayed.event"] {
        raw.send("bin-manager.delay", queue, b"later", delayed())
            .await?;
    }
    let request = in_time("the request", requests.recv()).await?;
    assert_eq!(&request.context("open")?[..], b"later");
    let event = in_time("the event", events.recv()).await?;
    assert_eq!(&event.context("open")?.body[..], b"later");
    served.stop().await;
    consumer.stop().await;
    carrier.close().await;
    println!("prove: delayed messages through the broker's plugin");
    Ok(())
}

/// Otherwise nobody would hear delayed messages until the next connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_does_not_say_whether_it_has_the_plugin_is_asked_again() -> Result<()> {
    const QUESTION: &str = "is there a delay plugin?";
    let world = World::start().await?;
    let tap = Tap::start(world.broker.socket_address()).await?;
    tap.cut_off(QUESTION);
    let address = world.broker.address_at(tap.address);
    let carrier = carrier(&address, Config::default(), &Metrics::default())?;
    let mut state = carrier.state();
    let connected = state.wait_for(|state| matches!(state, State::Connected { .. }));
    in_time("a connection", connected).await??;
    assert_eq!(tap.heard_times(QUESTION.as_bytes()), 2);
    carrier.close().await;
    Ok(())
}
