//! What the small roles have in common: a queue of requests, a ledger, an end.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Bus, Consumer, QueueSpec, Router, Rpc};
use trunkline_delivery::{DeliveryMetrics, Ledger};
use trunkline_model::service::Service;
use trunkline_store::Database;

use crate::config::Config;
use crate::error::Error;

/// What a role runs on. Each role has metrics of its own.
#[derive(Clone)]
pub struct Deps {
    pub bus: Arc<dyn Bus>,
    pub db: Arc<dyn Database>,
    pub metrics: Metrics,
}

/// What a role counts (chapter 01 §7.1).
#[derive(Clone, Default)]
pub struct Metrics {
    /// Requests and events.
    pub service: ServiceMetrics,
    /// Outbox and duties.
    pub delivery: DeliveryMetrics,
}

impl Metrics {
    /// Registers them under the namespace of `registry`, such as
    /// `customer_manager`.
    pub fn register(&self, registry: &mut Registry) {
        self.service.register(registry);
        self.delivery.register(registry);
    }
}

/// The state that the routes of a role share.
pub(crate) struct State {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) config: Config,
}

/// A running role.
pub struct Running {
    consumers: Vec<Consumer>,
    tasks: Vec<JoinHandle<()>>,
    ledger: trunkline_delivery::Running,
    stop: CancellationToken,
}

impl Running {
    /// Waits until the role was told to stop and has finished what it was doing.
    pub async fn stopped(self) {
        self.stop.cancelled().await;
        for consumer in self.consumers {
            consumer.stop().await;
        }
        for task in self.tasks {
            let _ = task.await;
        }
        self.ledger.ended().await;
    }

    pub(crate) fn also(mut self, consumer: Consumer) -> Self {
        self.consumers.push(consumer);
        self
    }

    pub(crate) fn with_task(mut self, task: JoinHandle<()>) -> Self {
        self.tasks.push(task);
        self
    }
}

/// The ledger of a role.
pub(crate) fn ledger(service: Service, deps: &Deps, config: &Config) -> Arc<Ledger> {
    let rpc = Rpc::new(Arc::clone(&deps.bus), service, deps.metrics.service.clone());
    Ledger::new(
        Arc::clone(&deps.db),
        rpc,
        config.delivery.clone(),
        deps.metrics.delivery.clone(),
    )
}

/// Serves the role's queue until `stop` is cancelled.
pub(crate) async fn serve<S: Send + Sync + 'static>(
    ledger: &Arc<Ledger>,
    deps: &Deps,
    workers: usize,
    stop: CancellationToken,
    router: Router<S>,
) -> Result<Running, Error> {
    let service = ledger.service();
    let queue = QueueSpec::new(service.request_queue(), workers).tagged(service.name());
    let router = ledger.parking().routes(router);
    let served = deps.bus.serve(queue, Arc::new(router)).await;
    let requests = served.map_err(|source| Error::Bus {
        service: service.name(),
        source,
    })?;
    Ok(Running {
        consumers: vec![requests],
        tasks: Vec::new(),
        ledger: ledger.start(&stop),
        stop,
    })
}

/// Starts a role that is nothing but its routes over [`State`].
pub(crate) async fn start(
    service: Service,
    deps: Deps,
    config: Config,
    stop: CancellationToken,
    routes: fn(Router<State>) -> Router<State>,
) -> Result<Running, Error> {
    let ledger = ledger(service, &deps, &config);
    let workers = config.workers;
    let state = Arc::new(State {
        ledger: Arc::clone(&ledger),
        config,
    });
    let router = routes(Router::new(state, deps.metrics.service.clone()));
    serve(&ledger, &deps, workers, stop, router).await
}
