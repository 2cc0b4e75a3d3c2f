//! A broker that is not there yet, ends, crashes, or takes nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::sync::mpsc;
use trunkline_bus::{Bus as _, Message, QueueSpec};
use trunkline_bus_rabbitmq::{Config, Metrics, RabbitMq, State};
use uuid::Uuid;

use crate::handlers::{collect, echo, subscription};
use crate::world::{PATIENCE, World, carrier, in_time, until};

const EVENTS: &str = "restart.event";
/// Keys whose events are published at the same time.
const KEYS: u8 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_may_come_later() -> Result<()> {
    let mut world = World::prepare()?;
    let carrier = world.carrier()?;
    let serving = {
        let carrier = Arc::clone(&carrier);
        tokio::spawn(async move { carrier.serve(QueueSpec::new("early", 1), echo()).await })
    };
    let mut state = carrier.state();
    let away = state.wait_for(|state| matches!(state, State::Away { .. }));
    in_time("it says that there is none", away).await??;
    world.broker.up().await?;
    let consumer = in_time("it is served", serving).await???;
    carrier.request("early", Bytes::new(), PATIENCE).await?;
    consumer.stop().await;
    carrier.close().await;
    Ok(())
}

/// How an event is told: its key and its number under it.
fn body(key: u8, number: usize) -> Result<Bytes> {
    let mut body = vec![key];
    body.extend(u32::try_from(number)?.to_be_bytes());
    Ok(body.into())
}

/// Publishes numbers under a key, one after the other, each until it is confirmed: what
/// an outbox does.
async fn publish(carrier: Arc<RabbitMq>, key: u8, numbers: std::ops::Range<usize>) -> Result<()> {
    for number in numbers {
        let id = Uuid::from_u128((u128::from(key) << 64) | u128::try_from(number)?);
        loop {
            let body = body(key, number)?;
            let published = async { carrier.publish(EVENTS, Some(id), body).await?.await };
            match published.await {
                Ok(()) => break,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
    Ok(())
}

async fn publish_all(carrier: &Arc<RabbitMq>, numbers: std::ops::Range<usize>) -> Result<()> {
    let keys = (0..KEYS).map(|key| publish(Arc::clone(carrier), key, numbers.clone()));
    in_time("everything is published", try_join_all(keys)).await??;
    Ok(())
}

/// What came, by key; repetitions left out by their ids.
#[derive(Default)]
struct Came {
    ids: HashMap<Uuid, Bytes>,
    first: HashMap<u8, Vec<usize>>,
}

impl Came {
    fn note(&mut self, message: Message) -> Result<()> {
        let id = message.message_id.context("every event has an id")?;
        if let Some(before) = self.ids.insert(id, message.body.clone()) {
            assert_eq!(before, message.body, "a repetition has the same id");
            return Ok(());
        }
        let (key, number) = message.body.split_first().context("a key")?;
        let number = u32::from_be_bytes(number.try_into()?);
        let numbers = self.first.entry(*key).or_default();
        numbers.push(usize::try_from(number)?);
        Ok(())
    }

    fn all(&self, count: usize) -> bool {
        self.first.values().map(Vec::len).sum::<usize>() == count * usize::from(KEYS)
    }

    async fn until(
        &mut self,
        count: usize,
        received: &mut mpsc::UnboundedReceiver<Message>,
    ) -> Result<()> {
        while !self.all(count) {
            let message = in_time("every event", received.recv()).await?;
            self.note(message.context("open")?)?;
        }
        Ok(())
    }
}

fn count(name: &str, usual: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_broker_loses_no_event_and_reorders_none() -> Result<()> {
    let mut world = World::start().await?;
    let (publisher, subscriber) = (world.carrier()?, world.carrier()?);
    let (handler, mut received) = collect();
    let consumer = subscriber.subscribe(subscription(EVENTS), handler).await?;
    let served = subscriber
        .serve(QueueSpec::new("restart", 4), echo())
        .await?;
    let restarts = count("PROVE_BROKER_RESTARTS", 2);
    let (mut came, mut number, step) = (Came::default(), 0, 50);
    for restart in 0..restarts {
        let publishing = {
            let (publisher, numbers) = (Arc::clone(&publisher), number..number + step);
            tokio::spawn(async move { publish_all(&publisher, numbers).await })
        };
        // Somewhere in the middle: as far as half of them have come.
        came.until(number + step / 2, &mut received).await?;
        if restart % 2 == 0 {
            world.broker.crash().await?;
        } else {
            world.broker.down().await?;
        }
        world.broker.up().await?;
        publishing.await??;
        number += step;
        came.until(number, &mut received).await?;
        let answered = publisher.request("restart", Bytes::new(), PATIENCE).await;
        assert!(answered.is_ok(), "{answered:?}");
    }
    for (key, numbers) in &came.first {
        let wanted: Vec<usize> = (0..number).collect();
        assert_eq!(*numbers, wanted, "order of key {key}");
    }
    println!("prove: {restarts} restarts of the broker, no event lost or overtaken");
    consumer.stop().await;
    served.stop().await;
    let raw = world.raw().await?;
    raw.until_waiting(EVENTS, 0).await?;
    publisher.close().await;
    subscriber.close().await;
    Ok(())
}

/// RabbitMQ takes nothing from publishers while it is short of memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_takes_nothing_is_waited_for() -> Result<()> {
    let mut world = World::start().await?;
    let metrics = Metrics::default();
    let carrier = carrier(&world.broker.address(), Config::default(), &metrics)?;
    let (handler, mut received) = collect();
    let consumer = carrier.subscribe(subscription(EVENTS), handler).await?;
    let served = carrier.serve(QueueSpec::new("blocked", 4), echo()).await?;
    world.broker.down().await?;
    world.broker.set_memory_mb(20);
    world.broker.up().await?;

    let publishing = {
        let carrier = Arc::clone(&carrier);
        tokio::spawn(async move { publish_all(&carrier, 0..10).await })
    };
    let mut state = carrier.state();
    let blocked = state.wait_for(|state| matches!(state, State::Blocked { .. }));
    in_time("it says that it takes nothing", blocked).await??;
    let short = Duration::from_millis(300);
    let asked = carrier.request("blocked", Bytes::new(), short).await;
    let error = asked.err().context("nobody could answer")?;
    assert!(error.not_delivered(), "it was not even sent: {error}");
    let asked = {
        let carrier = Arc::clone(&carrier);
        tokio::spawn(async move { carrier.request("blocked", Bytes::new(), PATIENCE).await })
    };

    world.broker.down().await?;
    world.broker.set_memory_mb(512);
    world.broker.up().await?;
    in_time("the publisher goes on", publishing).await???;
    in_time("the request goes on", asked).await???;
    let mut came = Came::default();
    came.until(10, &mut received).await?;
    until("connected", async || {
        matches!(*carrier.state().borrow(), State::Connected { .. })
    })
    .await?;
    assert_eq!(metrics.requests_in_flight.get(), 0);
    consumer.stop().await;
    served.stop().await;
    carrier.close().await;
    Ok(())
}
