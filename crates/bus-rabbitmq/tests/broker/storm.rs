//! Many cuts in a row, while many ask and one publishes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};
use trunkline_bus::{Bus as _, Error, QueueSpec};
use trunkline_bus_rabbitmq::{Config, Metrics, RabbitMq};
use trunkline_rig::Proxy;
use uuid::Uuid;

use crate::handlers::{collect, echo, subscription};
use crate::world::{PATIENCE, World, carrier, in_time, until};

const REQUESTERS: usize = 64;
const QUEUE: &str = "storm.request";
const EVENTS: &str = "storm.event";

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

/// What the storm has to do with.
struct Storm {
    over: AtomicBool,
    answered: AtomicUsize,
    failed: AtomicUsize,
}

async fn ask(carrier: Arc<RabbitMq>, storm: Arc<Storm>) {
    while !storm.over.load(Ordering::SeqCst) {
        let body = Bytes::from_static(b"question");
        match carrier.request(QUEUE, body, PATIENCE).await {
            Ok(answer) => {
                assert_eq!(&answer[..], b"question");
                storm.answered.fetch_add(1, Ordering::SeqCst);
            }
            Err(Error::Disconnected(_)) => {
                storm.failed.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => panic!("a request ends with an answer or a lost connection: {error}"),
        }
    }
}

/// Publishes event after event, each until it is confirmed; returns how many.
async fn publish(carrier: Arc<RabbitMq>, storm: Arc<Storm>) -> u128 {
    let mut event = 0;
    while !storm.over.load(Ordering::SeqCst) {
        event += 1;
        loop {
            let (id, body) = (Some(Uuid::from_u128(event)), Bytes::from_static(b"x"));
            let published = async { carrier.publish(EVENTS, id, body).await?.await };
            if published.await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    event
}

fn behind(world: &World, proxy: &Proxy, metrics: &Metrics) -> Result<Arc<RabbitMq>> {
    let address = world.broker.address_at(proxy.address());
    let config = Config {
        retry_max_ms: 200,
        ..Config::default()
    };
    carrier(&address, config, metrics)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_cuts_lose_nothing_and_leave_nothing() -> Result<()> {
    let world = World::start().await?;
    let tasks_before = Handle::current().metrics().num_alive_tasks();
    let cuts = number("PROVE_BROKER_CUTS", 20);
    let seed = number("PROVE_SEED", 7);
    let (asking, serving) = (Metrics::default(), Metrics::default());
    let proxy = Proxy::start(world.broker.socket_address()).await?;
    let client = behind(&world, &proxy, &asking)?;
    let server = behind(&world, &proxy, &serving)?;
    let served = server.serve(QueueSpec::new(QUEUE, 10), echo()).await?;
    let (handler, mut received) = collect();
    let consumer = server.subscribe(subscription(EVENTS), handler).await?;

    let storm = Arc::new(Storm {
        over: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
        failed: AtomicUsize::new(0),
    });
    let mut requesters = JoinSet::new();
    for _ in 0..REQUESTERS {
        requesters.spawn(ask(Arc::clone(&client), Arc::clone(&storm)));
    }
    let publisher: JoinHandle<u128> =
        tokio::spawn(publish(Arc::clone(&client), Arc::clone(&storm)));
    let mut chance = StdRng::seed_from_u64(seed);
    for _ in 0..cuts {
        let more = storm.answered.load(Ordering::SeqCst) + chance.random_range(1..300);
        until("it goes on", async || {
            storm.answered.load(Ordering::SeqCst) >= more
        })
        .await?;
        proxy.cut().await;
    }
    let (answered, failed) = (
        storm.answered.load(Ordering::SeqCst),
        storm.failed.load(Ordering::SeqCst),
    );
    storm.over.store(true, Ordering::SeqCst);
    in_time("every request has ended", async {
        while let Some(ended) = requesters.join_next().await {
            ended?;
        }
        anyhow::Ok(())
    })
    .await??;
    let published = in_time("the last event is confirmed", publisher).await??;
    let mut came = HashSet::new();
    while came.len() < usize::try_from(published)? {
        if let Some(message) = in_time("every event", received.recv()).await? {
            came.insert(message.message_id);
        }
    }
    println!(
        "prove: {cuts} cuts (seed {seed}), {answered} answered, {failed} told of the loss, {published} events, none lost"
    );

    assert_eq!(asking.requests_in_flight.get(), 0);
    in_time("the end", served.stop()).await?;
    in_time("the end", consumer.stop()).await?;
    client.close().await;
    server.close().await;
    drop((client, server, proxy));
    until("no task is left", async || {
        Handle::current().metrics().num_alive_tasks() <= tasks_before
    })
    .await
}
