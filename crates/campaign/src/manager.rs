//! Starting the role, and the state that its parts share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, Consumer, QueueSpec, Rpc, Subscription};
use trunkline_client::{CallClient, FlowClient, OutdialClient};
use trunkline_delivery::Ledger;
use trunkline_model::random;
use trunkline_model::service::Service;
use trunkline_store::Database;
use uuid::Uuid;

use crate::config::Config;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::queue::QueueClient;
use crate::reports::{self, Reports};
use crate::rpc;
use crate::runner::registry::Registry;
use crate::runner::supervisor;
use crate::subscribe::Events;

/// Name of the consumer of events; the reference has copied it from elsewhere, and
/// whoever looks at the broker knows it so (chapter 01 §1.3).
const SUBSCRIBER_TAG: &str = "queue-manager";

/// What the role runs on.
#[derive(Clone)]
pub struct Deps {
    pub bus: Arc<dyn Bus>,
    pub db: Arc<dyn Database>,
    pub metrics: Metrics,
}

/// The state of the role.
pub struct CampaignManager {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
    pub(crate) outdial: OutdialClient,
    pub(crate) call: CallClient,
    pub(crate) flow: FlowClient,
    pub(crate) queue: QueueClient,
    /// The campaigns that this process runs.
    pub(crate) runners: Registry,
    /// What outdial-manager has to be told.
    pub(crate) reports: Reports,
    /// Whether outdial-manager takes many claims or reports in one request: until
    /// it has said that it does not.
    pub(crate) bulk: AtomicBool,
    /// Who this process is to the leases: another one after every start.
    pub(crate) holder: Uuid,
}

impl CampaignManager {
    fn new(deps: &Deps, config: Config) -> Arc<Self> {
        let metrics = deps.metrics.clone();
        let rpc = Rpc::new(
            Arc::clone(&deps.bus),
            Service::CAMPAIGN,
            metrics.service.clone(),
        );
        let ledger = Ledger::new(
            Arc::clone(&deps.db),
            rpc.clone(),
            config.delivery.clone(),
            metrics.delivery.clone(),
        );
        Arc::new(Self {
            ledger,
            config,
            metrics,
            outdial: OutdialClient(rpc.clone()),
            call: CallClient(rpc.clone()),
            flow: FlowClient(rpc.clone()),
            queue: QueueClient(rpc),
            runners: Registry::default(),
            reports: Reports::default(),
            bulk: AtomicBool::new(true),
            holder: random::uuid(),
        })
    }

    pub(crate) fn db(&self) -> &dyn Database {
        self.ledger.db()
    }
}

/// A running role.
pub struct Running {
    requests: Consumer,
    events: Consumer,
    ledger: trunkline_delivery::Running,
    supervisor: JoinHandle<()>,
    /// Ended after everything that makes reports.
    reports: (JoinHandle<()>, CancellationToken),
    stop: CancellationToken,
}

/// Serves `bin-manager.campaign-manager.request`, consumes the events of
/// call-, flow- and customer-manager, and runs campaigns, until `stop` is
/// cancelled.
///
/// # Errors
///
/// When the configuration contradicts itself, when this process consumes the
/// queues already, or when the carrier is away.
pub async fn start(deps: Deps, config: Config, stop: CancellationToken) -> Result<Running, Error> {
    config.check()?;
    let service = Service::CAMPAIGN;
    let manager = CampaignManager::new(&deps, config);
    let config = &manager.config;

    // Events first: an attempt that begins must not miss its end.
    manager.ledger.follow_customers();
    let queue =
        QueueSpec::new(service.subscribe_queue(), config.event_workers).tagged(SUBSCRIBER_TAG);
    let sources = [Service::CALL, Service::FLOW, Service::CUSTOMER].map(Service::event_exchange);
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
    let ending = CancellationToken::new();
    let reports = tokio::spawn(reports::run(Arc::clone(&manager), ending.clone()));
    let supervisor = tokio::spawn(supervisor::run(manager, stop.clone()));
    Ok(Running {
        requests,
        events,
        ledger,
        supervisor,
        reports: (reports, ending),
        stop,
    })
}

impl Running {
    /// Waits until the role was told to stop and has finished what it was
    /// doing: attempts that were begun are placed, leases are given back.
    pub async fn stopped(self) {
        self.stop.cancelled().await;
        let _ = self.supervisor.await;
        self.requests.stop().await;
        self.events.stop().await;
        let (reports, ending) = self.reports;
        ending.cancel();
        let _ = reports.await;
        self.ledger.ended().await;
    }
}
