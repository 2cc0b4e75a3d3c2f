//! The simulated broker keeps the contract of every carrier.

use std::sync::Arc;

use trunkline_bus::contract;
use trunkline_sim::broker::SimBus;

#[tokio::test(start_paused = true)]
async fn the_simulated_broker_keeps_the_contract() {
    contract::all(Arc::new(SimBus::new(1).connect()), "contract").await;
}
