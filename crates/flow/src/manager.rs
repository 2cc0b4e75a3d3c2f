//! Starting the role, and the state that its parts share.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, Consumer, QueueSpec, Rpc, Subscription};
use trunkline_client::CallClient;
use trunkline_delivery::Ledger;
use trunkline_model::service::Service;
use trunkline_store::Database;

use crate::activeflow::fetch::Fetching;
use crate::config::Config;
use crate::error::{Error, Failure};
use crate::metrics::Metrics;
use crate::subscribe::Events;
use crate::{rpc, sweep};

/// What the role runs on.
#[derive(Clone)]
pub struct Deps {
    pub bus: Arc<dyn Bus>,
    pub db: Arc<dyn Database>,
    pub metrics: Metrics,
    /// Reaches the servers that flows name.
    pub egress: trunkline_egress::Client,
}

/// The state of the role.
pub struct FlowManager {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
    pub(crate) call: CallClient,
    pub(crate) egress: trunkline_egress::Client,
    pub(crate) fetching: Fetching,
}

impl FlowManager {
    fn new(deps: &Deps, config: Config) -> Arc<Self> {
        let metrics = deps.metrics.clone();
        let rpc = Rpc::new(
            Arc::clone(&deps.bus),
            Service::FLOW,
            metrics.service.clone(),
        );
        let delivery = config.delivery.clone();
        let ledger = Ledger::new(
            Arc::clone(&deps.db),
            rpc.clone(),
            delivery,
            metrics.delivery.clone(),
        );
        Arc::new(Self {
            ledger,
            config,
            metrics,
            call: CallClient(rpc),
            egress: deps.egress.clone(),
            fetching: Fetching::default(),
        })
    }

    pub(crate) fn db(&self) -> &dyn Database {
        self.ledger.db()
    }

    /// Gathers, decides and writes, and begins anew when another writer was
    /// first.
    pub(crate) async fn decided<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        for _ in 0..=self.config.conflict_retries {
            match attempt().await {
                Err(failure) if failure.is_conflict() => {}
                outcome => return outcome,
            }
        }
        Err(Failure::Busy)
    }
}

/// A running role.
pub struct Running {
    requests: Consumer,
    events: Consumer,
    ledger: trunkline_delivery::Running,
    sweeper: JoinHandle<()>,
    stop: CancellationToken,
}

/// Serves `bin-manager.flow-manager.request` and consumes the events of
/// customer-manager until `stop` is cancelled.
///
/// # Errors
///
/// When this process consumes the queues already, or the carrier is away.
pub async fn start(deps: Deps, config: Config, stop: CancellationToken) -> Result<Running, Error> {
    let service = Service::FLOW;
    let manager = FlowManager::new(&deps, config);
    let config = &manager.config;

    manager.ledger.follow_customers();
    let queue =
        QueueSpec::new(service.subscribe_queue(), config.event_workers).tagged(service.name());
    let sources = [Service::CUSTOMER.event_exchange()];
    let handler = manager.ledger.once(Arc::new(Events(Arc::clone(&manager))));
    let events = deps
        .bus
        .subscribe(
            Subscription::new(queue, sources).parked_by(manager.ledger.parking()),
            handler,
        )
        .await?;

    let queue = QueueSpec::new(service.request_queue(), config.workers).tagged(service.name());
    let router = rpc::router(Arc::clone(&manager), manager.metrics.service.clone());
    let router = manager.ledger.parking().routes(router);
    let requests = deps.bus.serve(queue, Arc::new(router)).await?;

    let ledger = manager.ledger.start(&stop);
    let sweeper = tokio::spawn(sweep::run(manager, stop.clone()));
    Ok(Running {
        requests,
        events,
        ledger,
        sweeper,
        stop,
    })
}

impl Running {
    /// Waits until the role was told to stop and has finished what it was doing.
    pub async fn stopped(self) {
        self.stop.cancelled().await;
        self.requests.stop().await;
        self.events.stop().await;
        let _ = self.sweeper.await;
        self.ledger.ended().await;
    }
}
