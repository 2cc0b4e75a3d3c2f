//! The call-manager role: calls, their channels, and what happens on them.
//!
//! * [`rpc`] answers requests, [`subscribe`] takes events; both gather, let
//!   `trunkline_domain::call` decide, and call [`apply`] to do it.
//! * [`apply`] holds everything that changes rows or talks to Asterisk.
//! * [`reconcile`] compares the rows with each Asterisk.

mod apply;
mod ari_events;
mod asterisks;
mod config;
mod error;
pub mod invariants;
mod limits;
mod metrics;
mod reconcile;
mod rpc;
mod subscribe;

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkline_ari::AriClient;
use trunkline_bus::{Bus, Consumer, QueueSpec, Rpc, Subscription};
use trunkline_client::{
    AgentClient, BillingClient, CustomerClient, FlowClient, NumberClient, RegistrarClient,
    RouteClient, StorageClient, TtsClient,
};
use trunkline_delivery::Ledger;
use trunkline_model::service::Service;
use trunkline_store::Database;

use crate::asterisks::Asterisks;
pub use crate::config::Config;
pub use crate::metrics::Metrics;

/// Everything the role works with.
pub(crate) struct Role {
    config: Config,
    metrics: Metrics,
    ledger: Arc<Ledger>,
    ari: AriClient,
    agent: AgentClient,
    billing: BillingClient,
    customer: CustomerClient,
    flow: FlowClient,
    flow_prepares: apply::flow::Prepares,
    number: NumberClient,
    registrar: RegistrarClient,
    route: RouteClient,
    storage: StorageClient,
    tts: TtsClient,
    asterisks: Asterisks,
    limits: limits::CallLimits,
    /// Channels that Asterisk does not list.
    missing: reconcile::Since,
    /// Channels outside of the bridges of their calls.
    outside: reconcile::Since,
}

/// The running role.
pub struct Running {
    requests: Consumer,
    events: Consumer,
    reconciler: JoinHandle<()>,
    delivery: trunkline_delivery::Running,
}

impl Running {
    /// Takes no more requests and events, finishes those in progress, and waits
    /// for the background tasks, which the token given to [`start`] ends.
    pub async fn stopped(self) {
        self.requests.stop().await;
        self.events.stop().await;
        let _ = self.reconciler.await;
        self.delivery.ended().await;
    }
}

/// Starts the role.
///
/// # Errors
///
/// When its queues cannot be served.
pub async fn start(
    bus: Arc<dyn Bus>,
    db: Arc<dyn Database>,
    config: Config,
    delivery: trunkline_delivery::Config,
    metrics: Metrics,
    stop: &CancellationToken,
) -> Result<Running, trunkline_bus::Error> {
    let rpc = Rpc::new(Arc::clone(&bus), Service::CALL, metrics.service.clone());
    let ledger = Ledger::new(db, rpc.clone(), delivery, metrics.delivery.clone());
    let role = Arc::new(Role {
        ari: AriClient::new(rpc.clone()),
        agent: AgentClient(rpc.clone()),
        billing: BillingClient(rpc.clone()),
        customer: CustomerClient(rpc.clone()),
        flow: FlowClient(rpc.clone()),
        flow_prepares: apply::flow::Prepares::default(),
        number: NumberClient(rpc.clone()),
        registrar: RegistrarClient(rpc.clone()),
        route: RouteClient(rpc.clone()),
        storage: StorageClient(rpc.clone()),
        tts: TtsClient(rpc),
        asterisks: Asterisks::default(),
        limits: limits::CallLimits::default(),
        missing: reconcile::Since::default(),
        outside: reconcile::Since::default(),
        ledger: Arc::clone(&ledger),
        config,
        metrics,
    });
    if let Err(error) = role.limits.recount(ledger.db()).await {
        tracing::warn!(%error, "the customers' calls cannot be counted yet");
    }
    ledger.follow_customers();
    let mut queue = QueueSpec::new(Service::CALL.subscribe_queue(), role.config.event_workers)
        .tagged(Service::CALL.name());
    queue.capacity = role.config.event_queue;
    let sources = [
        Service::ASTERISK_PROXY,
        Service::CUSTOMER,
        Service::FLOW,
        Service::SENTINEL,
    ];
    let exchanges = sources.map(Service::event_exchange);
    let events = bus
        .subscribe(
            Subscription::new(queue, exchanges).parked_by(ledger.parking()),
            ledger.once(Arc::new(subscribe::Events(Arc::clone(&role)))),
        )
        .await?;
    let queue = QueueSpec::new(Service::CALL.request_queue(), role.config.request_workers)
        .tagged(Service::CALL.name());
    let router = ledger.parking().routes(rpc::router(Arc::clone(&role)));
    let requests = bus.serve(queue, Arc::new(router)).await?;
    let reconciler = tokio::spawn(reconcile::run(Arc::clone(&role), stop.clone()));
    Ok(Running {
        requests,
        events,
        reconciler,
        delivery: ledger.start(stop),
    })
}
