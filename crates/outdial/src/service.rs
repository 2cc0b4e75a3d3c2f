//! Starting the role, and the state that its routes share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, Consumer, QueueSpec, Rpc};
use trunkline_delivery::Ledger;
use trunkline_model::service::Service;
use trunkline_store::Database;

use crate::config::Config;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::rpc;

/// What the role runs on.
#[derive(Clone)]
pub struct Deps {
    pub bus: Arc<dyn Bus>,
    pub db: Arc<dyn Database>,
    pub metrics: Metrics,
}

/// The state of the role: its store and its limits.
pub struct OutdialManager {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) config: Config,
}

/// A running role.
pub struct Running {
    requests: Consumer,
    ledger: trunkline_delivery::Running,
    stop: CancellationToken,
}

/// Serves `bin-manager.outdial-manager.request` until `stop` is cancelled.
///
/// # Errors
///
/// When this process serves the queue already, or the carrier is away.
pub async fn start(deps: Deps, config: Config, stop: CancellationToken) -> Result<Running, Error> {
    let Deps { bus, db, metrics } = deps;
    let rpc = Rpc::new(Arc::clone(&bus), Service::OUTDIAL, metrics.service.clone());
    let ledger = Ledger::new(db, rpc, config.delivery.clone(), metrics.delivery.clone());
    let queue = QueueSpec::new(Service::OUTDIAL.request_queue(), config.workers)
        .tagged(Service::OUTDIAL.name());
    let manager = Arc::new(OutdialManager {
        ledger: Arc::clone(&ledger),
        config,
    });
    let router = ledger
        .parking()
        .routes(rpc::router(manager, metrics.service));
    let requests = bus.serve(queue, Arc::new(router)).await?;
    Ok(Running {
        requests,
        ledger: ledger.start(&stop),
        stop,
    })
}

impl Running {
    /// Waits until the role was told to stop and has finished what it was doing.
    pub async fn stopped(self) {
        self.stop.cancelled().await;
        self.requests.stop().await;
        self.ledger.ended().await;
    }
}
