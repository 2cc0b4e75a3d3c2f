//! agent-manager: the people and desks that answer calls (chapter 05 C.4).

pub mod ringing;
mod rpc;
mod status;
mod subscribe;
mod tags;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use trunkline_bus::{QueueSpec, Router, Subscription};
use trunkline_model::service::Service;

use crate::config::Config;
use crate::error::Error;
use crate::role::{self, Deps, Running, State};

/// Serves `bin-manager.agent-manager.request` and follows call-manager's group
/// calls until `stop` is cancelled.
///
/// # Errors
///
/// When this process serves the queue already, or the carrier is away.
pub async fn start_agent(
    deps: Deps,
    config: Config,
    stop: CancellationToken,
) -> Result<Running, Error> {
    let ledger = role::ledger(Service::AGENT, &deps, &config);
    let workers = config.workers;
    let state = Arc::new(State {
        ledger: Arc::clone(&ledger),
        config,
    });
    let router = rpc::routes(Router::new(
        Arc::clone(&state),
        deps.metrics.service.clone(),
    ));
    let running = role::serve(&ledger, &deps, workers, stop, router).await?;

    let queue =
        QueueSpec::new(Service::AGENT.subscribe_queue(), workers).tagged(Service::AGENT.name());
    let subscription =
        Subscription::new(queue, [Service::CALL.event_exchange()]).parked_by(ledger.parking());
    let subscribed = deps
        .bus
        .subscribe(
            subscription,
            ledger.once(Arc::new(subscribe::Groupcalls(state))),
        )
        .await;
    let consumer = subscribed.map_err(|source| Error::Bus {
        service: Service::AGENT.name(),
        source,
    })?;
    Ok(running.also(consumer))
}
