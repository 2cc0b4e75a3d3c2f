//! customer-manager: the tenants (chapter 05 E.1).
//!
//! ```text
//!  active ── freeze ──> frozen ── recover ──> active
//!     └───── delete ──────┴──> deleted (and billing-manager closes the account)
//! ```

mod rpc;

use tokio_util::sync::CancellationToken;
use trunkline_model::service::Service;

use crate::config::Config;
use crate::error::Error;
use crate::role::{self, Deps, Running};

/// Serves `bin-manager.customer-manager.request` until `stop` is cancelled.
///
/// # Errors
///
/// When this process serves the queue already, or the carrier is away.
pub async fn start_customer(
    deps: Deps,
    config: Config,
    stop: CancellationToken,
) -> Result<Running, Error> {
    role::start(Service::CUSTOMER, deps, config, stop, rpc::routes).await
}
