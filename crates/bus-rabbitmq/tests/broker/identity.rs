//! What a handler learns of a request that comes a second time.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use lapin::BasicProperties;
use tokio::sync::mpsc;
use trunkline_bus::{Bus as _, Delivered, QueueSpec, RequestHandler};
use trunkline_bus_rabbitmq::{Config, Metrics};
use trunkline_rig::Proxy;

use crate::raw::{Raw, next, request_properties};
use crate::world::{World, carrier, in_time};

const QUEUE: &str = "identity.request";

/// Tells what is known of each request; answers, or never ends.
struct Telling {
    sender: mpsc::UnboundedSender<Delivered>,
    answers: bool,
}

#[async_trait]
impl RequestHandler for Telling {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        self.tell(body, Delivered::default()).await
    }

    async fn handle_delivered(&self, body: Bytes, delivered: Delivered) -> Option<Bytes> {
        self.tell(body, delivered).await
    }
}

impl Telling {
    async fn tell(&self, body: Bytes, delivered: Delivered) -> Option<Bytes> {
        self.sender.send(delivered).ok()?;
        if !self.answers {
            std::future::pending::<()>().await;
        }
        Some(body)
    }
}

/// A process dies as its connection does, with its work half done: the first copy here
/// is cut off and refused from then on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_a_process_that_died_comes_to_the_next_with_its_identity() -> Result<()> {
    let world = World::start().await?;
    let raw = world.raw().await?;
    let proxy = Proxy::start(world.broker.socket_address()).await?;
    let address = world.broker.address_at(proxy.address());
    let dying = carrier(&address, Config::default(), &Metrics::default())?;
    let (sender, mut told) = mpsc::unbounded_channel();
    let telling = |answers| {
        let sender = sender.clone();
        Arc::new(Telling { sender, answers })
    };
    let spec = || QueueSpec::new(QUEUE, 4);
    let half_done = dying.serve(spec(), telling(false)).await?;

    let (reply_to, mut replies) = Raw::replies(&raw.channel).await?;
    let first = request_properties(&reply_to).with_correlation_id("1".into());
    let second = request_properties(&reply_to).with_correlation_id("2".into());
    for properties in [first, second, BasicProperties::default()] {
        raw.send("", QUEUE, b"make one", properties).await?;
    }
    let mut before = Vec::new();
    for _ in 0..3 {
        let begun = in_time("a request that is begun", told.recv()).await?;
        let begun = begun.context("open")?;
        assert!(!begun.again && !begun.expires && !begun.waited);
        before.push(begun.identity);
    }
    before.sort();
    assert!(before[0].is_none(), "nothing tells it from others");
    assert!(before[1].is_some() && before[1] != before[2]);

    proxy.refuse().await?;
    proxy.cut().await;
    let next_copy = world.carrier()?;
    let consumer = next_copy.serve(spec(), telling(true)).await?;
    let mut after = Vec::new();
    for _ in 0..3 {
        let begun = in_time("a request that comes again", told.recv()).await?;
        let begun = begun.context("open")?;
        assert!(begun.again, "somebody may have done it");
        after.push(begun.identity);
    }
    after.sort();
    assert_eq!(after, before);
    for _ in 0..2 {
        assert_eq!(next(&mut replies).await?.data, b"make one");
    }
    consumer.stop().await;
    raw.until_waiting(QUEUE, 0).await?;
    next_copy.close().await;
    // Its handlers never end: it is not waited for.
    drop(half_done);
    dying.close().await;
    Ok(())
}
