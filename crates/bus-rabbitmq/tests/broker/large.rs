//! Replies that are larger than what may be sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use bytes::Bytes;
use tokio::sync::Semaphore;
use trunkline_bus::{Bus as _, QueueSpec, RequestHandler};
use trunkline_bus_rabbitmq::{Config, Metrics, RabbitMq};

use crate::handlers::answer;
use crate::raw::{Raw, next, request_properties};
use crate::world::{World, carrier, until};

const QUEUE: &str = "large.request";
const FAILED: &[u8] = br#"{"status_code":500,"data_type":""}"#;

/// Answers with as many bytes as were asked for; `wait` waits until it may.
#[derive(Clone)]
struct Sizes {
    begun: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Sizes {
    fn new() -> Self {
        Self {
            begun: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    fn handler(&self) -> Arc<dyn RequestHandler> {
        let sizes = self.clone();
        answer(move |body| {
            let sizes = sizes.clone();
            async move {
                sizes.begun.fetch_add(1, Ordering::SeqCst);
                match std::str::from_utf8(&body).ok()? {
                    "wait" => {
                        sizes.gate.acquire().await.ok()?.forget();
                        Some(body)
                    }
                    size => Some(Bytes::from(vec![b'x'; size.parse().ok()?])),
                }
            }
        })
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

/// Asks for one that is too large while another request is at work.
async fn one_is_too_large(carrier: &RabbitMq, raw: &Raw, large: &str, fits: &str) -> Result<()> {
    let sizes = Sizes::new();
    let served = carrier
        .serve(QueueSpec::new(QUEUE, 4), sizes.handler())
        .await?;
    let channel = raw.another_channel().await?;
    let (reply_to, mut replies) = Raw::replies(&channel).await?;
    raw.send("", QUEUE, b"wait", request_properties(&reply_to))
        .await?;
    until("it is at work", async || sizes.begun() == 1).await?;
    for _ in 0..2 {
        let reply = raw.ask(QUEUE, large.as_bytes()).await?;
        assert_eq!(reply.data, FAILED);
    }
    let reply = raw.ask(QUEUE, fits.as_bytes()).await?;
    assert_eq!(reply.data.len(), fits.parse::<usize>()?);
    assert_eq!(sizes.begun(), 4, "each was done once");
    sizes.gate.add_permits(1);
    assert_eq!(next(&mut replies).await?.data, b"wait");
    served.stop().await;
    assert_eq!(sizes.begun(), 4, "each was done once");
    raw.until_waiting(QUEUE, 0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_over_our_limit_is_a_500() -> Result<()> {
    let world = World::start().await?;
    let raw = world.raw().await?;
    let config = Config {
        message_max_bytes: 1_000,
        ..Config::default()
    };
    let carrier = carrier(&world.broker.address(), config, &Metrics::default())?;
    one_is_too_large(&carrier, &raw, "1001", "1000").await?;
    carrier.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_the_broker_refuses_is_a_500_and_done_once() -> Result<()> {
    let mut world = World::prepare()?;
    world
        .broker
        .set_environment("MORE_CONF", "max_message_size = 100000");
    world.broker.up().await?;
    let (raw, metrics) = (world.raw().await?, Metrics::default());
    let carrier = carrier(&world.broker.address(), Config::default(), &metrics)?;
    one_is_too_large(&carrier, &raw, "100001", "100000").await?;
    assert_eq!(metrics.reconnections.get(), 0, "it cost no connection");
    carrier.close().await;
    Ok(())
}
