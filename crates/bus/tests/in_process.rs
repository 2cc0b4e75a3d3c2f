//! The in-process carrier passes the contract suite.

use std::sync::Arc;

use trunkline_bus::{InProcess, contract};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_process_carrier_keeps_the_contract() {
    contract::all(Arc::new(InProcess::new()), "contract").await;
}
