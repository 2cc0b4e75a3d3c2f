//! The suite that every carrier passes.

use anyhow::Result;
use trunkline_bus::contract;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_carrier_over_a_broker_keeps_the_contract() -> Result<()> {
    let world = World::start().await?;
    let carrier = world.carrier()?;
    contract::all(carrier.clone(), "contract").await;
    carrier.close().await;
    Ok(())
}
