//! Requests to a queue that nobody serves, and who answers them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use lapin::BasicProperties;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::sync::mpsc;
use trunkline_bus::{Bus as _, Delivered, QueueSpec, RequestHandler};
use trunkline_bus_rabbitmq::{Config, Metrics};
use trunkline_rig::Proxy;

use crate::handlers::answer;
use crate::raw::Raw;
use crate::world::{World, carrier, in_time, until};

const QUEUE: &str = "standing.request";

fn says(word: &'static [u8]) -> Arc<dyn RequestHandler> {
    answer(move |_| async move { Some(Bytes::from_static(word)) })
}

fn spec() -> QueueSpec {
    QueueSpec::new(QUEUE, 4)
}

async fn asked(raw: &Raw) -> Result<Vec<u8>> {
    Ok(raw.ask(QUEUE, b"who is there").await?.data)
}

/// A foreign caller sets no expiration: what nobody takes would be done whenever
/// somebody comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stands_in_leaves_a_queue_to_whoever_serves_it_and_takes_it_when_he_dies() -> Result<()>
{
    let world = World::start().await?;
    let raw = world.raw().await?;
    let (first, second) = (world.carrier()?, world.carrier()?);
    let standing = first.stand_in(spec(), says(b"nobody")).await?;
    let too = second.stand_in(spec(), says(b"nobody")).await?;
    for _ in 0..5 {
        assert_eq!(asked(&raw).await?, b"nobody");
    }

    let proxy = Proxy::start(world.broker.socket_address()).await?;
    let address = world.broker.address_at(proxy.address());
    let dying = carrier(&address, Config::default(), &Metrics::default())?;
    let serving = dying.serve(spec(), says(b"somebody")).await?;
    for _ in 0..50 {
        assert_eq!(asked(&raw).await?, b"somebody");
    }

    proxy.refuse().await?;
    proxy.cut().await;
    until("the broker to notice", async || {
        asked(&raw).await.is_ok_and(|answer| answer == b"nobody")
    })
    .await?;

    // The queue may be deleted under them: it comes again.
    raw.delete(QUEUE).await?;
    until("the queue again", async || {
        raw.waiting(QUEUE).await == Some(0)
    })
    .await?;
    assert_eq!(asked(&raw).await?, b"nobody");
    standing.stop().await;
    too.stop().await;
    drop(serving);
    for carrier in [first, second, dying] {
        carrier.close().await;
    }
    Ok(())
}

/// Tells what is known of each request, with its body.
struct Telling(mpsc::UnboundedSender<(Bytes, Delivered)>);

#[async_trait]
impl RequestHandler for Telling {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        Some(body)
    }

    async fn handle_delivered(&self, body: Bytes, delivered: Delivered) -> Option<Bytes> {
        self.0.send((body.clone(), delivered)).ok()?;
        Some(body)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_while_nobody_served_is_told_from_what_comes_then() -> Result<()> {
    let world = World::start().await?;
    let raw = world.raw().await?;
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    raw.declare(QUEUE, durable, FieldTable::default()).await?;
    let minutes = BasicProperties::default().with_expiration("600000".into());
    for properties in [BasicProperties::default(), minutes] {
        raw.send("", QUEUE, b"early", properties).await?;
    }
    raw.until_waiting(QUEUE, 2).await?;

    let (sender, mut told) = mpsc::unbounded_channel();
    let telling = || Arc::new(Telling(sender.clone()));
    let first = world.carrier()?;
    let serving = first.serve(spec().telling_waiting(), telling()).await?;
    assert_eq!(raw.ask(QUEUE, b"late").await?.data, b"late");
    let patience = Duration::from_secs(60);
    let asked = first.request(QUEUE, Bytes::from_static(b"late"), patience);
    asked.await?;
    let mut known = Vec::new();
    for _ in 0..4 {
        let (body, delivered) = in_time("a request", told.recv()).await?.context("open")?;
        assert_eq!(delivered.waited, &body[..] == b"early", "{body:?}");
        known.push((delivered.waited, delivered.expires));
    }
    let wanted = [(true, false), (true, true), (false, false), (false, true)];
    assert_eq!(known, wanted);

    // While another serves it, what waits there waits for its turn and no longer.
    let second = world.carrier()?;
    let too = second.serve(spec().telling_waiting(), telling()).await?;
    for _ in 0..4 {
        raw.ask(QUEUE, b"late").await?;
        let (_, delivered) = in_time("a request", told.recv()).await?.context("open")?;
        assert!(!delivered.waited);
    }
    serving.stop().await;
    too.stop().await;
    for carrier in [first, second] {
        carrier.close().await;
    }
    Ok(())
}
