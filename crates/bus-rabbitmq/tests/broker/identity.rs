//! What a handler learns of a request that comes a second time.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use lapin::BasicProperties;
use tokio::sync::mpsc;
use trunkline_bus::{Bus as _, QueueSpec, RequestHandler};
use trunkline_bus_rabbitmq::{Config, Metrics};
use trunkline_rig::Proxy;
use uuid::Uuid;

use crate::raw::{Raw, next, request_properties};
use crate::world::{World, carrier, in_time};

const QUEUE: &str = "identity.request";

/// Tells each request with its identity; answers, or never ends.
struct Telling {
    sender: mpsc::UnboundedSender<(Bytes, Option<Uuid>)>,
    answers: bool,
}

#[async_trait]
impl RequestHandler for Telling {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        self.tell(body, None).await
    }

    async fn handle_known(&self, body: Bytes, identity: Uuid) -> Option<Bytes> {
        self.tell(body, Some(identity)).await
    }
}

impl Telling {
    async fn tell(&self, body: Bytes, identity: Option<Uuid>) -> Option<Bytes> {
        self.sender.send((body.clone(), identity)).ok()?;
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
        before.push(begun.context("open")?.1);
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
        after.push(begun.context("open")?.1);
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
