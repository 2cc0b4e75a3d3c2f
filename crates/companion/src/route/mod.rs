//! route-manager: who carries a call to the telephone network (chapter 05 E.3).

mod dialroutes;
mod providers;
mod routes;
pub mod select;

use tokio_util::sync::CancellationToken;
use trunkline_bus::Router;
use trunkline_model::service::Service;

use crate::config::Config;
use crate::error::Error;
use crate::role::{self, Deps, Running, State};

/// Serves `bin-manager.route-manager.request` until `stop` is cancelled.
///
/// # Errors
///
/// When this process serves the queue already, or the carrier is away.
pub async fn start_route(
    deps: Deps,
    config: Config,
    stop: CancellationToken,
) -> Result<Running, Error> {
    role::start(Service::ROUTE, deps, config, stop, table).await
}

fn table(router: Router<State>) -> Router<State> {
    providers::table(routes::table(dialroutes::table(router)))
}
