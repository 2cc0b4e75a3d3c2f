//! number-manager: the telephone numbers of the customers (chapter 05 E.4).

mod rpc;

use tokio_util::sync::CancellationToken;
use trunkline_model::service::Service;

use crate::config::Config;
use crate::error::Error;
use crate::role::{self, Deps, Running};

/// Serves `bin-manager.number-manager.request` until `stop` is cancelled.
///
/// # Errors
///
/// When this process serves the queue already, or the carrier is away.
pub async fn start_number(
    deps: Deps,
    config: Config,
    stop: CancellationToken,
) -> Result<Running, Error> {
    role::start(Service::NUMBER, deps, config, stop, rpc::routes).await
}
