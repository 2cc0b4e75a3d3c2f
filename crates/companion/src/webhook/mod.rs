//! webhook-manager: takes events to the customers' servers (chapter 01 §3.3).
//!
//! A request becomes a row of `trunkline_webhook_deliveries` and is answered; a
//! task posts the row to the customer's server, again and again with growing
//! pauses, and deletes it when the server has taken it. When the attempts are used
//! up it is parked (`trunkline parked`). Rows survive a crash, so a server may see a webhook twice: the header
//! `webhook-id` tells.

mod config;
mod deliverer;
mod metrics;
mod post;
mod rpc;
mod signature;
mod subscribe;
mod unwanted;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, QueueSpec, Router, Rpc, Subscription};
use trunkline_delivery::ParkingLot;
use trunkline_model::service::Service;
use trunkline_store::Database;

pub use config::Config;
pub use metrics::Metrics;

use self::unwanted::Unwanted;
use crate::error::Error;
use crate::role::{self, Running};

/// What the role runs on.
#[derive(Clone)]
pub struct Deps {
    pub bus: Arc<dyn Bus>,
    pub db: Arc<dyn Database>,
    pub metrics: Metrics,
    /// Reaches the customers' servers.
    pub egress: trunkline_egress::Client,
}

/// The state that the routes and the deliverer share.
struct State {
    db: Arc<dyn Database>,
    /// Asks customer-manager for the server and its secret.
    rpc: Rpc,
    config: Config,
    metrics: Metrics,
    unwanted: Unwanted,
    /// Keeps what is given up.
    parking: Arc<ParkingLot>,
    /// A delivery was written.
    written: Notify,
}

/// Serves `bin-manager.webhook-manager.request` and delivers until `stop` is
/// cancelled.
///
/// # Errors
///
/// When this process serves the queue already.
pub async fn start_webhook(
    deps: Deps,
    config: Config,
    stop: CancellationToken,
) -> Result<Running, Error> {
    let role_deps = role::Deps {
        bus: deps.bus,
        db: Arc::clone(&deps.db),
        metrics: deps.metrics.role.clone(),
    };
    let poster = post::Poster::new(deps.egress, &config);
    let role_config = crate::Config {
        workers: config.workers,
        delivery: config.delivery.clone(),
        ..crate::Config::default()
    };
    let ledger = role::ledger(Service::WEBHOOK, &role_deps, &role_config);
    let state = Arc::new(State {
        db: deps.db,
        rpc: ledger.rpc().clone(),
        unwanted: Unwanted::new(config.unwanted_memory()),
        parking: ledger.parking(),
        config,
        metrics: deps.metrics,
        written: Notify::new(),
    });
    let router = rpc::routes(Router::new(
        Arc::clone(&state),
        role_deps.metrics.service.clone(),
    ));
    let running = role::serve(
        &ledger,
        &role_deps,
        role_config.workers,
        stop.clone(),
        router,
    )
    .await?;
    let queue = QueueSpec::new(Service::WEBHOOK.subscribe_queue(), role_config.workers)
        .tagged(Service::WEBHOOK.name());
    let customers = [Service::CUSTOMER.event_exchange()];
    let subscription = Subscription::new(queue, customers).parked_by(ledger.parking());
    let handler = Arc::new(subscribe::Customers(Arc::clone(&state)));
    let subscribed = role_deps.bus.subscribe(subscription, handler).await;
    let consumer = subscribed.map_err(|source| Error::Bus {
        service: Service::WEBHOOK.name(),
        source,
    })?;
    let deliverer = tokio::spawn(deliverer::run(state, poster, stop));
    Ok(running.also(consumer).with_task(deliverer))
}
