//! Exchanges that have to be there, and those that are not as we declare them.

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use trunkline_bus::Bus as _;
use trunkline_bus_rabbitmq::{Config, Metrics};
use trunkline_rig::Proxy;

use crate::raw::next;
use crate::world::{World, carrier, in_time, until};

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
    assert_eq!(metrics.reconnections.get(), 1);
    carrier.close().await;
    Ok(())
}
