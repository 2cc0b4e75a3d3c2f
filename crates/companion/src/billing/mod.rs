//! billing-manager: whether a customer can pay (chapter 05 E.2).
//!
//! It answers the question and keeps the accounts. It charges nothing: balances
//! change only when the operator changes them.
//!
//! A customer comes with an account: it is opened when customer-manager announces the
//! customer, or when somebody asks for it before, and closed when the customer goes.

mod accounts;
pub mod balance;
mod rpc;
mod subscribe;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use trunkline_bus::{QueueSpec, Router, Subscription};
use trunkline_model::service::Service;

use crate::config::Config;
use crate::error::Error;
use crate::role::{self, Deps, Running, State};

/// Serves `bin-manager.billing-manager.request` and follows the customers until `stop`
/// is cancelled.
///
/// # Errors
///
/// When this process serves the queue already, or the carrier is away.
pub async fn start_billing(
    deps: Deps,
    config: Config,
    stop: CancellationToken,
) -> Result<Running, Error> {
    let ledger = role::ledger(Service::BILLING, &deps, &config);
    let workers = config.workers;
    let state = Arc::new(State {
        ledger: Arc::clone(&ledger),
        config,
    });
    let metrics = deps.metrics.service.clone();
    let router = rpc::routes(Router::new(Arc::clone(&state), metrics));
    let running = role::serve(&ledger, &deps, workers, stop, router).await?;

    let name = Service::BILLING.name();
    let queue = QueueSpec::new(Service::BILLING.subscribe_queue(), workers).tagged(name);
    let customers = [Service::CUSTOMER.event_exchange()];
    let subscription = Subscription::new(queue, customers).parked_by(ledger.parking());
    let handler = ledger.once(Arc::new(subscribe::Customers(state)));
    let subscribed = deps.bus.subscribe(subscription, handler).await;
    let consumer = subscribed.map_err(|source| Error::Bus {
        service: name,
        source,
    })?;
    Ok(running.also(consumer))
}
