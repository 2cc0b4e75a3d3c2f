//! billing-manager: whether a customer can pay (chapter 05 E.2).
//!
//! It answers the question and keeps the accounts. It charges nothing: balances
//! change only when the operator changes them.

pub mod balance;
mod rpc;

use tokio_util::sync::CancellationToken;
use trunkline_model::service::Service;

use crate::config::Config;
use crate::error::Error;
use crate::role::{self, Deps, Running};

/// Serves `bin-manager.billing-manager.request` until `stop` is cancelled.
///
/// # Errors
///
/// When this process serves the queue already, or the carrier is away.
pub async fn start_billing(
    deps: Deps,
    config: Config,
    stop: CancellationToken,
) -> Result<Running, Error> {
    role::start(Service::BILLING, deps, config, stop, rpc::routes).await
}
